package window

import (
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// TestPace: the rate is that of stretches without a gap, however they come in batches.
func TestPace(t *testing.T) {
	const from = int64(1_760_000_400_000_000) // us
	k := Key{Length: time.Minute, Start: from * 1000}
	type batch struct {
		at   int64 // us
		n    uint32
		rate uint32
	}
	var unsteady, alone, apart []batch // of 50 Hz
	for i := range int64(500) {
		wobble := []uint32{54_000, 46_296}[i%2] // 2 samples, 18.5 or 21.6 ms apart
		unsteady = append(unsteady, batch{from + i*40_000, 2, wobble})
		alone = append(alone, batch{from + i*22_000, 1, 50_000})
		apart = append(apart, batch{from + i*100_000, 1, 50_000})
	}
	for _, c := range []struct {
		name    string
		batches []batch
		off     bool
	}{
		{"as configured", []batch{{from, 1000, 50_000}}, false},
		{"2 % slow", []batch{{from, 1000, 49_019}}, false}, // 50/49.019 is 1.02001
		{"2 % fast", []batch{{from, 1000, 51_000}}, false},
		{"slower", []batch{{from, 1000, 48_990}}, true},
		{"faster", []batch{{from, 1000, 51_100}}, true},
		{"a gap", []batch{{from, 500, 50_000}, {from + 20_000_000, 500, 50_000}}, false},
		{"unsteady times", unsteady, false},
		{"one sample a batch, too slow", alone, true},
		{"no two follow each other", apart, false},
		{"one sample", []batch{{from, 1, 10_000}}, false},
		{"a second time over", []batch{{from, 1000, 50_000}, {from, 1000, 50_000}}, false},
	} {
		var batches []*wire.SampleBatch
		for i, b := range c.batches {
			batches = append(batches, &wire.SampleBatch{
				Boot: 1, Seq: uint64(i), T0us: b.at, RateMHz: b.rate, NominalRateMHz: 50_000, N: b.n,
				Encoding: wire.Int16Counts, LSBPerG: 64, XYZ: make([]byte, 6*b.n),
			})
		}
		var m Merger
		if off := m.Frame(k, batches).RateOff; off != c.off {
			t.Errorf("%s: off is %v", c.name, off)
		}
	}
}
