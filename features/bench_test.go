package features

import (
	"testing"
	"time"
)

func BenchmarkEpoch(b *testing.B) {
	s, r := wrist(5, 50)
	var sink Epoch
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		sink = newTestEpoch(s, r, milli(50))
	}
	_ = sink
	perSample(b, before, len(s.X))
}

// BenchmarkWindows is everything that a minute of 50 Hz costs: 12 epochs with
// their values, their combination and its values.
func BenchmarkWindows(b *testing.B) {
	s, r := wrist(60, 50)
	out := make([]float64, len(Core.Features))
	var short, minute Window
	run := func() {
		minute.Reset(time.Minute, milli(50))
		minute.Samples = s
		for i := range 12 {
			short.Reset(EpochLength, milli(50))
			short.Epoch = newTestEpoch(s.slice(i*250, i*250+250), r.slice(i*5, i*5+5), milli(50))
			Core.Values(&short, out)
			minute.Merge(&short.Epoch)
		}
		Core.Values(&minute, out)
	}
	run() // memory that is used again
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		run()
	}
	perSample(b, before, len(s.X))
}
