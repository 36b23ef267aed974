package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/oracle"
)

// TestOracleStored replays the reference recordings through everything and holds
// the rows of ClickHouse against the references. The recordings begin on a
// 15-minute boundary, so that the grid is that of the references.
func TestOracleStored(t *testing.T) {
	needEngine(t)
	data := references(t)
	recordings, err := data.Names()
	if err != nil {
		t.Fatal(err)
	}
	u := startUp(t, t.TempDir())
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, name := range recordings {
		file := filepath.Join(data.Recordings, name+".csv.gz")
		if _, code := runProgram(t, "replay", "--data", u.at.Data, "--start", start.Format(time.RFC3339), file); code != 0 {
			t.Fatalf("replay of %s failed", name)
		}
	}
	u.complete(len(recordings))
	report, err := data.Compare(oracle.Core, func(recording string, length time.Duration) (*oracle.Rows, error) {
		return u.stored(recording, length, start)
	}, oracle.InStore)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	report.Table(&table)
	t.Logf("stored rows against the references\n%s", &table)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

// references are those of ORACLE_DIR and RECORDINGS_DIR or of the shared folder. Where
// they were asked for and are missing, the test fails.
func references(t *testing.T) oracle.Data {
	t.Helper()
	data, err := oracle.Find()
	switch {
	case err == nil:
	case os.Getenv("ORACLE_DIR")+os.Getenv("RECORDINGS_DIR")+os.Getenv("TEST_ORACLE_REQUIRED") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return data
}

// stored reads the windows of a recording.
func (u *upProcess) stored(sensor string, length time.Duration, start time.Time) (*oracle.Rows, error) {
	columns := append([]string{"n"}, features.Core.ColumnsAt(length)...)
	text, err := u.query(fmt.Sprintf("SELECT toUnixTimestamp64Milli(window_start), %s FROM features_%ds WHERE sensor = '%s' AND algo = '%s' ORDER BY window_start FORMAT TSV",
		strings.Join(columns, ", "), int(length.Seconds()), sensor, features.Core.Algo()))
	if err != nil {
		return nil, err
	}
	return oracleRows(text, columns, start)
}

// oracleRows reads TSV of the milliseconds of window_start and columns.
func oracleRows(text string, columns []string, start time.Time) (*oracle.Rows, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = '\t'
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	rows := &oracle.Rows{Columns: map[string][]float64{}}
	for _, line := range lines {
		ms, err := strconv.ParseInt(line[0], 10, 64)
		if err != nil {
			return nil, err
		}
		rows.Start = append(rows.Start, time.UnixMilli(ms).Sub(start))
		for i, c := range columns {
			v := math.NaN()
			if line[i+1] != `\N` {
				if v, err = strconv.ParseFloat(line[i+1], 64); err != nil {
					return nil, err
				}
			}
			rows.Columns[c] = append(rows.Columns[c], v)
		}
	}
	return rows, nil
}
