package object_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

var participantsTopic = wire.TopicName("main", wire.TopicParticipants)

// mixedCut is of features.v1 as a processor with all sets writes it: sides, which are
// no table, then minutes of wear of a study and of none, before and after midnight UTC,
// between windows.
func mixedCut(t *testing.T) stream.Cut {
	t.Helper()
	late := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	sides := wire.NewSideRows()
	sides.Append(&wire.SideRow{Study: "S1", Participant: "p1", Side: "left", Thing: "a", Sensor: "a", Start: late.Add(-14 * time.Minute), Length: 15 * time.Minute, Revision: 1, Status: wire.StatusFinal, Coverage: 1, Epochs: []byte{1, 2}})
	minutes := func(study, sensor string, states ...string) wire.WearRows {
		rows := wire.NewWearRows()
		for i, state := range states {
			rows.Append(&wire.WearRow{Study: study, Participant: "p1", Side: "left", Thing: "ward", Sensor: sensor, Start: late.Add(time.Duration(i) * time.Minute),
				Algo: "wear@1.0.0+00000000", Revision: uint32(i + 1), Status: wire.StatusFinal, State: state, By: "capsense"})
		}
		return rows
	}
	return cutOf(featuresTopic,
		recordOf(t, 20, wire.RowsSides, sides),
		recordOf(t, 21, wire.RowsWear, minutes("S1", "a", "WEAR", "NONWEAR")),
		rowsRecord(t, 22, []string{"enmo"}, windowRow("S1", "a", late, time.Minute, 3)),
		recordOf(t, 23, wire.RowsWear, minutes("", "b", "UNKNOWN")),
		recordOf(t, 24, wire.RowsWear, minutes("S1", "c", "NODATA")),
	)
}

// pairsCut is of participants.v1: a row and what retracts it, a row of another set of
// features, and a tick.
func pairsCut(t *testing.T) stream.Cut {
	t.Helper()
	pair := func(revision uint32, status string, features ...float32) *wire.PairRow {
		return &wire.PairRow{Study: "S1", Participant: "p1", SensorLeft: "l", SensorRight: "r", Start: time.Date(2026, 3, 1, 23, 45, 0, 0, time.UTC),
			Algo: "pair.v1@1.0.0+00000000", Revision: revision, Status: status, CoverageLeft: 1, CoverageRight: 0.75, Features: features}
	}
	one, two := wire.NewPairRows([]string{"lag_ms"}), wire.NewPairRows([]string{"lag_ms", "corr"})
	one.Append(pair(1, wire.StatusFinal, 12))
	one.Append(pair(2, wire.StatusRetracted, nan))
	two.Append(pair(3, wire.StatusCorrected, 11, 0.5))
	return cutOf(participantsTopic,
		stream.Record{Offset: 7, Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}},
		recordOf(t, 8, wire.RowsPairs, one),
		recordOf(t, 9, wire.RowsPairs, two))
}

type wearRow struct {
	Participant string    `parquet:"participant"`
	Side        string    `parquet:"side"`
	Sensor      string    `parquet:"sensor"`
	WindowStart time.Time `parquet:"window_start,timestamp(millisecond)"`
	LengthS     uint32    `parquet:"length_s"`
	Algo        string    `parquet:"algo"`
	Revision    uint32    `parquet:"revision"`
	Status      string    `parquet:"status"`
	State       string    `parquet:"state"`
	By          string    `parquet:"decided_by"`
}

func (r wearRow) String() string {
	return fmt.Sprintf("%s %s %s %s %d %d %s %s %s", r.Participant, r.Side, r.Sensor, r.WindowStart.UTC().Format("02T15:04:05"), r.LengthS, r.Revision, r.Status, r.State, r.By)
}

type pairRow struct {
	Participant   string    `parquet:"participant"`
	SensorLeft    string    `parquet:"sensor_left"`
	SensorRight   string    `parquet:"sensor_right"`
	WindowStart   time.Time `parquet:"window_start,timestamp(millisecond)"`
	LengthS       uint32    `parquet:"length_s"`
	Revision      uint32    `parquet:"revision"`
	Status        string    `parquet:"status"`
	CoverageRight float32   `parquet:"coverage_right"`
	Lag           *float32  `parquet:"lag_ms"`
	Corr          *float32  `parquet:"corr"`
}

func (r pairRow) String() string {
	number := func(f *float32) string {
		if f == nil {
			return "null"
		}
		return fmt.Sprint(*f)
	}
	return fmt.Sprintf("%s %s %s %s %d %d %s %g %s %s", r.Participant, r.SensorLeft, r.SensorRight, r.WindowStart.UTC().Format("02T15:04"), r.LengthS, r.Revision, r.Status, r.CoverageRight, number(r.Lag), number(r.Corr))
}

func rowsOf[R fmt.Stringer](t *testing.T, body []byte) (lines []string) {
	t.Helper()
	read, err := parquet.Read[R](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range read {
		lines = append(lines, r.String())
	}
	return lines
}

// Rows of every type read by another library than wrote them, each below its table's
// folder; the same cut again changes nothing.
func TestWearAndPairs(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := newStore(t)
	s := object.NewTest(store, mem, "v1", nil)
	write(t, s, mixedCut(t))
	write(t, s, pairsCut(t))
	before := stored(t, store)
	write(t, s, mixedCut(t))
	write(t, s, pairsCut(t))
	all := stored(t, store)

	features, participants := "/"+logID+"-0003-00000000000000000020.parquet", "/"+logID+"-0003-00000000000000000007.parquet"
	want := []struct {
		key, schema string
		read        func(*testing.T, []byte) []string
		rows        []string
	}{
		{"wear/v1/study=S1/date=2026-03-01" + features, wire.RowsWear, rowsOf[wearRow], []string{"p1 left a 01T23:59:00 60 1 final WEAR capsense", "p1 left c 01T23:59:00 60 1 final NODATA capsense"}},
		{"wear/v1/study=S1/date=2026-03-02" + features, wire.RowsWear, rowsOf[wearRow], []string{"p1 left a 02T00:00:00 60 2 final NONWEAR capsense"}},
		{"wear/v1/study=~unassigned/date=2026-03-01" + features, wire.RowsWear, rowsOf[wearRow], []string{"p1 left b 01T23:59:00 60 1 final UNKNOWN capsense"}},
		{"features/v1/window=60s/study=S1/date=2026-03-01" + features, wire.RowsWindows, rowsOf[featureRow], []string{"a 01T23:59:00 60 250 null null 3 null"}},
		{"pairs/v1/study=S1/date=2026-03-01" + participants, wire.RowsPairs, rowsOf[pairRow], []string{
			"p1 l r 01T23:45 900 1 final 0.75 12 null", "p1 l r 01T23:45 900 2 retracted 0.75 null null", "p1 l r 01T23:45 900 3 corrected 0.75 11 0.5"}},
	}
	if len(all) != len(want) {
		t.Errorf("%d objects, want %d", len(all), len(want))
	}
	for _, w := range want {
		body := all["main/"+w.key]
		if body == nil {
			t.Errorf("%s is not there", w.key)
			continue
		}
		if !bytes.Equal(body, before["main/"+w.key]) {
			t.Errorf("%s was changed", w.key)
		}
		if got := w.read(t, body); !slices.Equal(got, w.rows) {
			t.Errorf("%s: %q, want %q", w.key, got, w.rows)
		}
		info, err := store.Head(t.Context(), "main/"+w.key)
		if err != nil || info.Meta["schema"] != w.schema {
			t.Errorf("%s: schema %q, %v", w.key, info.Meta["schema"], err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		if _, there := f.Schema().Lookup("study"); there {
			t.Errorf("%s has the column study beside its path", w.key)
		}
	}
}

// What is stored is counted by table.
func TestTablesCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := object.New(object.Instrument(newStore(t), "main", reg), "main", "v1")
	for _, cut := range []stream.Cut{mixedCut(t), pairsCut(t), deviceCut()} {
		write(t, s, cut)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "wearstream_sink_rows_total" && l.GetName() == "table" {
					got[l.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	if want := map[string]float64{"device.v1": 4, "features.v1": 1, "wear": 4, "pairs": 3, "quarantine.v1": 0}; !maps.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

// A crash after any object of a cut with rows of several types: the same cut completes
// them, and a cut with another end finds that it has begun before it writes anything.
func TestTablesInPart(t *testing.T) {
	cut, shorter := mixedCut(t), mixedCut(t)
	shorter.Records, shorter.Next = shorter.Records[:2], 22
	whole := newStore(t)
	write(t, object.New(whole, "main", "v1"), cut)
	objects := stored(t, whole)
	for n := range len(objects) {
		plan := slices.Repeat([]storetest.Fault{storetest.None}, n)
		store := storetest.NewFaulty(newStore(t), append(plan, storetest.Before)...)
		s := object.New(store, "main", "v1")
		if err := s.Write(t.Context(), cut); !errors.Is(err, storetest.ErrFault) {
			t.Fatal(err)
		}
		if begun := stored(t, store); len(begun) != n {
			t.Fatalf("%d objects, want %d", len(begun), n)
		}
		if n > 0 {
			err := s.Write(t.Context(), shorter)
			if adopt, ok := errors.AsType[*stream.AdoptError](err); !ok || adopt.Next != cut.Next {
				t.Errorf("a shorter cut after %d objects: %v", n, err)
			}
			if len(stored(t, store)) != n {
				t.Error("it wrote all the same")
			}
		}
		write(t, s, cut)
		all := stored(t, store)
		if len(all) != len(objects) {
			t.Errorf("%d objects, want %d", len(all), len(objects))
		}
		for key, body := range objects {
			if !bytes.Equal(all[key], body) {
				t.Errorf("%s differs", key)
			}
		}
	}
}
