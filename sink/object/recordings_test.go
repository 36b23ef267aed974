package object

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/stream/wire"
)

// recordingRows are rows of two lengths, from a time on, so many of 5 s.
func recordingRows(from time.Time, n int) []arrow.Record {
	rows := wire.NewWindowRows(wire.WindowSchema([]string{"enmo"}))
	for i := range n {
		r := wire.WindowRow{Study: "ST01", Sensor: "w1", Start: from.Add(time.Duration(5*i) * time.Second), Length: 5 * time.Second, N: uint32(i), Features: []float32{float32(math.NaN())}}
		rows.Append(&r)
		if i%12 == 0 {
			r.Length, r.Features[0] = time.Minute, float32(i)
			rows.Append(&r)
		}
	}
	return []arrow.Record{rows.Record()}
}

func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			path, err = filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRecordings: nothing is seen before Commit; a second run takes the place of the
// first one's files, and of no other recording's or set's.
func TestRecordings(t *testing.T) {
	dir := t.TempDir()
	store, err := OpenRecordings(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	write := func(name, set string, writes ...[]arrow.Record) *Recording {
		t.Helper()
		r, err := store.Begin("features", set, Source{name, "/data/" + name + ".csv"})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range writes {
			if err := r.Write(w); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	commit := func(r *Recording) {
		t.Helper()
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	r := write("w1", "core.v1", recordingRows(midnight.Add(-30*time.Second), 12), recordingRows(midnight.Add(time.Hour), 3))
	if _, err := os.Stat(filepath.Join(dir, "features")); !os.IsNotExist(err) {
		t.Errorf("seen before commit: %v", err)
	}
	if r.Rows() != 17 {
		t.Errorf("%d rows, want 17", r.Rows())
	}
	commit(r)
	commit(write("w1.core.v1", "core.v1", recordingRows(midnight, 1))) // a name that begins like the other's files
	commit(write("w1", "ref.v1", recordingRows(midnight, 1)))
	root := "features/v1/window=5s/study=ST01/date=2026-03-0"
	first := []string{root + "1/w1.core.v1.0001.parquet", root + "2/w1.core.v1.0001.parquet", root + "2/w1.core.v1.0002.parquet",
		root + "2/w1.core.v1.core.v1.0001.parquet", root + "2/w1.ref.v1.0001.parquet"}
	fives := func() (found []string) {
		for _, f := range filesBelow(t, dir) {
			if strings.Contains(f, "window=5s") {
				found = append(found, f)
			}
		}
		return found
	}
	if got := fives(); !slices.Equal(got, first) {
		t.Errorf("files %q, want %q", got, first)
	}
	body, err := os.ReadFile(filepath.Join(dir, first[2]))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := decode(body) // reads the rows and compares their hash
	if err != nil || meta.Log != "w1" || meta.Topic != "/data/w1.csv" || meta.Rows != 3 || meta.Schema != wire.RowsWindows {
		t.Errorf("metadata %+v, %v", meta, err)
	}
	commit(write("w1", "core.v1", recordingRows(midnight, 1)))
	if got, want := fives(), first[1:]; !slices.Equal(got, slices.Delete(slices.Clone(want), 1, 2)) {
		t.Errorf("after the second run %q", got)
	}
	other, err := store.Begin("features", "core.v1", Source{"w1", "/elsewhere/w1.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Write(recordingRows(midnight, 5)); err != nil {
		t.Fatal(err)
	}
	if err := other.Commit(); err == nil || !strings.Contains(err.Error(), "/data/w1.csv") {
		t.Errorf("another file of that name: %v", err)
	}
	if got, want := fives(), first[1:]; !slices.Equal(got, slices.Delete(slices.Clone(want), 1, 2)) {
		t.Errorf("after another file of that name %q", got)
	}
	if err := write("w2", "core.v1", recordingRows(midnight, 1)).Abort(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range filesBelow(t, dir) {
		if strings.Contains(f, "w2") || strings.Contains(f, tempDir) {
			t.Errorf("left behind: %s", f)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, tempDir)); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", tempDir, err)
	}
}
