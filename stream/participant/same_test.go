package participant_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/participant"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// shared are files of the shared data, beside the repository's root.
func shared(t testing.TB, names ...string) (paths []string) {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, "..", "shared", "data", name)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("shared data are missing: %v", err)
		}
		paths = append(paths, path)
	}
	return paths
}

// kept is a store of a batch that keeps records by table.
type kept struct {
	mu   sync.Mutex
	recs map[batch.Table][]arrow.Record
}

type keeping struct {
	*kept
	table batch.Table
}

func (k *kept) Begin(table batch.Table, _ string, _ ...batch.Input) (batch.Recording, error) {
	return keeping{k, table}, nil
}

func (k keeping) Write(recs []arrow.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recs[k.table] = append(k.recs[k.table], recs...)
	return nil
}

func (keeping) Commit() error { return nil }
func (keeping) Abort() error  { return nil }

// lines are the rows of records, every column, in order.
func lines(recs []arrow.Record) (all []string) {
	for _, rec := range recs {
		for i := range int(rec.NumRows()) {
			line := ""
			for c, f := range rec.Schema().Fields() {
				line += fmt.Sprintf("%s=%s ", f.Name, rec.Column(c).ValueStr(i))
			}
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

// sidesOf are the rows of sides of a recording.
func sidesOf(t testing.TB, in batch.Input) (rows []wire.SideRow) {
	t.Helper()
	r, err := recording.Open(in.Path, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[int64][]*wire.SampleBatch{}
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		span := window.SpanOf(b)
		window.Touching(pair.Length, span.From, span.To, func(k window.Key) { blocks[k.Start] = append(blocks[k.Start], b) })
	}
	core := func(id string, s *window.Summed) float64 {
		var w features.Window
		w.Reset(s.Length, s.Rate)
		w.Epoch = s.Epoch
		return features.Core.Features[slices.Index(features.Core.Columns(), id)].Value(&w)
	}
	summer := window.Summer{SamplesAt: []time.Duration{time.Minute}}
	for start, batches := range blocks {
		side, mads, coverage := &pair.Side{}, [pair.Epochs]float64{}, 0.0
		summer.Windows(start, batches, func(s *window.Summed, _ []*wire.SampleBatch) {
			switch s.Length {
			case features.EpochLength:
				mads[(s.Start-start)/int64(features.EpochLength)] = core("mad", s)
			case time.Minute:
				for at := s.Start; at < s.End(); at += int64(features.EpochLength) {
					from := sort.Search(len(s.Samples.T), func(i int) bool { return s.Samples.T[i] >= at })
					to := sort.Search(len(s.Samples.T), func(i int) bool { return s.Samples.T[i] >= at+int64(features.EpochLength) })
					if from < to {
						i := int((at - start) / int64(features.EpochLength))
						v := s.Samples
						side.Put(i, pair.NewEpoch(at, features.Samples{T: v.T[from:to], X: v.X[from:to], Y: v.Y[from:to], Z: v.Z[from:to]}, mads[i]))
					}
				}
			case pair.Length:
				coverage, side.Temperature = s.Coverage, core("temp_mean", s)
			}
		})
		rows = append(rows, wire.SideRow{
			Study: in.Study, Participant: in.Participant, Side: in.Side, Thing: in.Sensor, Sensor: in.Sensor,
			Start: time.Unix(0, start).UTC(), Length: pair.Length, Revision: 1, Status: wire.StatusFinal, Coverage: float32(coverage), Epochs: side.Append(nil),
		})
	}
	slices.SortFunc(rows, func(a, b wire.SideRow) int { return a.Start.Compare(b.Start) })
	return rows
}

// feed is a log of features, the operator behind it, and what comes of it.
type feed struct {
	logtest.Log
	recs []arrow.Record
	done int // records that were applied
}

// settle applies what is new in the log in one transaction, and answers what comes of it.
func (f *feed) settle() []arrow.Record {
	said := len(f.recs)
	for ; f.done < len(f.Records); f.done++ {
		if err := f.Op.Apply(f.T.Context(), f.Records[f.done], f); err != nil {
			f.T.Fatal(err)
		}
	}
	f.Commit()
	return f.recs[said:]
}

func (f *feed) Emit(_ string, _ int32, _, value []byte, headers ...stream.Header) {
	r := stream.Record{Headers: headers}
	if string(r.Header(wire.HeaderKind)) != wire.KindRows {
		return
	}
	recs, err := wire.DecodeRows(value)
	if err != nil {
		f.T.Fatal(err)
	}
	f.recs = append(f.recs, recs...)
}

func (f *feed) record(schema string, value []byte, err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatal(err)
	}
	f.Put(stream.Record{Value: value, Headers: []stream.Header{
		{Key: wire.HeaderKind, Value: []byte(wire.KindRows)}, {Key: wire.HeaderSchema, Value: []byte(schema)}}})
}

// batchOf makes rows of the recordings of a pair of wrists.
func batchOf(t *testing.T, name string) ([]batch.Input, *kept) {
	paths := shared(t, "oracle/inputs/"+name+"_left.csv.gz", "oracle/inputs/"+name+"_right.csv.gz")
	inputs := []batch.Input{
		{Path: paths[0], Sensor: "l", Study: "ST01", Participant: "P-1", Side: "left"},
		{Path: paths[1], Sensor: "r", Study: "ST01", Participant: "P-1", Side: "right"},
	}
	made := &kept{recs: map[batch.Table][]arrow.Record{}}
	b, err := batch.New(batch.Config{}, made, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Run(t.Context(), inputs); err != nil {
		t.Fatal(err)
	}
	return inputs, made
}

// TestSameAsBatch: of the same recordings every pair is, byte for byte, the one that a
// batch makes.
func TestSameAsBatch(t *testing.T) {
	for _, name := range []string{"pairP", "pairP_lag3s"} {
		t.Run(name, func(t *testing.T) {
			inputs, made := batchOf(t, name)
			want := lines(made.recs[batch.Pairs])

			f := &feed{}
			f.Log = logtest.Log{T: t, Out: f, New: participant.New(participant.Config{Cell: "main", Sources: 1}, prometheus.NewRegistry())}
			f.Restart()
			for _, rec := range made.recs[batch.Wear] {
				value, err := wire.EncodeRows(rec)
				f.record(wire.RowsWear, value, err)
			}
			for _, in := range inputs {
				sides := wire.NewSideRows()
				for _, s := range sidesOf(t, in) {
					sides.Append(&s)
				}
				value, err := sides.Encode()
				f.record(wire.RowsSides, value, err)
			}
			f.settle()
			if got := lines(f.recs); !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%d pairs:\n%q\nwant %d:\n%q", len(got), got, len(want), want)
			}
			t.Logf("%d pairs are the same", len(want))
		})
	}
}
