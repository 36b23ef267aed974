// Package rowtest compares rows of windows byte by byte, without how they came about:
// tests say with it that order, batching and splitting do not matter.
package rowtest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/stream/wire"
)

// history are the columns that say how a row came about.
var history = []string{"revision", "status", "final_reason", "lane"}

// Rows are the last rows of windows. The zero value has none.
type Rows struct {
	last map[string]row // by sensor, algo, length and start
}

type row struct {
	revision uint32
	arrow.Record
	at int // in the record
}

// Add takes rows; of a window the highest revision counts.
func (r *Rows) Add(rec arrow.Record) {
	if r.last == nil {
		r.last = map[string]row{}
	}
	at := func(name string, i int) string { return rec.Column(column(rec, name)).ValueStr(i) }
	for i := range int(rec.NumRows()) {
		id := fmt.Sprintf("%s %s %4s %s", at("sensor", i), at("algo", i), at("length_s", i), at("window_start", i))
		revision := rec.Column(column(rec, "revision")).(*array.Uint32).Value(i)
		if was, ok := r.last[id]; !ok || was.revision < revision {
			r.last[id] = row{revision, rec, i}
		}
	}
}

func column(rec arrow.Record, name string) int { return rec.Schema().FieldIndices(name)[0] }

// Len is how many windows there are.
func (r *Rows) Len() int { return len(r.last) }

// Only are the rows that a function says yes to, given a record and which of its rows it
// is.
func (r *Rows) Only(yes func(rec arrow.Record, i int) bool) *Rows {
	only := &Rows{last: map[string]row{}}
	for id, row := range r.last {
		if yes(row.Record, row.at) {
			only.last[id] = row
		}
	}
	return only
}

// encode is an Arrow stream of rows, of all columns but some.
func encode(t testing.TB, not []string, rows ...row) []byte {
	t.Helper()
	var fields []arrow.Field
	var columns []arrow.Array
	for c, f := range rows[0].Schema().Fields() {
		if slices.Contains(not, f.Name) {
			continue
		}
		to := array.NewBuilder(memory.NewGoAllocator(), f.Type)
		for _, row := range rows {
			switch from := row.Column(c).(type) {
			case *array.Float32:
				if to := to.(*array.Float32Builder); from.IsNull(row.at) {
					to.AppendNull()
				} else {
					to.Append(from.Value(row.at))
				}
			case *array.Uint32:
				to.(*array.Uint32Builder).Append(from.Value(row.at))
			case *array.Timestamp:
				to.(*array.TimestampBuilder).Append(from.Value(row.at))
			case *array.String:
				to.(*array.StringBuilder).Append(from.Value(row.at))
			default:
				t.Fatalf("a column of %s", f.Type)
			}
		}
		fields, columns = append(fields, f), append(columns, to.NewArray())
	}
	text, err := wire.EncodeRows(array.NewRecord(arrow.NewSchema(fields, nil), columns, int64(len(rows))))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Same reports whether the rows, in the order of their windows and but for some columns
// more, are the same bytes of Arrow. Where not, the test fails and is told what differs.
func Same(t testing.TB, got, want *Rows, not ...string) bool {
	t.Helper()
	not = append(not, history...)
	all := func(r *Rows) (rows []row) {
		for _, id := range slices.Sorted(maps.Keys(r.last)) {
			rows = append(rows, r.last[id])
		}
		return rows
	}
	if want.Len() == 0 {
		t.Error("there are no rows")
		return false
	}
	if got.Len() == want.Len() && bytes.Equal(encode(t, not, all(got)...), encode(t, not, all(want)...)) {
		return true
	}
	faults := 0
	for _, id := range slices.Sorted(maps.Keys(want.last)) {
		g, w := got.last[id], want.last[id]
		switch {
		case g.Record == nil:
			t.Errorf("%s is missing", id)
		case bytes.Equal(encode(t, not, g), encode(t, not, w)):
			continue
		default:
			for c, f := range w.Schema().Fields() {
				if a, b := g.Column(c).ValueStr(g.at), w.Column(c).ValueStr(w.at); a != b && !slices.Contains(not, f.Name) {
					t.Errorf("%s: %s is %s, want %s", id, f.Name, a, b)
				}
			}
		}
		if faults++; faults == 5 {
			break
		}
	}
	t.Errorf("other rows: %d, want %d", got.Len(), want.Len())
	return false
}
