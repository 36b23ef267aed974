package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/oracle"
	"github.com/wearstream/wearstream/stream/recording"
)

// duckDB asks DuckDB, as an analyst does, and answers TSV without a header; NULL is \N.
func duckDB(t *testing.T, query string) string {
	t.Helper()
	const script = "../../deploy/local/clients"
	out, err := exec.Command(script, "env").Output()
	python := filepath.Join(strings.TrimPrefix(strings.TrimSpace(string(out)), "WEARSTREAM_TEST_CLIENTS="), "python", "bin", "python")
	if _, serr := os.Stat(python); err != nil || serr != nil {
		parts.Missing(t, fmt.Errorf("no DuckDB: %s fetch", script))
	}
	parts.Used(t, "DuckDB")
	const program = `import duckdb, sys
for row in duckdb.connect().execute(sys.argv[1]).fetchall():
    print("\t".join("\\N" if v is None else str(v) for v in row))`
	cmd := exec.CommandContext(t.Context(), python, "-c", program, query)
	cmd.Stderr = t.Output()
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return string(answer)
}

// TestFeatures: recordings in, rows in DuckDB and pages out; a damaged file is read as
// far as it goes, one that cannot be read fails alone.
func TestFeatures(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	start := time.Date(2026, 3, 1, 22, 30, 0, 0, time.UTC)
	for i, name := range []string{"w1_L.csv.gz", "w2.csv.gz", "torn.csv.gz"} {
		if err := recording.Generate(file(name), uint64(i), start, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(file("torn.csv.gz"), 300_000); err != nil {
		t.Fatal(err)
	}
	args := []string{"features", "--json", "-o", out, "--study", "ST01", "--participant", "P-1", "--set", "core.v1,ref.v1", "--right", file("w2.csv.gz"), file("w1_L.csv.gz"), file("torn.csv.gz")}
	for range 2 { // the second run replaces what the first wrote
		stdout, stderr, code := call(args...)
		if code != exitOK || strings.Count(stderr, "warning:") != 1 || !strings.Contains(stderr, "torn.csv.gz: it ends early") {
			t.Fatalf("exit status %d\n%s", code, stderr)
		}
		var got struct {
			Recordings []struct {
				Sensor, Side, Warning string
				Rows                  map[string]int
			}
			PeakRSS int64 `json:"peak_rss_bytes"`
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Recordings) != 3 || got.Recordings[0].Side != "left" || got.Recordings[2].Side != "right" || got.Recordings[0].Rows["core.v1"] != 1440+120+8 || got.PeakRSS == 0 {
			t.Errorf("result: %s", stdout)
		}
	}
	for _, name := range []string{"w1_L", "w2", "torn"} {
		if page, err := os.ReadFile(filepath.Join(out, "pages", name+".html")); err != nil || !strings.Contains(string(page), "<title>"+name) {
			t.Errorf("page: %v", err)
		}
	}
	// Every reader takes these folders with Hive partitioning and no other option.
	query := fmt.Sprintf(`SELECT sensor, side, "window", date::VARCHAR, study, status, min(revision), count(*), count(enmo), count(hfen_c)
		FROM read_parquet('%s/features/v1/*/*/*/*.parquet', hive_partitioning = true) WHERE sensor = 'w1_L' AND "window" = '60s' AND algo LIKE 'core.v1@%%' GROUP BY ALL ORDER BY ALL`, out)
	want := "w1_L\tleft\t60s\t2026-03-01\tST01\tfinal\t1\t90\t90\t0\nw1_L\tleft\t60s\t2026-03-02\tST01\tfinal\t1\t30\t30\t0\n"
	if got := duckDB(t, query); got != want {
		t.Errorf("DuckDB:\n%s\nwant\n%s", got, want)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{file("nowhere.csv"), file("w2.csv.gz")}, exitFailed, "1 of 2 recordings failed"},
		{[]string{"--set", "core.v9", file("w2.csv.gz")}, exitUsage, "ref.v1"},
		{[]string{"--start", "2026-03-01", file("w2.csv.gz")}, exitUsage, "zone"},
		{[]string{"--wear", "watch", file("w2.csv.gz")}, exitUsage, "--wear"},
		{[]string{"--wear", "detach,choi", file("w2.csv.gz")}, exitUsage, "--set ref.v1"},
		{[]string{"--wear-clean", file("w2.csv.gz")}, exitUsage, "accelthreshold, ggir2013 or ggir2023 alone"},
		{[]string{"--wear-clean", "--wear", "cta", file("w2.csv.gz")}, exitUsage, "accelthreshold, ggir2013 or ggir2023 alone"},
		{[]string{"--left", file("w2.csv.gz"), "--right", file("w2.csv.gz")}, exitUsage, "w2.csv.gz: --left and --right"},
		{nil, exitUsage, "no recording"},
		{[]string{file("w2.csv.gz"), filepath.Join(out, "w2.csv")}, exitUsage, "manifest"},
	} {
		if _, stderr, code := call(append([]string{"features", "-o", out}, c.args...)...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit status %d, want %d with %q:\n%s", c.args, code, c.code, c.says, stderr)
		}
	}
}

// TestOracleFiles holds what features makes of the reference recordings, from their
// first sample on, against the references, by all sets.
func TestOracleFiles(t *testing.T) {
	data := references(t)
	names, err := data.Names()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	args := []string{"features", "-o", out, "--origin", "first-sample", "--set", strings.Join(features.Names(), ",")}
	started := map[string]time.Time{}
	for _, name := range names {
		file := filepath.Join(data.Recordings, name+".csv.gz")
		r, err := recording.Open(file, recording.Options{})
		if err != nil {
			t.Fatal(err)
		}
		started[name] = r.First
		args = append(args, file)
	}
	if _, stderr, code := call(args...); code != exitOK {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
	for set, against := range map[*features.Set][]oracle.Against{features.Core: oracle.Core, features.Ref: oracle.Ref, features.Offline: oracle.Offline, features.Ext: oracle.Ext} {
		report, err := data.Compare(against, func(recording string, length time.Duration) (*oracle.Rows, error) {
			columns := slices.Concat([]string{"n"}, set.ColumnsAt(length))
			text := duckDB(t, fmt.Sprintf(`SELECT epoch_ms(window_start), %s FROM read_parquet('%s/features/v1/window=%ds/*/*/*.parquet', hive_partitioning = true)
				WHERE sensor = '%s' AND algo = '%s' ORDER BY window_start`, strings.Join(columns, ", "), out, int(length.Seconds()), recording, set.Algo()))
			return oracleRows(text, columns, started[recording].Truncate(time.Millisecond))
		}, oracle.InStore)
		if err != nil {
			t.Fatal(err)
		}
		var table strings.Builder
		report.Table(&table)
		t.Logf("%s against the references\n%s", set.Name, &table)
		if err := report.Err(); err != nil {
			t.Error(err)
		}
	}
}
