package device

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/wire"
)

// settle lets ticks pass until nothing is left to be said.
func (b *bench) settle() {
	at := b.appended
	for range 12 {
		at = at.Add(time.Minute)
		b.tick(at)
	}
	b.commit()
}

// wearBy goes on with other algorithms of wear; nil: with none.
func (b *bench) wearBy(c *wear.Config) {
	b.commit()
	b.newOp = New(Config{Cell: "main", Sets: []*features.Set{features.Core}, Memory: DefaultMemory, Wear: c}, prometheus.NewRegistry())
	b.restart()
}

// TestWearOfAnotherWithoutWear: who no longer asks for wear can still say whose a sensor is.
func TestWearOfAnotherWithoutWear(t *testing.T) {
	b := newWearBench(t)
	b.send(worn(4, origin, repeat("w", 30))...)
	b.end(1, 29)
	b.wearBy(nil)
	said := len(b.wear)
	v, _ := json.Marshal(wire.Assignment{Sensor: "w1", Study: "ST", Participant: "P1", Side: "left"})
	b.append(wire.KindAssignment, "w1", v)
	b.settle()
	if got := latest(t, b.rows)["060 12:10:00"]; got.participant != "P1" || len(b.wear) != said {
		t.Errorf("%+v, and %d minutes of wear, want %d", got, len(b.wear), said)
	}
}

// TestWearMendedSurvivesRestart: what the driver knows of late minutes is not lost in a
// restart.
func TestWearMendedSurvivesRestart(t *testing.T) {
	plan := repeat("w", 62, "n", 60)
	for cut := 50; cut < 62; cut++ {
		run := func(restart bool) []wornRow {
			b := newWearBench(t)
			batches := worn(6, origin, plan)
			for i, s := range batches[:70] {
				if i < 25 || i >= cut {
					b.send(s)
					b.commit()
				}
			}
			b.send(batches[25:cut]...)
			b.settle()
			if restart {
				b.restart()
			}
			b.send(batches[70:]...)
			b.commit()
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
		b.commit()
	}
	b.first = b.op.(*operator).time.Floor
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
	if n := len(b.op.(*operator).sensors["w1"].wearing.Todo); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
	b.end(1, 10)
	b.settle()
	b.settle()
	if w := &b.op.(*operator).sensors["w1"].wearing; len(w.Todo) > 0 {
		t.Errorf("%v is left", w.Todo)
	}
	if got := lastWorn(t, b.wear); len(got) != 10 {
		t.Errorf("%d minutes, want 10", len(got))
	}
}
