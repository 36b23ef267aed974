package batch_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// table is rows by window and algo, each a line of name=value.
type table map[string]map[string]string

func (t table) add(tb testing.TB, rec arrow.Record) {
	for i := range int(rec.NumRows()) {
		row := map[string]string{}
		for c, f := range rec.Schema().Fields() {
			row[f.Name] = rec.Column(c).ValueStr(i)
		}
		id := row["sensor"] + " " + row["algo"] + " " + row["length_s"] + " " + row["window_start"]
		if was, twice := t[id]; twice && was["revision"] >= row["revision"] {
			tb.Errorf("%s: revision %s after %s", id, row["revision"], was["revision"])
		}
		t[id] = row
	}
}

// memory is a store that keeps rows.
type memory struct {
	tb     testing.TB
	mu     sync.Mutex
	rows   table
	wear   table
	faults map[string]error // by sensor, of Write
}

type memoryRecording struct {
	*memory
	table  batch.Table
	sensor string
	recs   []arrow.Record
}

func newMemory(tb testing.TB) *memory { return &memory{tb: tb, rows: table{}, wear: table{}} }

func (m *memory) Begin(table batch.Table, _ string, of ...batch.Input) (batch.Recording, error) {
	return &memoryRecording{memory: m, table: table, sensor: of[0].Sensor}, nil
}

func (m *memoryRecording) Write(rows []arrow.Record) error {
	m.recs = append(m.recs, rows...)
	return m.faults[m.sensor]
}

func (m *memoryRecording) Commit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, rec := range m.recs {
		if m.table == batch.Wear {
			m.wear.add(m.tb, rec)
			continue
		}
		m.rows.add(m.tb, rec)
	}
	return nil
}

func (m *memoryRecording) Abort() error { m.recs = nil; return nil }

// run computes files and answers their rows and reports.
func run(t testing.TB, cfg batch.Config, inputs ...batch.Input) (table, []batch.Report) {
	t.Helper()
	m := newMemory(t)
	b, err := batch.New(cfg, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return m.rows, reports
}

// stretch is a part of a made recording: from, in seconds after the origin, so long.
type stretch struct {
	from, length float64
	hz           float64
}

var origin = time.Date(2026, 3, 1, 23, 50, 3, 0, time.UTC)

// csvFile writes a recording of stretches in that order, and damage between them.
func csvFile(t testing.TB, name string, damage string, stretches ...stretch) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	fmt.Fprintln(z, "timestamp,x,y,z,temperature")
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range stretches {
		for i := range int(s.length * s.hz) {
			at := origin.UnixMicro() + int64(1e6*(s.from+float64(i)/s.hz))
			fmt.Fprintf(z, "%d.%06d,%.6f,%.6f,%.6f,%.2f\n", at/1e6, at%1e6,
				float64(rng.IntN(256)-128)/64, float64(rng.IntN(256)-128)/64, float64(rng.IntN(256)-128)/64, 30+rng.Float64())
		}
		fmt.Fprint(z, damage)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// streamed plays a recording through the operator of the device topic.
type streamed struct {
	tb   testing.TB
	rows table
	log  []stream.Record
}

func (s *streamed) Read(_ context.Context, offsets []int64, yield func(stream.Record) error) error {
	for _, at := range offsets {
		if err := yield(s.log[at]); err != nil {
			return err
		}
	}
	return nil
}

func (s *streamed) Emit(topic string, _ int32, _, value []byte, headers ...stream.Header) {
	r := stream.Record{Headers: headers}
	if string(r.Header(wire.HeaderKind)) != wire.KindRows {
		if strings.HasSuffix(topic, wire.TopicQuarantine) {
			s.tb.Errorf("quarantined: %s", r.Header(wire.HeaderReason))
		}
		return
	}
	recs, err := wire.DecodeRows(value)
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, rec := range recs {
		s.rows.add(s.tb, rec)
	}
}

func streamRows(t testing.TB, sets []*features.Set, in batch.Input) table {
	t.Helper()
	s := &streamed{tb: t, rows: table{}}
	op, err := device.New(device.Config{Cell: "main", Sets: sets, Memory: device.DefaultMemory}, prometheus.NewRegistry())(0, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	appended := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	apply := func(kind string, value []byte) {
		appended = appended.Add(time.Second)
		r := stream.Record{
			Topic: "wear.main.device.v1", Offset: int64(len(s.log)), AppendTime: appended, Key: []byte(in.Sensor), Value: value,
			Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(kind)}, {Key: wire.HeaderThing, Value: []byte(in.Sensor)}},
		}
		s.log = append(s.log, r)
		if err := op.Apply(t.Context(), r, s); err != nil {
			t.Fatal(err)
		}
	}
	if in.Study != "" {
		a := wire.Assignment{Sensor: in.Sensor, Study: in.Study, Participant: in.Participant, Side: in.Side, At: appended}
		value, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		apply(wire.KindAssignment, value)
	}
	r, err := recording.Open(in.Path, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		b.Boot, last = 1, b.Seq
		apply(wire.KindSamples, b.Append(nil))
	}
	apply(wire.KindStatus, fmt.Appendf(nil, `{"kind":"end","boot":1,"last_seq":%d}`, last))
	// Late evidence is corrected once nothing more of it comes: some ticks later.
	for range 3 {
		appended = appended.Add(time.Hour)
		value, _ := json.Marshal(wire.Tick{UTC: appended.UnixMicro()})
		apply(wire.KindTick, value)
	}
	if err := op.Flush(s); err != nil {
		t.Fatal(err)
	}
	return s.rows
}

// TestSameAsStream: every row of a recording is, byte for byte, the one that the
// stream hands out of it.
func TestSameAsStream(t *testing.T) {
	for _, c := range []struct {
		name string
		path string
		back bool
		not  []string // columns that may differ
	}{
		{name: "whole", path: csvFile(t, "whole.csv.gz", "", stretch{0, 1900, 32})},
		{name: "gaps and damage", path: csvFile(t, "gaps.csv.gz", "nonsense\n1,2\n", stretch{0, 100.5, 32}, stretch{103.2, 611, 32}, stretch{4000, 700, 32}, stretch{90_000, 64, 32})},
		{name: "drift", path: csvFile(t, "drift.csv.gz", "", stretch{0, 1000, 25}, stretch{1000, 500, 25.9})},
		{name: "short", path: csvFile(t, "short.csv.gz", "", stretch{0, 0.4, 32})},
		// Where a clock is set back the stream says so in more revisions.
		{name: "clock set back", path: csvFile(t, "back.csv.gz", "", stretch{0, 2000, 32}, stretch{700.01, 1500, 32}, stretch{-3000, 100, 32}), back: true,
			not: []string{"revision", "status", "final_reason"}},
		{name: "a real one", path: "../../../shared/data/real/e4-stress-predict/S01.csv.gz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(c.path); err != nil {
				t.Skipf("shared data are missing: %v", err)
			}
			in := batch.Input{Path: c.path, Sensor: "w1", Study: "ST01", Participant: "P-1", Side: "left"}
			sets := []*features.Set{features.Core, features.Ref}
			want := streamRows(t, sets, in)
			got, reports := run(t, batch.Config{Sets: sets, Workers: 3}, in)
			if reports[0].Err != nil || reports[0].Back != c.back {
				t.Fatalf("report: %v, back %t", reports[0].Err, reports[0].Back)
			}
			equal(t, got, want, c.not...)
		})
	}
}

// equal compares tables, but for some columns.
func equal(t *testing.T, got, want table, not ...string) {
	t.Helper()
	faults := 0
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if got[id] == nil {
			t.Errorf("%s is missing", id)
			faults++
			continue
		}
		for name, w := range want[id] {
			if g := got[id][name]; g != w && !slices.Contains(not, name) {
				t.Errorf("%s %s: %s, the stream says %s", id, name, g, w)
				faults++
			}
		}
		if faults > 20 {
			t.FailNow()
		}
	}
	if len(got) != len(want) || len(got) == 0 {
		t.Errorf("%d rows, the stream has %d", len(got), len(want))
	}
	t.Logf("%d rows are the same", len(want))
}

// TestSameWithAnyWorkers: how many work on it, and what is computed beside, changes
// nothing; of no set.
func TestSameWithAnyWorkers(t *testing.T) {
	a := csvFile(t, "a.csv.gz", "bad\n", stretch{0, 2500, 32}, stretch{2600, 1000, 32})
	b := csvFile(t, "b.csv.gz", "", stretch{0, 4000, 25})
	inputs := []batch.Input{{Path: a, Sensor: "a"}, {Path: b, Sensor: "b", Side: "left"}}
	all := []*features.Set{features.Core, features.Ref, features.Offline}
	want := table{}
	for _, set := range all {
		for _, in := range inputs {
			one, _ := run(t, batch.Config{Sets: []*features.Set{set}, Workers: 1}, in)
			maps.Copy(want, one)
		}
	}
	got, _ := run(t, batch.Config{Sets: all, Workers: 4}, inputs...)
	equal(t, got, want)
	for id, row := range got { // of other sets
		for name, v := range row {
			if _, own := want[id][name]; !own && v != "(null)" {
				t.Errorf("%s: %s is %s, a column of another set", id, name, v)
			}
		}
	}
	for _, set := range all {
		has := false
		for _, row := range got {
			has = has || row["algo"] == set.Algo() && slices.ContainsFunc(set.Columns(), func(c string) bool { return row[c] != "(null)" && row[c] != "" })
		}
		if !has {
			t.Errorf("no value of %s", set.Name)
		}
	}
}

// TestWear: every minute from the first to the last is said once, in order of time,
// however blocks come to be computed; a hole is no data.
func TestWear(t *testing.T) {
	whole := csvFile(t, "a.csv.gz", "", stretch{0, 3000, 8}, stretch{9000, 2000, 8})
	back := csvFile(t, "b.csv.gz", "", stretch{9000, 2000, 8}, stretch{0, 3000, 8})
	wear := func(path string, workers int) ([]string, batch.Report) {
		m := newMemory(t)
		b, err := batch.New(batch.Config{Workers: workers}, m, nil)
		if err != nil {
			t.Fatal(err)
		}
		reports, err := b.Run(t.Context(), []batch.Input{{Path: path, Sensor: "w1", Study: "ST01", Side: "left"}})
		if err != nil || reports[0].Err != nil {
			t.Fatal(err, reports[0].Err)
		}
		var minutes []string
		for _, id := range slices.Sorted(maps.Keys(m.wear)) {
			r := m.wear[id]
			minutes = append(minutes, strings.Join([]string{r["window_start"], r["state"], r["decided_by"], r["status"], r["study"], r["side"], r["thing"], r["algo"]}, " "))
		}
		return minutes, reports[0]
	}
	want, rep := wear(whole, 1)
	if n := 11_003/60 + 1; len(want) != n || rep.Rows["wear.v1"] != int64(n) {
		t.Errorf("%d minutes, %d said, want %d", len(want), rep.Rows["wear.v1"], n)
	}
	last, hole := rep.Wear[0].From, 0
	for _, s := range rep.Wear {
		if !s.From.Equal(last) {
			t.Errorf("a stretch begins at %s, the one before ends at %s", s.From, last)
		}
		last = s.To
		if s.State.String() == "NODATA" {
			hole += s.Minutes()
		}
	}
	if hole < 98 || hole > 101 {
		t.Errorf("%d minutes without data: %v", hole, rep.Wear)
	}
	if got, _ := wear(whole, 4); !slices.Equal(got, want) {
		t.Errorf("four workers say otherwise")
	}
	states := func(minutes []string) (s []string) {
		for _, m := range minutes {
			s = append(s, strings.Fields(m)[2])
		}
		return s
	}
	got, rep := wear(back, 4)
	if !rep.Back || !slices.Equal(states(got), states(want)) || len(got) != len(want) {
		t.Errorf("with the clock set back: %d minutes, want %d; %v", len(got), len(want), rep.Wear)
	}
}

// TestFromFirst: windows that are counted from the first sample are those of the grid
// of the same recording moved onto it, but for their times and digests.
func TestFromFirst(t *testing.T) {
	in := batch.Input{Path: csvFile(t, "a.csv.gz", "", stretch{0, 2000, 32}, stretch{2100.5, 300, 32}), Sensor: "a"}
	sets := []*features.Set{features.Core, features.Ref}
	onGrid := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	want, _ := run(t, batch.Config{Sets: sets, Reader: recording.Options{Start: &onGrid}}, in)
	got, _ := run(t, batch.Config{Sets: sets, FromFirst: true}, in)
	moved := table{}
	const form = "2006-01-02 15:04:05.999999999"
	for _, row := range got {
		at, err := time.Parse(form, strings.TrimSuffix(row["window_start"], "Z"))
		if err != nil {
			t.Fatal(err)
		}
		row["window_start"] = at.Add(onGrid.Sub(origin)).Format(form) + "Z"
		moved["a "+row["algo"]+" "+row["length_s"]+" "+row["window_start"]] = row
	}
	equal(t, moved, want, "input_digest")
}

// TestFaults: a file that cannot be read, or not be stored, fails alone; of a damaged
// one everything that can be read counts.
func TestFaults(t *testing.T) {
	good := csvFile(t, "good.csv.gz", "", stretch{0, 1000, 32})
	cut := csvFile(t, "cut.csv.gz", "", stretch{0, 3000, 32})
	if err := os.Truncate(cut, 200_000); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.csv")
	if err := os.WriteFile(none, []byte("timestamp,x,y,z,temperature\nno row\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := newMemory(t)
	full := errors.New("disk full")
	m.faults = map[string]error{"full": full}
	var last batch.Progress
	b, err := batch.New(batch.Config{Workers: 2}, m, func(p batch.Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), []batch.Input{
		{Path: none, Sensor: "none"}, {Path: good, Sensor: "full"}, {Path: good, Sensor: "good"}, {Path: cut, Sensor: "cut"}, {Path: "nowhere.csv", Sensor: "nowhere"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if reports[0].Err == nil || !errors.Is(reports[1].Err, full) || reports[2].Err != nil || reports[3].Err != nil || !errors.Is(reports[4].Err, os.ErrNotExist) {
		for _, r := range reports {
			t.Errorf("%s: %v", r.Sensor, r.Err)
		}
	}
	if w := reports[3].Warning(); !strings.Contains(w, "ends early") || reports[2].Warning() != "" {
		t.Errorf("warnings %q and %q", w, reports[2].Warning())
	}
	sensors := map[string]int{}
	for _, row := range m.rows {
		sensors[row["sensor"]]++
	}
	if sensors["good"] != int(reports[2].Rows["core.v1"]) || sensors["good"] < 200 || sensors["cut"] < 50 || len(sensors) != 2 {
		t.Errorf("rows by sensor: %v", sensors)
	}
	if last.FilesDone != 5 || last.Files != 5 || last.Samples == 0 {
		t.Errorf("progress at the end: %+v", last)
	}
}

// TestCancel: a run that is cut short stores nothing of what it had begun, and says so.
func TestCancel(t *testing.T) {
	path := csvFile(t, "a.csv.gz", "", stretch{0, 8000, 32})
	ctx, stop := context.WithCancel(t.Context())
	m := newMemory(t)
	b, err := batch.New(batch.Config{Workers: 2}, m, func(p batch.Progress) {
		if p.Samples > 0 {
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(ctx, []batch.Input{{Path: path, Sensor: "a"}, {Path: path, Sensor: "b"}, {Path: path, Sensor: "c"}})
	if !errors.Is(err, context.Canceled) || len(reports) != 3 || !errors.Is(reports[2].Err, context.Canceled) {
		t.Errorf("%v, %+v", err, reports)
	}
	if len(m.rows) != 0 {
		t.Errorf("%d rows were stored", len(m.rows))
	}
}
