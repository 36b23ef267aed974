package wear

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
)

// TestPartialSampleBySample: whole seconds at a time give what one sample after the other
// gives, with missing ones, gaps, and values beyond any device among them.
func TestPartialSampleBySample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	const start = 77 * minuteNS
	for round := range 300 {
		rate := []uint32{0, 1_000, 4_000, 32_000, 85_700, 100_000}[round%6]
		var s features.Samples
		for at := start + rng.Int64N(int64(time.Second)); at < start+minuteNS; at += 1e12 / int64(max(rate, 30_000)) {
			if rng.IntN(200) == 0 {
				at += rng.Int64N(int64(5 * time.Second))
				continue
			}
			v := func() int32 {
				switch rng.IntN(300 * (1 + round%2)) {
				case 0:
					return math.MinInt32
				case 1:
					return math.MaxInt32
				}
				return int32(rng.IntN(2_000_000)) - 1_000_000
			}
			x, y, z := v(), v(), v()
			if rng.IntN(100) == 0 {
				x, y, z = 0, 0, 0
			}
			s.T, s.X, s.Y, s.Z = append(s.T, at), append(s.X, x), append(s.Y, y), append(s.Z, z)
		}
		var got Partial
		got.Set(start, s, features.Readings{}, rate)
		if want := sampleBySample(start, s, rate); got != want {
			t.Fatalf("round %d, %d mHz, %d samples\n got %+v\nwant %+v", round, rate, len(s.T), got, want)
		}
	}
}

func sampleBySample(start int64, s features.Samples, rate uint32) Partial {
	p := Partial{Start: start, Counts: -1}
	longest, slot, last, sparse := int64(0), int64(1), start, int64(-1)
	if rate > 0 {
		longest, slot = 1_500_000_000_000/int64(rate), (int64(rate)+4999)/5000*1_000_000_000_000
	}
	for i, at := range s.T {
		v := [3]int32{s.X[i], s.Y[i], s.Z[i]}
		if v == [3]int32{} {
			continue
		}
		p.covered += min(at-last, longest)
		last = at
		for a := range v {
			v[a] = max(-most, min(v[a], most))
		}
		k := (at - start) / int64(time.Second)
		second := &p.seconds[k]
		second.n++
		for a := range v {
			second.sum[a] += int64(v[a])
			second.squares[a] += int64(v[a]) * int64(v[a])
		}
		p.halves[k/30].sample(v)
		if k := (at - start) * int64(rate) / slot; rate > 0 && k > sparse {
			sparse = k
			p.sparse.sample(v)
		}
	}
	if p.seen() {
		p.covered += min(start+minuteNS-last, longest)
	}
	if p.enough() {
		p.halves[0].halves, p.halves[1].halves, p.sparse.halves = 1, 1, 2
	}
	return p
}
