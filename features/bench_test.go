package features

import "testing"

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
	var e, minute Epoch
	b.ReportAllocs()
	for b.Loop() {
		minute = Epoch{}
		for i := range 12 {
			e = NewEpoch(s.slice(i*250, i*250+250), r.slice(i*5, i*5+5))
			Core.Values(&e, EpochLength, out)
			minute.Merge(&e)
		}
		Core.Values(&minute, Lengths[1], out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.X)), "ns/sample")
}
