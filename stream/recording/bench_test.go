package recording

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// BenchmarkCSV looks through an hour of 100 Hz and reads all its batches, each
// alone and both; and reads them once.
func BenchmarkCSV(b *testing.B) {
	const n = 360_000
	var text bytes.Buffer
	text.WriteString(csvHeader + "\n")
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		fmt.Fprintf(&text, "%d.%04d", 1_700_000_000+i/100, i%100*100)
		for range 3 {
			fmt.Fprintf(&text, ",%.6f", rng.NormFloat64())
		}
		fmt.Fprintf(&text, ",%.2f\n", 30+float64(i/3000)/100)
	}
	plain := filepath.Join(b.TempDir(), "a.csv")
	zipped := plain + ".gz"
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(text.Bytes())
	w.Close()
	for path, body := range map[string][]byte{plain: text.Bytes(), zipped: z.Bytes()} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, path := range []string{plain, zipped} {
		r := open(b, path, Options{})
		drain := func(r *Recording) {
			for _, err := range r.BatchesAhead() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			name string
			run  func()
		}{
			{"open", func() { open(b, path, Options{}) }},
			{"batches", func() { drain(r) }},
			{"both", func() { drain(open(b, path, Options{})) }},
			{"once", func() {
				r, err := Begin(path, Options{})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range r.Batches() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}},
		} {
			b.Run(filepath.Base(path)+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(text.Len()))
				began := processorTime(b)
				for b.Loop() {
					c.run()
				}
				rows := float64(b.N) * n
				b.ReportMetric(float64(processorTime(b)-began)/rows, "cpu-ns/row")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
				b.ReportMetric(rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

// BenchmarkNative reads devices' own files of an hour or more, made of the pages
// of a sample.
func BenchmarkNative(b *testing.B) {
	for _, c := range []struct {
		name        string
		head, times int
	}{
		{"axivity-ax3-skdh-sample.cwa", cwaHeader, 12},
		{"axivity-ax6-ggirread-testfile.cwa", cwaHeader, 30},
		{"geneactiv-skdh-sample.bin", 0, 0},
	} {
		file := seed("device-samples/" + c.name)
		if len(file) == 0 {
			b.Skip("real recordings are missing")
		}
		if c.head == 0 {
			c.head, c.times = bytes.Index(file, []byte("Recorded Data")), 400
		}
		whole := append(file[:c.head:c.head], bytes.Repeat(file[c.head:], c.times)...)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(whole)))
			began, samples := processorTime(b), int64(0)
			for b.Loop() {
				src, err := findIn(c.name, memory(c.name, whole))
				if err != nil {
					b.Fatal(err)
				}
				r, err := scan(c.name, src, Options{})
				if err != nil {
					b.Fatal(err)
				}
				for range r.BatchesAhead() {
				}
				samples += r.Samples
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(samples), "cpu-ns/row")
			b.ReportMetric(float64(samples)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// processorTime is what the process has used of all processors, ns: what a
// machine that others use shows best.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
