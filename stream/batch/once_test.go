package batch_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// committed is a store that keeps the bytes of what is committed, by table and set.
type committed struct {
	mu     sync.Mutex
	tables map[string][]byte
	n      int64 // rows
}

type committing struct {
	*committed
	name string
	recs []arrow.Record
}

func (c *committed) Begin(table batch.Table, set string, _ ...batch.Input) (batch.Recording, error) {
	return &committing{committed: c, name: string(table) + " " + set}, nil
}

func (c *committing) Write(rows []arrow.Record) error {
	c.recs = append(c.recs, rows...)
	return nil
}

func (c *committing) Commit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rec := range c.recs {
		rows, err := wire.EncodeRows(rec)
		if err != nil {
			return err
		}
		c.tables[c.name] = append(c.tables[c.name], rows...)
		c.n += rec.NumRows()
	}
	return nil
}

func (c *committing) Abort() error { return nil }

// endsOther is a canonical CSV of a sample a second, of counts of 1/64 g, but that lines
// may be others.
func endsOther(t *testing.T, rows int, other func(i int, line string) string) string {
	rng := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	text.WriteString("timestamp,x,y,z,temperature\n")
	count := func() float64 { return float64(rng.IntN(256)-128) / 64 }
	for i := range rows {
		line := fmt.Sprintf("%d.00,%.6f,%.6f,%.6f,%.2f\n", origin.Unix()+int64(i), count(), count(), count(), 30+rng.Float64())
		if other != nil {
			line = other(i, line)
		}
		text.WriteString(line)
	}
	path := filepath.Join(t.TempDir(), "w1.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOnce: a file that is read once gives the rows and the report of one that is
// looked through first, whatever its end says.
func TestOnce(t *testing.T) {
	const rows = 75_000
	finer := func(i int, line string) string {
		if i > rows-2000 {
			return fmt.Sprintf("%s.00,0.003906,-0.500000,0.000000,30\n", line[:10])
		}
		return line
	}
	back := func(at int) func(int, string) string {
		return func(i int, line string) string {
			if i < at {
				return line
			}
			return fmt.Sprint(origin.Unix()+int64(i)-40_000) + line[10:]
		}
	}
	both := func(at int) func(int, string) string {
		return func(i int, line string) string { return finer(i, back(at)(i, line)) }
	}
	late := recording.Options{Start: new(time.Date(2199, 12, 31, 4, 0, 0, 0, time.UTC))} // its end would be after all time
	days := still(t, "days.csv", 73, nil)
	cut, err := os.ReadFile(days)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  batch.Config
		path string
		fail bool
	}{
		{name: "as it began", path: endsOther(t, rows, nil)},
		{name: "finer", path: endsOther(t, rows, finer)},
		{name: "finer, from the first sample", cfg: batch.Config{FromFirst: true, Calibrate: true}, path: endsOther(t, rows, finer)},
		{name: "set back", path: endsOther(t, rows, back(70_000))},
		{name: "set back, then finer", path: endsOther(t, rows, both(70_000))},
		{name: "set back soon, then finer", path: endsOther(t, rows, both(50_000))},
		{name: "finer, then set back", path: endsOther(t, rows, both(rows-100))},
		{name: "a scale that does not fit", cfg: batch.Config{Reader: recording.Options{LSBPerG: 64}}, path: endsOther(t, rows, finer), fail: true},
		{name: "moved too far", cfg: batch.Config{Reader: late}, path: endsOther(t, rows, nil), fail: true},
		{name: "calibrated", cfg: batch.Config{Calibrate: true, Apply: true}, path: days},
		{name: "three days of still moments, told", cfg: batch.Config{Calibrate: true}, path: days},
		{name: "not quite three days, applied", cfg: batch.Config{Calibrate: true, Apply: true}, path: part(t, cut, 72*3600-5)},
		{name: "not quite three days, told", cfg: batch.Config{Calibrate: true}, path: part(t, cut, 72*3600-5)},
		{name: "calibrated, finer times", cfg: batch.Config{Calibrate: true, Apply: true}, path: part(t, append(cut, "1772586001.0000005,0.03,-0.2,0.9,29\n"...), -1)},
		{name: "calibrated, then set back", cfg: batch.Config{Calibrate: true, Apply: true}, path: part(t, append(cut, "1772323200.5,0.03,-0.2,0.9,29\n"...), -1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(through bool) (*committed, batch.Report, batch.Progress) {
				m, last := &committed{tables: map[string][]byte{}}, batch.Progress{}
				b, err := batch.New(c.cfg, m, func(p batch.Progress) { last = p })
				if err != nil {
					t.Fatal(err)
				}
				if through {
					b.LookThrough()
				}
				reports, err := b.Run(t.Context(), []batch.Input{{Path: c.path, Sensor: "w1"}})
				if err != nil {
					t.Fatal(err)
				}
				return m, reports[0], last
			}
			want, wantRep, wantLast := read(true)
			got, gotRep, gotLast := read(false)
			if (wantRep.Err != nil) != c.fail || fmt.Sprint(gotRep.Err) != fmt.Sprint(wantRep.Err) || errors.Is(gotRep.Err, recording.ErrAgain) {
				t.Fatalf("%v, want %v", gotRep.Err, wantRep.Err)
			}
			if !reflect.DeepEqual(got.tables, want.tables) || (got.n == 0) != c.fail {
				t.Errorf("%d rows are others than the %d", got.n, want.n)
			}
			if got, want := fmt.Sprintf("%+v", facts(gotRep)), fmt.Sprintf("%+v", facts(wantRep)); got != want {
				t.Errorf("report %s\nwant %s", got, want)
			}
			if c.fail {
				return
			}
			if gotLast != wantLast || gotLast.SamplesOf != gotRep.Recording.Samples {
				t.Errorf("progress at the end is %+v, want %+v", gotLast, wantLast)
			}
			t.Logf("%d rows; calibrated %t, back %t", got.n, gotRep.Calibrated, gotRep.Back)
		})
	}
}

// part writes the beginning of a CSV, of so many rows.
func part(t *testing.T, text []byte, rows int) string {
	lines := strings.SplitAfter(string(text), "\n")
	if rows >= 0 {
		lines = lines[:rows+1]
	}
	path := filepath.Join(t.TempDir(), "w1.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// facts is all of a report that is a value.
func facts(r batch.Report) []any {
	all := []any{r.Input, r.Rows, r.Algos, r.MeasuredHz, r.Gaps, r.Back, r.Minutes, r.Findings, r.Calibrated, r.Wear, r.Warning()}
	if r.Calibrate != nil {
		all = append(all, *r.Calibrate)
	}
	if r := r.Recording; r != nil {
		all = append(all, r.Samples, r.First, r.Latest, r.RateMHz, r.LSBPerG, r.RangeMG, r.BatteryMV, r.Damage)
	}
	return all
}
