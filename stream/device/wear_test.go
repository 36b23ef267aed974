package device

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// wornRow is what a test looks at in a minute of wear.
type wornRow struct {
	start                   time.Time
	revision                uint32
	status, state, by       string
	participant, side, algo string
}

// sideRow is what a test looks at in a side.
type sideRow struct {
	start                     time.Time
	length                    time.Duration
	revision                  uint32
	status, participant, side string
	coverage                  float32
	epochs                    []byte
}

func (b *bench) decodeWear(value []byte) {
	err := wire.EachWear(value, func(_ int, r *wire.WearRow) error {
		b.wear = append(b.wear, wornRow{
			start: r.Start, revision: r.Revision, status: r.Status, state: r.State, by: r.By,
			participant: r.Participant, side: r.Side, algo: r.Algo,
		})
		return nil
	})
	if err != nil {
		b.T.Fatal(err)
	}
}

func (b *bench) decodeSides(value []byte) {
	err := wire.EachSide(value, func(_ int, r *wire.SideRow) error {
		b.sides = append(b.sides, sideRow{
			start: r.Start, length: r.Length, revision: r.Revision, status: r.Status, participant: r.Participant, side: r.Side,
			coverage: r.Coverage, epochs: slices.Clone(r.Epochs),
		})
		return nil
	})
	if err != nil {
		b.T.Fatal(err)
	}
}

var wearConfig = wear.Config{Order: wear.DefaultOrder, Params: wear.Default}

func newWearBench(t testing.TB) *bench {
	b := newBench(t)
	b.New = New(Config{Cell: "main", Sets: []*features.Set{features.Core}, Memory: DefaultMemory, Wear: &wearConfig}, prometheus.NewRegistry())
	b.Restart()
	return b
}

// worn are batches of a minute at 2 Hz from a time on, one for each letter: w worn, n
// lying still and cooling, c still and on the charger, - nothing. Boots and sequences are the caller's.
func worn(seed uint64, start time.Time, plan string) (all []*wire.SampleBatch) {
	random := rand.New(rand.NewPCG(seed, 7))
	temperature := 24_000.0
	for i, what := range plan {
		target, noise := 33_000.0, 60
		if what != 'w' {
			target, noise = 22_000, 0
		}
		xyz := make([]byte, 0, 6*120)
		var readings []int32
		for k := range 120 {
			for axis := range 3 {
				v := 0
				if axis == 2 {
					v = 256
				}
				xyz = binary.LittleEndian.AppendUint16(xyz, uint16(int16(v+random.IntN(noise+1)-noise/2)))
			}
			temperature += (target - temperature) / 1200
			if k%8 == 0 {
				readings = append(readings, int32(temperature))
			}
		}
		if what == '-' {
			continue
		}
		at := start.Add(time.Duration(i) * time.Minute).UnixMicro()
		b := &wire.SampleBatch{
			Boot: 1, Seq: uint64(len(all)), T0us: at, RateMHz: 2000, Encoding: wire.Int16Counts, LSBPerG: 256, N: 120, XYZ: xyz,
			TempT0us: at, TempRateMHz: 250, TempMdegC: readings,
		}
		b.Charging.OK, b.Charging.Value = what == 'c', what == 'c'
		all = append(all, b)
	}
	return all
}

func repeat(parts ...any) (plan string) {
	for i := 0; i < len(parts); i += 2 {
		for range parts[i+1].(int) {
			plan += parts[i].(string)
		}
	}
	return plan
}

// day has bouts of all kinds, holes and a charger.
var day = repeat("w", 45, "n", 130, "w", 100, "-", 70, "w", 25, "c", 20, "w", 30, "n", 100, "-", 14, "n", 40, "w", 120, "-", 3, "w", 20, "n", 95, "w", 11)

// wornOf says of batches what the driver says of a recording of them.
func wornOf(t *testing.T, batches []*wire.SampleBatch) map[time.Time]wear.Minute {
	return wornBy(t, wearConfig, batches)
}

func wornBy(t *testing.T, c wear.Config, batches []*wire.SampleBatch) map[time.Time]wear.Minute {
	c.FinalOnly = true
	d, err := wear.New(c)
	if err != nil {
		t.Fatal(err)
	}
	all := map[time.Time]wear.Minute{}
	keep := func(m wear.Minute) { all[time.Unix(0, m.Start).UTC()] = m }
	batches = slices.Clone(batches)
	slices.SortFunc(batches, func(a, b *wire.SampleBatch) int { return int(a.T0us - b.T0us) })
	var merger window.Merger
	for _, b := range batches {
		k := window.Key{Length: time.Minute, Start: b.T0us * 1000}
		content := merger.Merge(k, []*wire.SampleBatch{b})
		var p wear.Partial
		p.Set(k.Start, content.Samples, content.Readings, b.RateMHz)
		if b.Charging.Value {
			p.Reported = wear.Charging
		}
		if err := d.Push(&p, keep); err != nil {
			t.Fatal(err)
		}
	}
	d.End(keep)
	return all
}

// lastWorn is the last word of every minute; revisions count up, and no word comes twice.
func lastWorn(t *testing.T, rows []wornRow) map[time.Time]wornRow {
	t.Helper()
	last := map[time.Time]wornRow{}
	for _, r := range rows {
		was, known := last[r.start]
		if r.revision != was.revision+1 {
			t.Fatalf("%+v after %+v", r, was)
		}
		final := was.status == wire.StatusFinal || was.status == wire.StatusCorrected
		if known && r.state == was.state && r.by == was.by && r.participant == was.participant && (final || r.status == was.status) {
			t.Fatalf("the same twice: %+v after %+v", r, was)
		}
		if final && r.status != wire.StatusCorrected || !final && r.status == wire.StatusCorrected {
			t.Fatalf("%s after %q: %+v", r.status, was.status, r)
		}
		last[r.start] = r
	}
	return last
}

func checkWorn(t *testing.T, got map[time.Time]wornRow, want map[time.Time]wear.Minute, final bool) {
	t.Helper()
	for at, w := range want {
		r, ok := got[at]
		if !ok || r.state != w.State.String() || r.by != w.By || final && r.status == wire.StatusProvisional {
			t.Fatalf("%s is %+v, want %+v", at, r, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d minutes, want %d", len(got), len(want))
	}
}

// TestWearAsInBatch: a recording that comes in order, minute for minute as of the file.
func TestWearAsInBatch(t *testing.T) {
	b := newWearBench(t)
	batches := worn(1, origin, day)
	provisional := 0
	for i, s := range batches {
		b.say(wire.KindSamples, "w1", s.Append(nil))
		b.Commit()
		if i == 200 {
			b.Restart()
		}
		if n := len(b.wear); n > 0 && b.wear[n-1].status == wire.StatusProvisional {
			provisional++
		}
	}
	b.end(1, uint64(len(batches)-1))
	b.Commit()
	got := lastWorn(t, b.wear)
	checkWorn(t, got, wornOf(t, batches), true)
	states := map[string]int{}
	for _, r := range got {
		states[r.state]++
	}
	t.Log(states, provisional)
	if len(states) < 4 || provisional < 300 {
		t.Errorf("%v, %d of %d batches said something at once: the recording shows too little", states, provisional, len(batches))
	}
}

// TestWearHoweverItComes: batches out of order, twice, days late, while transactions fail
// and processes are killed: the last word of every minute is that of the recording.
func TestWearHoweverItComes(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b := newWearBench(t)
			batches := worn(seed, origin, day+repeat("-", 60*random.IntN(30)+1)+day)
			boots := [2]int{}
			half := len(batches) / 2
			for i, s := range batches {
				if i >= half {
					s.Boot, s.Seq = 2, uint64(i-half)
					s.PrevBootLastSeq.OK, s.PrevBootLastSeq.Value = true, uint64(half-1)
				}
				boots[s.Boot-1]++
			}
			order := slices.Clone(batches)
			switch seed % 3 {
			case 0: // within lateness
				for i := range order {
					j := min(len(order)-1, i+random.IntN(20))
					order[i], order[j] = order[j], order[i]
				}
			case 1: // hours that come last
				from := random.IntN(len(order) - 200)
				order = append(slices.Concat(order[:from], order[from+150:]), order[from:from+150]...)
			case 2:
				random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			now := b.appended
			for i, s := range order {
				work := func() {
					b.say(wire.KindSamples, "w1", s.Append(nil))
					if i%7 == 0 {
						b.say(wire.KindSamples, "w1", order[random.IntN(i+1)].Append(nil))
					}
				}
				if i%13 == 0 {
					b.rough(random.IntN(4), work)
				} else {
					work()
				}
				if i%30 == 0 {
					now = now.Add(time.Duration(random.IntN(180)) * time.Second)
					b.tick(now)
				}
				if i%3 == 0 {
					b.Commit()
				}
			}
			if seed%2 == 0 {
				b.end(1, uint64(boots[0]-1))
				b.end(2, uint64(boots[1]-1))
			}
			for range 40 {
				now = now.Add(time.Minute)
				b.tick(now)
				b.Commit()
			}
			if seed%2 == 1 { // a hole would be closed by now
				b.end(2, uint64(boots[1]-1))
			}
			for range 5 { // what is too much for one record follows with ticks
				now = now.Add(10 * time.Second)
				b.tick(now)
				b.Commit()
			}
			checkWorn(t, lastWorn(t, b.wear), wornOf(t, batches), true)
		})
	}
}

// TestWearWaitsForHoles: what lies behind a hole is provisional until it is filled.
func TestWearWaitsForHoles(t *testing.T) {
	b := newWearBench(t)
	batches := worn(3, origin, repeat("w", 200))
	for i, s := range batches {
		if i != 20 {
			b.say(wire.KindSamples, "w1", s.Append(nil))
		}
	}
	b.Commit()
	for at, r := range lastWorn(t, b.wear) {
		if final := at.Before(origin.Add(20 * time.Minute)); r.status != wire.StatusProvisional && !final {
			t.Fatalf("%s is final before the hole is filled: %+v", at, r)
		}
	}
	b.say(wire.KindSamples, "w1", batches[20].Append(nil))
	b.end(1, uint64(len(batches)-1))
	for range 3 {
		b.tick(b.appended.Add(10 * time.Second))
	}
	b.Commit()
	checkWorn(t, lastWorn(t, b.wear), wornOf(t, batches), true)
}

// TestWearOfAnother: minutes and sides of a sensor that is somebody else's are said
// again, and taken back from whom they were.
func TestWearOfAnother(t *testing.T) {
	b := newWearBench(t)
	assign := func(participant, side string, from time.Time) {
		v, _ := json.Marshal(wire.Assignment{Sensor: "w1", Study: "ST", Participant: participant, Side: side, From: from})
		b.say(wire.KindAssignment, "w1", v)
	}
	assign("P1", "left", time.Time{})
	batches := worn(4, origin, repeat("w", 60, "-", 20, "w", 60))
	for _, s := range batches {
		b.say(wire.KindSamples, "w1", s.Append(nil))
	}
	b.end(1, uint64(len(batches)-1))
	b.Commit()
	before := len(b.sides)
	if before == 0 {
		t.Fatal("no sides")
	}
	for _, r := range b.sides {
		side, err := pair.ParseSide(r.epochs)
		if r.participant != "P1" || r.side != "left" || err != nil {
			t.Fatalf("%+v, %v", r, err)
		}
		for place := range pair.Epochs {
			at := r.start.Add(time.Duration(place) * features.EpochLength)
			recorded := at.Before(origin.Add(time.Hour)) || !at.Before(origin.Add(80*time.Minute)) && at.Before(origin.Add(140*time.Minute))
			if mad := side.Epoch(place).MAD; recorded != (mad > 0) {
				t.Fatalf("epoch at %s has a mad of %v", at, mad)
			}
		}
	}
	change := origin.Add(30 * time.Minute)
	assign("P2", "right", change)
	for range 5 {
		b.tick(b.appended.Add(10 * time.Second))
	}
	b.Commit()
	for at, r := range lastWorn(t, b.wear) {
		want := [2]string{"P1", "left"}
		if !at.Before(change) {
			want = [2]string{"P2", "right"}
		}
		if got := [2]string{r.participant, r.side}; got != want {
			t.Fatalf("%s is of %v, want %v", at, got, want)
		}
	}
	gone, come, minutes := map[time.Time]bool{}, map[time.Time]bool{}, 0
	for _, r := range b.sides[before:] {
		switch {
		case r.participant == "P1" && r.length == time.Minute && r.status == wire.StatusRetracted && !r.start.Before(change):
			minutes++
		case r.participant == "P1" && r.side == "left" && r.status == wire.StatusRetracted && len(r.epochs) == 0:
			gone[r.start] = true
		case r.participant == "P2" && r.side == "right" && r.status == wire.StatusCorrected && len(r.epochs) > 0:
			come[r.start] = true
		default:
			t.Fatalf("%+v", r)
		}
	}
	if len(gone) == 0 || len(gone) != len(come) {
		t.Errorf("%d sides are taken back, %d are said", len(gone), len(come))
	}
	if minutes != 110 {
		t.Errorf("%d minutes are taken back, want those from 30 to 140", minutes)
	}
}
