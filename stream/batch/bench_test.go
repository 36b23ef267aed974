package batch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// folder is the real place to store to.
type folder struct{ *object.Recordings }

func (f folder) Begin(table Table, set string, of ...Input) (Recording, error) {
	return f.Recordings.Begin(string(table), set, object.Source{Name: of[0].Sensor, Path: "bench"})
}

func newFolder(b *testing.B) folder {
	r, err := object.OpenRecordings(b.TempDir(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	return folder{r}
}

// hour is the payloads of an hour at 50 Hz with a reading a second, of a wrist that
// moves and rests in turns.
func hour() (payloads [][]byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for seq := range 360 {
		b := wire.SampleBatch{Boot: 1, Seq: uint64(seq), T0us: int64(seq) * 10e6, RateMHz: 50_000, Encoding: wire.Int16Counts, LSBPerG: 256, RangeMG: 8000, N: 500,
			TempT0us: int64(seq) * 10e6, TempRateMHz: 1000}
		for range 500 {
			for _, mean := range []float64{-40, 80, 230} {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(int16(mean+float64(1+seq/30%4*10)*rng.NormFloat64())))
			}
		}
		for i := range 10 {
			b.TempMdegC = append(b.TempMdegC, 30_000+int32(seq+i)%800)
		}
		payloads = append(payloads, b.Append(nil))
	}
	return payloads
}

// hours reads so many hours from payloads, each decoded and put in its place in time.
func hours(payloads [][]byte, n int) iter.Seq2[*wire.SampleBatch, error] {
	return func(yield func(*wire.SampleBatch, error) bool) {
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		for h := range n {
			for _, p := range payloads {
				b, err := wire.Decode(p)
				if err == nil {
					shift := start + int64(h)*3600e6
					b.T0us, b.TempT0us, b.Seq = b.T0us+shift, b.TempT0us+shift, b.Seq+uint64(h*len(payloads))
				}
				if !yield(b, err) {
					return
				}
			}
		}
	}
}

// BenchmarkWire: 1,000 hours at 50 Hz as 20 sensors' payloads, to Parquet in a folder;
// 100 with -short.
func BenchmarkWire(b *testing.B) {
	const each = 50
	sensors := 20
	if testing.Short() {
		sensors = 2
	}
	payloads := hour()
	m := newMeter(b)
	for b.Loop() {
		batch, err := New(Config{}, newFolder(b), nil)
		if err != nil {
			b.Fatal(err)
		}
		var workers, files sync.WaitGroup
		for range batch.cfg.Workers {
			workers.Go(newWorker(batch.cfg).run(batch.jobs))
		}
		next := make(chan int)
		for range batch.cfg.Workers {
			files.Go(func() {
				for i := range next {
					f := &file{Batch: batch, in: Input{Sensor: fmt.Sprint("w", i)}, recording: new(recording.Recording), batches: hours(payloads, each)}
					if err := f.compute(b.Context(), f.slide()); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for i := range sensors {
			next <- i
		}
		close(next)
		files.Wait()
		close(batch.jobs)
		workers.Wait()
	}
	m.report(b, float64(sensors*each))
}

// BenchmarkCSV: 16 hours at 100 Hz as canonical CSV of its own scale, to Parquet.
func BenchmarkCSV(b *testing.B) {
	const each = 8
	var text bytes.Buffer
	text.WriteString("timestamp,x,y,z,temperature\n")
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	var values [512][]byte
	for i := range values {
		values[i] = fmt.Appendf(nil, ",%.6f", float64(i-256)/256)
	}
	for i := range each * 3600 * 100 {
		fmt.Fprintf(&text, "%d.%02d", start+int64(i/100), i%100)
		for range 3 {
			text.Write(values[rng.IntN(len(values))])
		}
		fmt.Fprintf(&text, ",%.1f\n", 30+float64(i/100%50)/10)
	}
	var inputs []Input
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(b.TempDir(), name+".csv")
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		inputs = append(inputs, Input{Path: path, Sensor: name})
	}
	text = bytes.Buffer{}
	m := newMeter(b)
	for b.Loop() {
		batch, err := New(Config{}, newFolder(b), nil)
		if err != nil {
			b.Fatal(err)
		}
		reports, err := batch.Run(b.Context(), inputs)
		if err != nil || reports[0].Err != nil {
			b.Fatal(err, reports[0].Err)
		}
	}
	m.report(b, each*float64(len(inputs)))
}

// meter measures hours of recording per second, and per second of processor, which
// load beside it changes less.
type meter struct{ used time.Duration }

func usage(b *testing.B) (used time.Duration, peakMB float64) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), float64(u.Maxrss) / 1024
}

func newMeter(b *testing.B) meter {
	used, _ := usage(b)
	return meter{used}
}

func (m meter) report(b *testing.B, hours float64) {
	used, peak := usage(b)
	hours *= float64(b.N)
	b.ReportMetric(hours/b.Elapsed().Seconds(), "h/s")
	b.ReportMetric(hours/(used-m.used).Seconds(), "h/cpu-s")
	b.ReportMetric(peak, "MB-peak")
	b.ReportMetric(0, "ns/op")
}
