package recording

import (
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkCSV opens a recording and reads all its batches: two passes.
func BenchmarkCSV(b *testing.B) {
	path := filepath.Join(b.TempDir(), "G01.csv.gz")
	if err := Generate(path, 1, time.Unix(1_700_000_000, 0), time.Hour); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	samples := int64(0)
	for b.Loop() {
		r := open(b, path, Options{})
		for _, err := range r.Batches() {
			if err != nil {
				b.Fatal(err)
			}
		}
		samples += r.Samples
	}
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
}
