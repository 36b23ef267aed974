package object

import (
	"fmt"
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
	if left, err := filepath.Glob(filepath.Join(dir, tempDir+"*")); err != nil || len(left) > 0 {
		t.Errorf("still there: %q, %v", left, err)
	}
}

// TestSweep: of what earlier runs made of recordings nothing stays but what this one made:
// not of other sets, nor pairs. All else stays: of other recordings, whose names may begin
// alike, of other files, and what cannot be read.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	of := func(names ...string) (all []Source) {
		for _, name := range names {
			all = append(all, Source{name, "/data/" + name + ".csv"})
		}
		return all
	}
	type rows struct {
		table, set string
		of         []Source
	}
	run := func(all []rows, sweep ...Source) {
		t.Helper()
		store, err := OpenRecordings(dir, "test")
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for _, one := range all {
			body := recordingRows(day, 1)
			if one.table == "pairs" {
				pairs := wire.NewPairRows([]string{"asym"})
				pairs.Append(&wire.PairRow{Study: "ST01", Start: day, Features: []float32{1}})
				body = []arrow.Record{pairs.Record()}
			}
			r, err := store.Begin(one.table, one.set, one.of...)
			if err == nil {
				err = r.Write(body)
			}
			if err == nil {
				err = r.Commit()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Sweep(sweep...); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := Source{"c", "/elsewhere/c.csv"}
	run([]rows{
		{"features", "core.v1", of("a")}, {"features", "ref.v1", of("a")},
		{"features", "core.v1", of("a.b")}, {"features", "ref.v1", of("a.core.v1")}, {"features", "ref.v1", of("A")},
		{"features", "core.v1", of("W1/left")}, {"features", "core.v1", of("W1-left")}, {"features", "core.v1", of("W1/right")},
		{"features", "core.v1", of("d.e")}, {"features", "core.v1", []Source{elsewhere}},
		{"pairs", "pair.v1", of("a", "b")}, {"pairs", "pair.v1", of("W1-left", "a")}, {"pairs", "pair.v1", of("a.b", "b")}, {"pairs", "pair.v1", of("W1/left", "W1/right")}, {"pairs", "pair.v1", of("b", "d.e")},
		{"pairs", "pair.v1", append(of("b"), elsewhere)},
	})
	fives := filepath.Join(dir, "features", "v1", "window=5s", "study=ST01", "date=2026-03-02")
	for _, err := range []error{
		os.WriteFile(filepath.Join(fives, "a.ref.v1.0009.parquet"), []byte("torn"), 0o600),
		os.Symlink("gone", filepath.Join(fives, "a.ref.v1.0010.parquet")), // as another run removes one
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	run([]rows{{"features", "core.v1", of("a")}, {"features", "offline.v1", of("c")}}, of("a", "W1/left", "c", "d.e")...)
	var got []string
	for _, f := range filesBelow(t, dir) {
		if !strings.Contains(f, "window=60s") {
			got = append(got, strings.TrimSuffix(filepath.Base(f), extension))
		}
	}
	want := []string{
		"A.ref.v1.0001", "W1%2Fright.core.v1.0001", "W1-left.core.v1.0001", "a.b.core.v1.0001", "a.core.v1.0001", "a.core.v1.ref.v1.0001",
		"a.ref.v1.0009", "a.ref.v1.0010", "c.core.v1.0001", "c.offline.v1.0001", "a.b~b.pair.v1.0001", "b~c.pair.v1.0001",
	}
	if !slices.Equal(got, want) {
		t.Errorf("left are %q\nwant     %q", got, want)
	}
}

// TestRecordingsBeside: what two runs write to one folder at once is there when both have
// ended, in whatever order, and nothing beside it.
func TestRecordingsBeside(t *testing.T) {
	dir := t.TempDir()
	var stores []*Recordings
	for range 3 {
		store, err := OpenRecordings(dir, "test")
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, store)
	}
	write := func(store *Recordings, name string) *Recording {
		r, err := store.Begin("features", "core.v1", Source{name, "/data/" + name + ".csv"})
		if err == nil {
			err = r.Write(recordingRows(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	shut := func(store *Recordings) {
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	shut(stores[0])
	w1, w2 := write(stores[1], "w1"), write(stores[2], "w2")
	if err := w2.Commit(); err != nil {
		t.Fatal(err)
	}
	shut(stores[2])
	if err := w1.Commit(); err != nil {
		t.Fatal(err)
	}
	shut(stores[1])
	root := "features/v1/window=%s/study=ST01/date=2026-03-02/%s.core.v1.0001.parquet"
	want := []string{fmt.Sprintf(root, "5s", "w1"), fmt.Sprintf(root, "5s", "w2"), fmt.Sprintf(root, "60s", "w1"), fmt.Sprintf(root, "60s", "w2")}
	if got := filesBelow(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if left, err := filepath.Glob(filepath.Join(dir, tempDir+"*")); err != nil || len(left) > 0 {
		t.Errorf("still there: %q, %v", left, err)
	}
}
