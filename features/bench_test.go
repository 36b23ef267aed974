package features

import (
	"math/rand/v2"
	"testing"
)

// wrist is a deterministic signal: gravity turning slowly, bursts of movement,
// and a temperature reading a second.
func wrist(seconds, rate int) (Samples, Readings) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := seconds * rate
	s := Samples{T: make([]int64, n), X: make([]int32, n), Y: make([]int32, n), Z: make([]int32, n)}
	var r Readings
	const start = 1_700_000_000_000_000_000
	phase := 0.0
	for i := range n {
		at := start + int64(i)*1_000_000_000/int64(rate)
		noise := func() int32 { return int32(rng.IntN(1 << (10 + i/rate/7%10))) }
		phase += 1e-3
		turn := int32(600_000 * (phase - float64(int(phase))))
		s.T[i] = at
		s.X[i], s.Y[i], s.Z[i] = turn+noise(), 400_000-turn-noise(), 800_000+noise()-noise()
		if i%rate == 0 {
			r.T = append(r.T, at+137)
			r.MilliC = append(r.MilliC, 31_000+int32(rng.IntN(90))+int32(i/rate))
		}
	}
	return s, r
}

func BenchmarkEpoch(b *testing.B) {
	s, r := wrist(5, 50)
	var sink Epoch
	b.ReportAllocs()
	for b.Loop() {
		sink = NewEpoch(s, r)
	}
	_ = sink
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.X)), "ns/sample")
}

// BenchmarkWindows is everything that a minute of 50 Hz costs: 12 epochs with
// their values, their combination and its values.
func BenchmarkWindows(b *testing.B) {
	s, r := wrist(60, 50)
	out := make([]float64, len(Core.Features))
	b.ReportAllocs()
	for b.Loop() {
		var minute Epoch
		for i := range 12 {
			at, to := i*250, i*250+250
			e := NewEpoch(Samples{s.T[at:to], s.X[at:to], s.Y[at:to], s.Z[at:to]}, Readings{r.T[i*5 : i*5+5], r.MilliC[i*5 : i*5+5]})
			Core.Values(&e, EpochLength, out)
			minute.Merge(&e)
		}
		Core.Values(&minute, Lengths[1], out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.X)), "ns/sample")
}
