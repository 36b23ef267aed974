package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features/oracle"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/recording"
)

// TestOraclePairs holds what features makes of two wrists, of devices that agree and
// of one whose clock is 3 s late, against the references, by DuckDB.
func TestOraclePairs(t *testing.T) {
	data := references(t)
	names, err := data.PairNames()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	args := []string{"features", "-o", out, "--origin", "first-sample", "--json"}
	var manifest strings.Builder
	manifest.WriteString("file,study,participant\n")
	started := map[string]time.Time{}
	for _, name := range names {
		for _, side := range []string{"left", "right"} {
			file := filepath.Join(data.Oracle, "inputs", name+"_"+side+".csv.gz")
			r, err := recording.Open(file, recording.Options{})
			if err != nil {
				t.Fatal(err)
			}
			started[name] = r.First
			fmt.Fprintf(&manifest, "%s,ST01,%s\n", file, name)
		}
	}
	list := filepath.Join(t.TempDir(), "study.csv")
	if err := os.WriteFile(list, []byte(manifest.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(append(args, "--manifest", list)...); code != exitOK {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
	report, err := data.ComparePairsOf(func(recording string, _ time.Duration) (*oracle.Rows, error) {
		var columns, names []string
		for _, f := range pair.Features {
			columns, names = append(columns, "p."+f.ID), append(names, f.ID)
		}
		columns, names = append(columns, "l.enmo", "r.enmo"), append(names, "enmo_left", "enmo_right") // the wrists' own
		wrist := func(alias, side string) string {
			return fmt.Sprintf("JOIN read_parquet('%s/features/v1/window=900s/*/*/*.parquet', hive_partitioning = true) AS %s ON %[2]s.sensor = p.sensor_%s AND %[2]s.window_start = p.window_start", out, alias, side)
		}
		text := duckDB(t, fmt.Sprintf(`SELECT epoch_ms(p.window_start), %s FROM read_parquet('%s/pairs/v1/*/*/*.parquet', hive_partitioning = true) AS p %s %s
			WHERE p.study = 'ST01' AND p.participant = '%s' AND p.algo = '%s' ORDER BY p.window_start`,
			strings.Join(columns, ", "), out, wrist("l", "left"), wrist("r", "right"), recording, pair.Algo()))
		return oracleRows(text, names, started[recording].Truncate(time.Millisecond))
	}, oracle.InStore)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	report.Table(&table)
	t.Logf("stored pairs against the references\n%s", &table)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

// storedRows is every file of rows below a folder, by its name there.
func storedRows(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPairsInAnyOrder: of the wrists of two people, in whatever order and way they are
// named, the same bytes come out; a recording given as both wrists of one person is
// found, and a second run with the sides exchanged takes its place.
func TestPairsInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	start := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	for i, name := range []string{"a_left.csv.gz", "b_right.csv.gz"} {
		if err := recording.Generate(file(name), uint64(i), start.Add(time.Duration(i)*17*time.Minute), 3*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile(file("a_left.csv.gz"))
	if err == nil {
		err = os.WriteFile(file("copy.csv.gz"), body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]byte
	for i, args := range [][]string{
		{file("a_left.csv.gz"), file("b_right.csv.gz")},
		{file("b_right.csv.gz"), file("a_left.csv.gz")},
		{"--right", file("b_right.csv.gz"), "--left", file("a_left.csv.gz")},
	} {
		out := t.TempDir()
		if _, stderr, code := call(append([]string{"features", "-o", out, "--study", "ST01", "--participant", "P-1"}, args...)...); code != exitOK {
			t.Fatalf("exit status %d\n%s", code, stderr)
		}
		got := storedRows(t, out)
		if i == 0 {
			want = got
			for _, name := range []string{"pairs/v1/study=ST01/date=2026-03-01/a_left~b_right.pair.v1.0001.parquet", "wear/v1/study=ST01/date=2026-03-02/b_right.wear.v1.0002.parquet"} {
				if got[name] == nil {
					t.Errorf("no %s", name)
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d files, want %d", len(got), len(want))
		}
		for name, body := range want {
			if !bytes.Equal(got[name], body) {
				t.Errorf("order %d: %s has other bytes", i, name)
			}
		}
	}
	out := t.TempDir()
	for _, sides := range [][2]string{{"a_left.csv.gz", "copy.csv.gz"}, {"copy.csv.gz", "a_left.csv.gz"}} {
		stdout, stderr, code := call("features", "--json", "-o", out, "--left", file(sides[0]), "--right", file(sides[1]))
		var got featuresResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
			t.Fatal(err, code, stderr)
		}
		if len(got.Pairs) != 1 || got.Pairs[0].Left+".csv.gz" != sides[0] || got.Pairs[0].Windows < 4 {
			t.Fatalf("pairs: %+v", got.Pairs)
		}
		duplicate := slices.IndexFunc(got.Pairs[0].Findings, func(f findingResult) bool { return f.Code == pair.Duplicate && f.Hard && f.Score == 1 })
		if duplicate < 0 || !strings.Contains(stderr, "DUPLICATE") {
			t.Errorf("one recording twice is not found: %+v\n%s", got.Pairs[0].Findings, stderr)
		}
		for _, name := range []string{"a_left", "copy"} {
			page, err := os.ReadFile(filepath.Join(out, "pages", name+".html"))
			if err != nil || !strings.Contains(string(page), "DUPLICATE") || !strings.Contains(string(page), "Two wrists") {
				t.Errorf("page of %s: %v", name, err)
			}
		}
	}
	for name := range storedRows(t, out) {
		if strings.HasPrefix(name, "pairs/") && !strings.Contains(name, "/a_left~copy.pair.v1.0001.parquet") {
			t.Errorf("stored %s", name)
		}
	}
}

// TestFeaturesAgain: what a run leaves is what it leaves in an empty folder: after one by
// more sets, in which both recordings were of one participant, no row by another set, no
// row or pair of who was assigned otherwise, no calibration of old. Sensors that differ
// in a stroke alone have a page each.
func TestFeaturesAgain(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	for i, name := range []string{"a_left.csv.gz", "b_right.csv.gz"} {
		if err := recording.Generate(filepath.Join(dir, name), uint64(i), time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC), 2*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	features := func(out, other string, args ...string) map[string][]byte {
		t.Helper()
		list := filepath.Join(dir, other+".csv")
		if err := os.WriteFile(list, []byte("file,sensor,study,participant\na_left.csv.gz,W1/left,ST01,P-1\nb_right.csv.gz,W1-left,ST01,"+other+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := call(append([]string{"features", "-o", out, "--manifest", list}, args...)...); code != exitOK {
			t.Fatalf("exit status %d\n%s", code, stderr)
		}
		return storedRows(t, out)
	}
	const pair = "pairs/v1/study=ST01/date=2026-03-01/W1-left~W1%2Fleft.pair.v1.0001.parquet"
	if rows := features(out, "P-1", "--set", "core.v1,ref.v1"); rows[pair] == nil {
		t.Fatalf("no %s", pair)
	}
	if err := os.WriteFile(filepath.Join(out, "pages", "W1-left.calibration.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, want := features(out, "P-2"), features(filepath.Join(dir, "empty"), "P-2")
	if names, wanted := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(names, wanted) || got[pair] != nil {
		t.Errorf("files %q\nwant  %q", names, wanted)
	}
	for name, body := range want {
		if !bytes.Equal(got[name], body) {
			t.Errorf("%s has other bytes", name)
		}
	}
	pages := map[string]string{"W1-left.html": "W1-left", "W1~left.html": "W1/left"}
	for page, sensor := range pages {
		if text, err := os.ReadFile(filepath.Join(out, "pages", page)); err != nil || !strings.Contains(string(text), "<h1>"+sensor+"</h1>") {
			t.Errorf("page of %s: %v", sensor, err)
		}
	}
	if beside, err := os.ReadDir(filepath.Join(out, "pages")); err != nil || len(beside) != len(pages) {
		t.Errorf("beside the rows: %v, %v", beside, err)
	}
}
