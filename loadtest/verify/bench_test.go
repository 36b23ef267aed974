package verify_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// BenchmarkVerify compares a world of 200 sensors with 104,000 samples each. Most
// of its time goes into making that world.
func BenchmarkVerify(b *testing.B) {
	const sensors, batches = 200, 325
	w := newWorld(b)
	w.cut = 10_000
	for seq := range batches {
		var all []*kgo.Record
		for i := range sensors {
			sensor := fmt.Sprintf("w%03d", i)
			all = append(all, w.samples(sensor, payload("", 1, seq, recorded.Add(time.Duration(seq)*10*time.Second))))
			if seq == batches-1 {
				all = append(all, w.end(sensor, 1, seq))
			}
		}
		w.put(wire.TopicDevice, all...)
		w.clock = w.clock.Add(-sensors * time.Second)
	}
	w.ticks(3)
	w.process()
	w.sink()
	clear(w.written)
	var peak atomic.Uint64
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapInuse // the log is in this process, too
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	for b.Loop() {
		r := w.verify()
		w.wants(r, 0, 0, 0, "")
		if r.Batches != sensors*batches {
			b.Fatalf("%+v", r)
		}
		b.ReportMetric(float64(r.Rows), "rows")
	}
	b.ReportMetric(float64(peak.Load()-before)/(1<<20), "MiB-peak")
	b.ReportMetric(sensors*batches*320*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
