package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/recording"
)

// TestWrists: of both wrists of a participant the stream says the same as `features` of
// the files: every minute of wear and every pair, bit for bit, in ClickHouse; and the
// objects hold every revision of them.
func TestWrists(t *testing.T) {
	needEngine(t)
	dir, out := t.TempDir(), t.TempDir()
	start := time.Date(2026, 3, 1, 8, 7, 0, 0, time.UTC)
	left, right := filepath.Join(dir, "L1.csv.gz"), filepath.Join(dir, "R1.csv.gz")
	for i, file := range []string{left, right} {
		if err := recording.Generate(file, uint64(i+3), start, 3*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	u := startUp(t, t.TempDir())
	u.assign(left, right)
	if _, code := runProgram(t, "replay", "--data", u.at.Data, left, right); code != 0 {
		t.Fatalf("replay failed\n%s", tail(u.errs.String(), 4000))
	}
	u.complete(2)
	if _, stderr, code := call("features", "-o", out, "--study", "ST", "--participant", "P1", "--left", left, "--right", right); code != 0 {
		t.Fatalf("features: exit status %d\n%s", code, stderr)
	}
	for table, columns := range map[string]string{
		"wear":  "sensor, algo, state, decided_by, side",
		"pairs": "participant, sensor_left, sensor_right, algo, coverage_left, coverage_right, asym, r_mad, lag_s, lag_r, temp_diff, magnitude_ratio, bilateral_magnitude",
	} {
		want := strings.Split(strings.TrimSpace(duckDB(t, fmt.Sprintf("SELECT epoch_ms(window_start), %s FROM read_parquet('%s/%s/v1/*/*/*.parquet', hive_partitioning = true) WHERE status = 'final'", columns, out, table))), "\n")
		view := map[string]string{"wear": "wear_60s", "pairs": "pairs_900s"}[table]
		got := strings.Split(strings.TrimSpace(u.mustQuery(fmt.Sprintf("SELECT toUnixTimestamp64Milli(window_start), %s FROM %s", columns, view))), "\n")
		for i := range want {
			want[i] = numbers(want[i])
		}
		for i := range got {
			got[i] = numbers(got[i])
		}
		if len(want) < map[string]int{"wear": 300, "pairs": 4}[table] {
			t.Errorf("%s: %d rows are too few", table, len(want))
		}
		if g, w := sorted(got), sorted(want); g != w {
			t.Errorf("%s differs: %s", table, firstDifference(g, w))
		}
		t.Logf("%s: %d rows are the same", table, len(want))
		inParquet(t, u, table, view, columns)
	}
	u.verified("")
	u.stop()
}

// inParquet waits until the objects of a table hold every revision that ClickHouse has.
func inParquet(t *testing.T, u *upProcess, table, view, columns string) {
	t.Helper()
	columns = "study, revision, " + columns
	lines := func(text string) string {
		all := strings.Split(strings.TrimSpace(text), "\n")
		for i := range all {
			all[i] = numbers(all[i])
		}
		return sorted(all)
	}
	want := lines(u.mustQuery(fmt.Sprintf("SELECT toString(status), toUnixTimestamp64Milli(window_start), %s FROM %s_all", columns, view)))
	root := fmt.Sprintf("%s/%s/%s/v1", strings.TrimPrefix(u.at.Objects, "file://"), u.at.Cell, table)
	eventually(t, 60*time.Second, "objects of "+table+" have the rows of ClickHouse", func() error {
		if there, err := filepath.Glob(root + "/*/*/*.parquet"); len(there) == 0 {
			return errors.Join(err, errors.New("there are none"))
		}
		got := lines(duckDB(t, fmt.Sprintf("SELECT status, epoch_ms(window_start), %s FROM read_parquet('%s/*/*/*.parquet', hive_partitioning = true)", columns, root)))
		if got != want {
			return errors.New(firstDifference(got, want))
		}
		return nil
	})
}

// numbers writes the values of a line as float32 where they are numbers with a fraction:
// every client prints them in its own way.
func numbers(line string) string {
	fields := strings.Split(line, "\t")
	for i, f := range fields {
		var v float32
		if strings.ContainsAny(f, ".e") && len(f) < 30 && !strings.ContainsAny(f, "@") {
			if n, err := fmt.Sscan(f, &v); n == 1 && err == nil {
				fields[i] = fmt.Sprintf("%08x", bits(v))
			}
		} else if n, err := fmt.Sscan(f, &v); n == 1 && err == nil && len(f) < 10 {
			fields[i] = fmt.Sprintf("%08x", bits(v))
		}
	}
	return strings.Join(fields, "\t")
}
