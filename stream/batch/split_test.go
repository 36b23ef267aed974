package batch_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/internal/rowtest"
	"github.com/wearstream/wearstream/stream/recording"
)

// kept is a store that keeps the rows of windows.
type kept struct {
	mu   sync.Mutex
	rows rowtest.Rows
}

type keptRecording struct {
	*kept
	table batch.Table
}

func (k *kept) Begin(table batch.Table, _ string, _ ...batch.Input) (batch.Recording, error) {
	return &keptRecording{k, table}, nil
}

func (k *keptRecording) Write(rows []arrow.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rec := range rows {
		if k.table == batch.Features {
			k.rows.Add(rec)
		}
	}
	return nil
}

func (k *keptRecording) Commit() error { return nil }
func (k *keptRecording) Abort() error  { return nil }

// canonical are rows of a canonical file at 32 Hz, with a reading every 8.
type canonical []string

const readingRows = 8

func randomRows(rng *rand.Rand) (rows canonical) {
	at := origin.UnixMicro() + rng.Int64N(1e6)*1000
	celsius := 30.0
	for len(rows) < 32*(2400+rng.IntN(2400)) {
		swing := []float64{0, 0.02, 0.3, 1}[rng.IntN(4)]
		for range 4 * readingRows * (1 + rng.IntN(200)) {
			if len(rows)%readingRows == 0 {
				celsius = 30 + rng.Float64()
			}
			rows = append(rows, fmt.Sprintf("%d.%06d,%.6f,%.6f,%.6f,%.2f\n", at/1e6, at%1e6,
				0.2+swing*rng.NormFloat64(), -0.5+swing*rng.NormFloat64(), 0.8+swing*rng.NormFloat64(), celsius))
			at += 31_250
		}
		if rng.IntN(6) == 0 {
			at += 31_250 * readingRows * rng.Int64N(500)
		}
	}
	return rows
}

// file writes rows, compressed or not.
func (c canonical) file(t testing.TB, packed bool) string {
	path := filepath.Join(t.TempDir(), "w1.csv")
	if packed {
		path += ".gz"
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var w io.WriteCloser = f
	if packed {
		w, _ = gzip.NewWriterLevel(f, gzip.BestSpeed)
	}
	_, err = io.WriteString(w, "timestamp,x,y,z,temperature\n")
	for _, row := range c {
		_, e := io.WriteString(w, row)
		err = errors.Join(err, e)
	}
	if packed {
		err = errors.Join(err, w.Close())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// from and to are when the rows begin and end.
func (c canonical) times(t testing.TB) (from, to time.Time) {
	at := func(row string) time.Time {
		var s, us int64
		if _, err := fmt.Sscanf(row, "%d.%06d,", &s, &us); err != nil {
			t.Fatal(err)
		}
		return time.UnixMicro(s*1e6 + us)
	}
	return at(c[0]), at(c[len(c)-1]).Add(31_250 * time.Microsecond)
}

func computed(t testing.TB, cfg batch.Config, path string) *rowtest.Rows {
	store := new(kept)
	cfg.Sets = []*features.Set{features.Core, features.Ref, features.Offline, features.Ext}
	b, err := batch.New(cfg, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), []batch.Input{{Path: path, Sensor: "w1", Study: "ST01", Participant: "P-1", Side: "left"}})
	if err := errors.Join(err, reports[0].Err); err != nil {
		t.Fatal(err)
	}
	return &store.rows
}

// within says whether a window, with all that its set looks at around it, lies in an
// interval of time.
func within(from, to time.Time, origin int64) func(arrow.Record, int) bool {
	lead := map[string]*features.Set{}
	for _, name := range features.Names() {
		set := features.ByName(name)
		lead[set.Algo()] = set
	}
	return func(rec arrow.Record, i int) bool {
		set := lead[rec.Column(7).ValueStr(i)]
		start := time.UnixMilli(int64(rec.Column(5).(*array.Timestamp).Value(i)))
		end := start.Add(time.Duration(rec.Column(6).(*array.Uint32).Value(i)) * time.Second)
		if set.LooksAround() { // its filters begin before the block, and some run back from beyond its end
			block := start.Add(-time.Duration((start.UnixNano() - origin) % int64(features.BlockLength)))
			start, end = block.Add(-set.Lead), block.Add(features.BlockLength+set.Trail)
		}
		return !start.Before(from) && !end.After(to)
	}
}

// TestAnyCut: into whatever batches a file is cut, packed or not and by however many
// workers, its rows are the same Arrow bytes. Of a recording in two files, the same are
// those of all windows which, with what their set looks at around them, lie in one of the
// files; on the grid or, where the second begins a whole number of 15 min after the
// first, counted from the first sample.
func TestAnyCut(t *testing.T) {
	recordings, cuts := uint64(4), uint64(2)
	for seed := range recordings {
		rng := rand.New(rand.NewPCG(seed, 31))
		rows := randomRows(rng)
		first := rng.IntN(2) == 0
		want := computed(t, batch.Config{Workers: 1, FromFirst: first}, rows.file(t, false))
		for cut := range cuts {
			rng := rand.New(rand.NewPCG(seed, 200+cut))
			length := time.Duration(1+rng.IntN(1200)) * time.Second / 4
			cfg := batch.Config{Workers: 1 + rng.IntN(4), FromFirst: first, Reader: recording.Options{BatchLength: length}}
			if got := computed(t, cfg, rows.file(t, rng.IntN(2) == 0)); !rowtest.Same(t, got, want) {
				t.Fatalf("recording %d, cut %d: batches of %s", seed, cut, length)
			}
		}
		from, to := rows.times(t)
		at := readingRows * (1 + rng.IntN(len(rows)/readingRows-2))
		if first {
			at = splitAtBlock(t, rows, from)
		}
		compared := 0
		for _, part := range []canonical{rows[:at], rows[at:]} {
			from, to := part.times(t)
			grid := int64(0)
			if first {
				grid = from.UnixNano()
			}
			inside := within(from, to, grid)
			part := computed(t, batch.Config{FromFirst: first, Reader: recording.Options{RateHz: 32}}, part.file(t, true)).Only(inside)
			if part.Len() == 0 {
				continue
			}
			if compared += part.Len(); !rowtest.Same(t, part, want.Only(inside)) {
				t.Fatalf("recording %d, split at row %d of %d", seed, at, len(rows))
			}
		}
		t.Logf("recording %d of %s: %d rows are the same bytes, %d of them from two files", seed, to.Sub(from), want.Len(), compared)
		if compared == 0 {
			t.Error("no window lies in one of the files")
		}
	}
}

// splitAtBlock is the first row of a block of 15 min, where there is one with a reading.
func splitAtBlock(t testing.TB, rows canonical, from time.Time) int {
	for i := readingRows; i < len(rows); i += readingRows {
		if at, _ := rows[i:].times(t); at.Sub(from)%features.BlockLength == 0 {
			return i
		}
	}
	t.Fatal("no row begins 15 min")
	return 0
}
