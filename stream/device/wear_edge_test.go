package device

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/wire"
)

// settle lets ticks pass until nothing is left to be said.
func (b *bench) settle() {
	at := b.appended
	for range 12 {
		at = at.Add(time.Minute)
		b.tick(at)
	}
	b.Commit()
}

// wearBy goes on with other algorithms of wear; nil: with none.
func (b *bench) wearBy(c *wear.Config) {
	b.Commit()
	b.New = New(Config{Cell: "main", Sets: []*features.Set{features.Core}, Memory: DefaultMemory, Wear: c}, prometheus.NewRegistry())
	b.Restart()
}

// TestWearOfAnotherWithoutWear: who no longer asks for wear can still say whose a sensor is.
func TestWearOfAnotherWithoutWear(t *testing.T) {
	b := newWearBench(t)
	b.send(worn(4, origin, repeat("w", 30))...)
	b.end(1, 29)
	b.wearBy(nil)
	said := len(b.wear)
	v, _ := json.Marshal(wire.Assignment{Sensor: "w1", Study: "ST", Participant: "P1", Side: "left"})
	b.say(wire.KindAssignment, "w1", v)
	b.settle()
	if got := latest(t, b.rows)["060 12:10:00"]; got.participant != "P1" || len(b.wear) != said {
		t.Errorf("%+v, and %d minutes of wear, want %d", got, len(b.wear), said)
	}
}

// TestWearMendedSurvivesRestart: what the driver knows of late minutes is not lost in a
// restart.
func TestWearMendedSurvivesRestart(t *testing.T) {
	plan := repeat("w", 62, "n", 60)
	for cut := 50; cut < 62; cut += 3 {
		run := func(restart bool) []wornRow {
			b := newWearBench(t)
			batches := worn(6, origin, plan)
			for i, s := range batches[:70] {
				if i < 25 || i >= cut {
					b.send(s)
					b.Commit()
				}
			}
			b.send(batches[25:cut]...)
			b.settle()
			if restart {
				b.Restart()
			}
			b.send(batches[70:]...)
			b.Commit()
			return b.wear
		}
		if with, without := run(true), run(false); !slices.Equal(with, without) {
			t.Fatalf("hole up to minute %d: %d rows after a restart, %d without one", cut, len(with), len(without))
		}
	}
}

// TestWearChargesWhereItSays: a batch says that it charges of the minutes that it has a
// sample or a reading in, not of those between.
func TestWearChargesWhereItSays(t *testing.T) {
	batches := worn(5, origin, repeat("w", 200))
	for i, j := range []int{20, 150} { // the readings of one are those of the other
		batches[j].Charging = wire.Some(i == 0)
	}
	far := batches[20]
	far.TempT0us, far.TempMdegC = batches[150].TempT0us, far.TempMdegC[:1]
	for _, order := range [][]*wire.SampleBatch{batches, slices.Concat(batches[:20], batches[21:], batches[20:21])} {
		b := newWearBench(t)
		b.send(order...)
		b.end(1, 199)
		b.settle()
		charging := 0
		for _, r := range lastWorn(t, b.wear) {
			if r.state == wear.Charging.String() {
				charging++
			}
		}
		if charging != 2 {
			t.Errorf("%d minutes are charging, want 2", charging)
		}
	}
}

// TestWearAskedForAgain: of minutes that came while nobody asked for wear nothing is said.
func TestWearAskedForAgain(t *testing.T) {
	b := newWearBench(t)
	batches := worn(4, origin, repeat("w", 240))
	b.send(batches[:60]...)
	b.wearBy(nil)
	b.send(batches[60:120]...)
	b.wearBy(&wearConfig)
	b.send(batches[120:]...)
	b.end(1, 239)
	b.settle()
	for at, r := range lastWorn(t, b.wear) {
		if r.state == wear.NoData.String() {
			t.Fatalf("%s: %+v", at, r)
		}
	}
}

// TestWearIsFinalAfterMending: minutes that come late are final once they are decided,
// though the last minute of all is open and nothing follows.
func TestWearIsFinalAfterMending(t *testing.T) {
	b := newWearBench(t)
	batches := worn(7, origin, repeat("w", 40, "-", 60*60, "w", 200, "-", 5, "w", 100))
	open, late := batches[339], batches[40:240]
	open.N, open.XYZ, open.TempMdegC = 60, open.XYZ[:360], open.TempMdegC[:5]
	b.send(slices.Concat(batches[:40], batches[240:])...)
	b.settle()
	b.settle()
	b.send(late...)
	b.settle()
	got := lastWorn(t, b.wear)
	for _, s := range late {
		if r := got[time.UnixMicro(s.T0us).UTC()]; r.status != wire.StatusFinal || r.state != wear.Wear.String() {
			t.Fatalf("%s: %+v", time.UnixMicro(s.T0us).UTC(), r)
		}
	}
}

// TestWearOfWhatIsGone: minutes that the log no longer holds stay what they were.
func TestWearOfWhatIsGone(t *testing.T) {
	b := newWearBench(t)
	batches := worn(9, origin, repeat("w", 240))
	b.send(slices.Concat(batches[:100], batches[110:180], batches[190:])...)
	b.settle()
	was := lastWorn(t, b.wear)
	for range 30 {
		b.tick(b.appended.Add(24 * time.Hour))
		b.Commit()
	}
	b.First = b.Op.(*operator).time.Floor
	b.send(slices.Concat(batches[100:110], batches[180:190])...)
	b.settle()
	got := lastWorn(t, b.wear)
	for at, w := range was {
		if r := got[at]; r.state != w.state {
			t.Fatalf("%s is %+v, was %+v", at, r, w)
		}
	}
}

// TestWearOfScatteredMinutes: what one batch may touch is kept as few spans.
func TestWearOfScatteredMinutes(t *testing.T) {
	b := newWearBench(t)
	b.send(worn(10, origin, repeat("w", 10))...)
	far := worn(10, origin, "w")[0]
	far.Seq, far.N, far.XYZ = 10, 0, nil
	far.TempRateMHz, far.TempMdegC = 1, make([]int32, 1000) // one in 1000 s
	far.TempT0us = origin.Add(-1000 * 1000 * time.Second).UnixMicro()
	b.send(far)
	if n := len(b.Op.(*operator).sensors["w1"].wearing.Todo); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
	b.end(1, 10)
	b.settle()
	b.settle()
	if w := &b.Op.(*operator).sensors["w1"].wearing; len(w.Todo) > 0 {
		t.Errorf("%v is left", w.Todo)
	}
	if got := lastWorn(t, b.wear); len(got) != 10 {
		t.Errorf("%d minutes, want 10", len(got))
	}
}

// TestWearMendedLetsGo: what was read again to mend minutes is not kept.
func TestWearMendedLetsGo(t *testing.T) {
	b := newWearBench(t)
	batches := worn(11, origin, repeat("w", 700))
	b.send(slices.Concat(batches[:100], batches[101:])...)
	b.settle()
	b.send(batches[100])
	s, at, mended := b.Op.(*operator).sensors["w1"], b.appended, false
	for range 10 {
		at = at.Add(time.Minute)
		waits := len(s.wearing.Todo) > 0
		b.tick(at)
		if waits && len(s.wearing.Todo) == 0 {
			mended = true
			if n := len(s.recalled); n > 0 {
				t.Errorf("%d blocks are kept", n)
			}
		}
	}
	if !mended {
		t.Error("nothing was mended")
	}
}

// TestWearByOthers: minutes that other algorithms decide after a restart are as if they
// had seen all.
func TestWearByOthers(t *testing.T) {
	others := wear.Config{Order: []string{"actipy", "ggir2023"}, Params: wear.Default}
	batches := worn(4, origin, day)
	want := wornBy(t, others, batches)
	for cut := 180; cut < 600; cut += 100 {
		b := newWearBench(t)
		b.send(batches[:cut]...)
		b.wearBy(&others)
		b.send(batches[cut:]...)
		b.end(1, uint64(len(batches)-1))
		b.settle()
		by := map[string][]wornRow{}
		for _, r := range b.wear {
			by[r.algo] = append(by[r.algo], r)
		}
		lastWorn(t, by[wearConfig.Algo()]) // stands
		said := lastWorn(t, by[others.Algo()])
		for at, r := range said {
			if w := want[at]; r.state != w.State.String() || r.by != w.By || r.status != wire.StatusFinal {
				t.Errorf("change at %d: %s is %+v, want %+v", cut, at, r, w)
			}
		}
		if len(by) != 2 || len(said) < len(batches)-cut {
			t.Errorf("change at %d: %d minutes by the others", cut, len(said))
		}
	}
}

// TestWearSameHoweverInterrupted: two sensors with clocks set back, boots, holes and late
// batches, assigned now and then: every row is the same where transactions fail and
// processes are killed.
func TestWearSameHoweverInterrupted(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			steps := erratic(seed)
			smooth, rough := newWearBench(t), newWearBench(t)
			random := rand.New(rand.NewPCG(seed, 3))
			for i := 0; i < len(steps); {
				n := min(len(steps)-i, 1+random.IntN(20))
				work := func(b *bench) func() {
					return func() {
						for _, step := range steps[i : i+n] {
							step(b)
						}
					}
				}
				work(smooth)()
				rough.rough(random.IntN(4), work(rough))
				if random.IntN(4) == 0 {
					rough.Commit()
					rough.Restart()
				}
				i += n
			}
			smooth.Commit()
			rough.Commit()
			if len(smooth.wear) < 500 || len(smooth.sides) == 0 {
				t.Fatalf("%d minutes, %d sides: too little", len(smooth.wear), len(smooth.sides))
			}
			for what, same := range map[string]bool{
				"minutes": sameRows(smooth.wear, rough.wear), "sides": sameRows(smooth.sides, rough.sides), "windows": sameRows(smooth.rows, rough.rows),
			} {
				if !same {
					t.Errorf("%s are others", what)
				}
			}
		})
	}
}

// sameRows compares rows but for their order, which is that of their partitions only.
func sameRows[T any](a, b []T) bool {
	text := func(rows []T) (all []string) {
		for _, r := range rows {
			all = append(all, fmt.Sprint(r))
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(text(a), text(b))
}

// erratic is what two sensors and the clock do.
func erratic(seed uint64) (steps []func(*bench)) {
	random := rand.New(rand.NewPCG(seed, 2))
	for k, sensor := range []string{"w1", "w2"} {
		var own []func(*bench)
		at := origin
		for boot := range uint64(3) {
			plan := ""
			for range 4 {
				plan += repeat(string("wncw-"[random.IntN(5)]), 5+random.IntN(100))
			}
			batches := worn(seed+uint64(k), at, plan)
			if random.IntN(2) == 0 {
				for i := range batches {
					j := min(len(batches)-1, i+random.IntN(40))
					batches[i], batches[j] = batches[j], batches[i]
				}
			}
			for _, s := range batches {
				s.Boot = 1 + boot
				if boot > 0 && random.IntN(2) == 0 {
					s.PrevBootLastSeq = wire.Some(uint64(1000))
				}
				if random.IntN(15) > 0 {
					value := s.Append(nil)
					own = append(own, func(b *bench) { b.say(wire.KindSamples, sensor, value) })
				}
			}
			at = at.Add(time.Duration(random.IntN(3000)-300) * time.Minute)
		}
		for range 40 { // late ones
			i, j := random.IntN(len(own)), random.IntN(len(own))
			own[i], own[j] = own[j], own[i]
		}
		for i := range 5 {
			a := wire.Assignment{Sensor: sensor, Study: "ST", Participant: fmt.Sprint("P", i%2), Side: []string{"left", "right"}[(i+k)%2], From: origin.Add(time.Duration(random.IntN(400)) * time.Minute)}
			v, _ := json.Marshal(a)
			own = slices.Insert(own, random.IntN(len(own)), func(b *bench) { b.say(wire.KindAssignment, sensor, v) })
		}
		own = append(own, func(b *bench) {
			b.say(wire.KindStatus, sensor, []byte(`{"kind":"end","boot":3,"last_seq":10}`))
		})
		place := 0
		for _, step := range own { // among those of the other
			place += random.IntN(3)
			steps = slices.Insert(steps, min(place, len(steps)), step)
		}
	}
	now := origin
	for i := 20; i < len(steps); i += 20 {
		now = now.Add(time.Duration(random.IntN(600)) * time.Second)
		at := now
		steps = slices.Insert(steps, i, func(b *bench) { b.tick(at) })
	}
	for range 30 {
		now = now.Add(time.Minute)
		at := now
		steps = append(steps, func(b *bench) { b.tick(at) })
	}
	return steps
}

// TestWearOfWhatIsGoneStaysWhose: who a sensor was of is put right for all of a time or
// for nothing of it: minutes of which the log has let go stay whose their windows are.
func TestWearOfWhatIsGoneStaysWhose(t *testing.T) {
	b := newWearBench(t)
	b.send(worn(9, origin, repeat("w", 120))...)
	b.end(1, 119)
	b.settle()
	for range 30 {
		b.tick(b.appended.Add(24 * time.Hour))
		b.Commit()
	}
	b.First = b.Op.(*operator).time.Floor
	b.rows, b.wear = nil, nil
	b.say(wire.KindAssignment, "w1", []byte(`{"sensor":"w1","study":"ST","participant":"P2","side":"left"}`))
	if b.settle(); len(b.rows) > 0 || len(b.wear) > 0 {
		t.Errorf("%d windows and %d minutes are another's", len(b.rows), len(b.wear))
	}
}

// TestWearByOthersAndBack: each order goes on with its own words: no revision is said
// twice, what one left open the next decides, and all follow an assignment, that of now
// last.
func TestWearByOthersAndBack(t *testing.T) {
	others := wear.Config{Order: []string{"actipy", "ggir2023"}, Params: wear.Default}
	batches := worn(4, origin, day)
	b := newWearBench(t)
	for i, s := range batches {
		switch {
		case i == 300 || i == 640:
			continue // late
		case i == 600:
			b.wearBy(&others)
		case i == 660:
			b.wearBy(&wearConfig)
		}
		b.send(s)
		if i%5 == 0 {
			b.tick(b.appended.Add(time.Minute))
		}
	}
	b.send(batches[300], batches[640])
	b.end(1, uint64(len(batches)-1))
	b.settle()
	by := map[string][]wornRow{}
	for _, r := range b.wear {
		by[r.algo] = append(by[r.algo], r)
	}
	checkWorn(t, lastWorn(t, by[wearConfig.Algo()]), wornOf(t, batches), true)
	if said := len(lastWorn(t, by[others.Algo()])); said < 60 {
		t.Errorf("%d minutes by the others", said)
	}

	before := len(b.wear)
	b.say(wire.KindAssignment, "w1", []byte(`{"sensor":"w1","study":"ST","participant":"P2","side":"left"}`))
	b.settle()
	last := map[time.Time]string{}
	for _, r := range b.wear[before:] {
		if last[r.start] = r.algo; r.participant != "P2" {
			t.Fatalf("%+v", r)
		}
	}
	lastWorn(t, slices.DeleteFunc(slices.Clone(b.wear), func(r wornRow) bool { return r.algo != wearConfig.Algo() }))
	lastWorn(t, slices.DeleteFunc(slices.Clone(b.wear), func(r wornRow) bool { return r.algo != others.Algo() }))
	for at, algo := range last {
		if algo != wearConfig.Algo() {
			t.Fatalf("the last word on %s is by %s", at, algo)
		}
	}
	if len(last) < len(batches) {
		t.Errorf("%d minutes follow", len(last))
	}
}

// TestWearOfOneOrder: state of a version that did not name orders of algorithms goes on.
func TestWearOfOneOrder(t *testing.T) {
	b := newWearBench(t)
	batches := worn(4, origin, day)
	b.send(batches[:300]...)
	b.Commit()
	delete(b.State, state.Key(kindOrders, "w1"))
	b.Restart()
	b.send(batches[300:]...)
	b.end(1, uint64(len(batches)-1))
	b.settle()
	checkWorn(t, lastWorn(t, b.wear), wornOf(t, batches), true)
}
