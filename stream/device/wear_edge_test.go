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
