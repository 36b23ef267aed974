package clickhouse

import (
	"fmt"
	"testing"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// BenchmarkWindows stores 100,000 rows of windows in one cut.
func BenchmarkWindows(b *testing.B) {
	_, conn := database(b)
	s := fresh(conn)
	const rows, perRecord = 100_000, 1000
	var records []stream.Record
	for i := range rows / perRecord {
		records = append(records, manyWindows(b, fmt.Sprint("sensor-", i), at("2024-05-01T00:00:00Z"), perRecord, 1, wire.StatusFinal))
	}
	first := int64(0)
	for b.Loop() {
		write(b, s, cutOf(wire.TopicFeatures, log1, first, records...))
		first += int64(len(records))
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkBatches stores 1,000 batches of 10 s at 32 Hz in one cut.
func BenchmarkBatches(b *testing.B) {
	_, conn := database(b)
	s := fresh(conn)
	const batches, samples = 1000, 320
	var records []stream.Record
	for i := range batches {
		records = append(records, batchRecord(fmt.Sprint("sensor-", i), batch(1, uint64(i), samples)))
	}
	first := int64(0)
	for b.Loop() {
		write(b, s, cutOf(wire.TopicDevice, log1, first, records...))
		first += int64(len(records))
	}
	b.ReportMetric(float64(batches*samples*b.N)/b.Elapsed().Seconds(), "samples/s")
}
