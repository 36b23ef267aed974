package participant

import (
	"runtime"
	"testing"

	"github.com/wearstream/wearstream/stream/wire"
)

// live says what two worn wrists say in a quarter, in records as the device operator
// writes them: of a minute provisionally, then of earlier ones finally, then of sides.
func (b *bench) live(q int, l, r sensor) {
	for k := range minutes {
		now := []byte("               ")
		now[k] = 'w'
		for _, s := range []sensor{l, r} {
			rows := s.worn(q, provisional, string(now))
			if q > 1 {
				rows = append(rows, s.worn(q-2, final, string(now))...)
			}
			b.minutes(rows...)
			b.Commit()
		}
	}
	for _, s := range []sensor{l, r} {
		b.sides(s.quarter(q, 0, provisional))
		if q > 0 {
			b.sides(s.quarter(q-1, 0, final))
		}
		b.Commit()
	}
}

// A participant whose wrists are worn all the time costs little: in memory while the log
// is read again, and in the changelog beside what the devices send.
func TestBounds(t *testing.T) {
	const quarters, whole = 96, 21 * 96
	b := newBench(t)
	for q := range quarters {
		b.live(q, left, right)
	}
	if n := len(b.rows); n != 2*quarters-2 {
		t.Errorf("%d rows, want a provisional and a final one of nearly each quarter", n)
	}
	input := quarters * 900 * 2 * 32 * 6 // bytes of samples at 32 Hz
	perInput := float64(b.Written) / float64(input)
	bytes := 0
	for key, value := range b.State {
		bytes += len(key) + len(value)
	}
	t.Logf("%.3f bytes of changelog per byte of samples, %d bytes a day kept", perInput, bytes)
	if perInput > 0.2 {
		t.Errorf("%.3f bytes of changelog per byte of samples", perInput)
	}

	// Memory: the same day under many names, restored as three weeks of some people are.
	const people = 40
	state := map[string][]byte{}
	for i := range people * whole / quarters {
		for key, value := range b.State {
			if key[0] == kindPage {
				k := []byte(key)
				k[len("pS1/P1")-1] = 'A' + byte(i%people)
				k[len(k)-7] += byte(i / people) // another day, or so
				state[string(k)] = value
			}
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	op, err := b.New(0, state, b)
	if err != nil {
		t.Fatal(err)
	}
	grown := float64(heap()) - float64(before)
	pages := 0
	for _, p := range op.(*operator).people {
		pages += len(p.pages.Rows())
	}
	perSensor := grown / float64(pages) * float64(whole/quartersAPage) / 2 / 1024
	t.Logf("%.1f KiB in memory per sensor of three weeks", perSensor)
	if perSensor > 48 {
		t.Errorf("%.1f KiB in memory per sensor", perSensor)
	}
	runtime.KeepAlive(op)
}

// Sides that are far apart are read from the log a record at a time.
func TestSidesFarApart(t *testing.T) {
	const quarters = 400
	b := newBench(t)
	for _, s := range []sensor{left, right} {
		for q := 0; q < quarters; q += 50 {
			var sides []wire.SideRow
			var minutes []wire.WearRow
			for k := range 50 {
				sides = append(sides, s.quarter(q+k, 0, final))
				minutes = append(minutes, s.worn(q+k, final, allWorn)...)
			}
			b.sides(sides...)
			b.minutes(minutes...)
			b.Commit()
		}
	}
	if len(b.rows) != quarters {
		t.Errorf("%d pairs, want %d", len(b.rows), quarters)
	}
	if b.Reread > quarters/10 {
		t.Errorf("%d records were read again", b.Reread)
	}
	if n := len(b.Op.(*operator).sides.sides); n > maxSides {
		t.Errorf("%d sides are kept", n)
	}
}

func BenchmarkMinute(b *testing.B) {
	w := newBench(b)
	for q := range quartersAPage {
		w.live(q, left, right)
	}
	rows := wire.NewWearRows()
	for i := range 1000 {
		state := []string{allWorn, "oowwwwwwwwwwwww"}[i/15/8%2] // which has no pair computed
		rows.Append(&left.worn(i/15%8, final, state)[i%15])
	}
	value, err := rows.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		err := wire.EachWear(value, func(_ int, r *wire.WearRow) error {
			return w.Op.(*operator).minute(b.Context(), 1<<20, r, w)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
}
