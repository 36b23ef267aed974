package participant_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// worn are batches of a minute of a wrist that moves and is warm, 2 samples a second.
func worn(seed uint64, minutes int) (all []*wire.SampleBatch) {
	rng := rand.New(rand.NewPCG(seed, 7))
	for i := range minutes {
		at := time.Date(2026, 6, 1, 0, i, 0, 0, time.UTC).UnixMicro()
		b := &wire.SampleBatch{Boot: 1, Seq: uint64(i), T0us: at, RateMHz: 2000, Encoding: wire.Int16Counts, LSBPerG: 256, N: 120, TempT0us: at, TempRateMHz: 250}
		for range 120 {
			for _, v := range []int{0, 0, 256} {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(int16(v+rng.IntN(61)-30)))
			}
		}
		for range 15 {
			b.TempMdegC = append(b.TempMdegC, 33_000+int32(rng.IntN(50)))
		}
		all = append(all, b)
	}
	return all
}

// TestGivenAwayWithinAQuarter: whose a minute is decides whether it counts as worn,
// whenever that was said: before the samples, while minutes are provisional, after all,
// and there and back in one transaction.
func TestGivenAwayWithinAQuarter(t *testing.T) {
	const minutes = 240
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	type handed struct {
		at   int // minutes that have come
		who  string
		side string
		from int // minute
	}
	run := func(given ...handed) []string {
		c := newChain(t)
		c.tick(0)
		c.assign("l", "P-1", "left")
		c.assign("r", "P-1", "right")
		give := func(came int) {
			for _, h := range given {
				if h.at == came {
					value, _ := json.Marshal(wire.Assignment{Sensor: "l", Study: "ST01", Participant: h.who, Side: h.side, From: start.Add(time.Duration(h.from) * time.Minute)})
					c.say(wire.KindAssignment, "l", value)
				}
			}
		}
		l, r := worn(1, minutes), worn(2, minutes)
		for k := range minutes {
			give(k)
			c.say(wire.KindSamples, "l", l[k].Append(nil))
			c.say(wire.KindSamples, "r", r[k].Append(nil))
			c.tick(time.Minute)
			c.settle()
		}
		for _, sensor := range []string{"l", "r"} {
			c.say(wire.KindStatus, sensor, fmt.Appendf(nil, `{"kind":"end","boot":1,"last_seq":%d}`, minutes-1))
		}
		finish := func() {
			for range 60 {
				c.tick(time.Minute)
				c.settle()
			}
		}
		finish()
		give(minutes)
		finish()
		return last(c.features.recs)
	}
	all := run()
	if len(all) != minutes/15 {
		t.Fatalf("%d pairs of a calm run", len(all))
	}
	for _, to := range []struct {
		who, side string
		pairs     int
	}{{"P-2", "left", 4}, {"P-1", "none", 4}, {"P-1", "right", 5}} { // a quarter is of the side that it began on
		want := run(handed{0, to.who, to.side, 67})
		if len(want) != to.pairs {
			t.Errorf("to %s %s: %d pairs, want %d", to.who, to.side, len(want), to.pairs)
		}
		for _, came := range []int{70, 80, 200, minutes} {
			if got := run(handed{came, to.who, to.side, 67}); !slices.Equal(got, want) {
				t.Errorf("to %s %s after %d minutes:\n%q\nwant\n%q", to.who, to.side, came, got, want)
			}
		}
		for _, came := range []int{80, minutes} {
			if got := run(handed{came, to.who, to.side, 67}, handed{came, "P-1", "left", 67}); !slices.Equal(got, all) {
				t.Errorf("to %s %s and back after %d minutes:\n%q\nwant\n%q", to.who, to.side, came, got, all)
			}
		}
	}
}
