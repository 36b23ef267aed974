package score

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Window is a window that is asked about: whose it is, and from what it was made.
type Window struct {
	Study, Participant, Side, Thing, Sensor string
	StartMS                                 int64 // milliseconds since 1970
	LengthS                                 uint32
	Algo                                    string
	Revision                                uint32
	Status, InputDigest                     string
	Offset                                  int64 // of its record in the log
}

// key is what names a window in an answer.
type key struct {
	sensor  string
	startMS int64
	lengthS uint32
}

// Request is what is asked about one cut: a function of the cut and the filters.
type Request struct {
	Range stream.Range
	Asked []Window // in the order of the log
	// Digest is of what is asked: SHA-256 in hex over the windows and their revisions.
	Digest string

	rows arrow.Record // nil if nothing is asked
}

// source is where a row that is asked about stands.
type source struct {
	rec     arrow.Record
	columns []int // where the schema's columns are in it; -1: nowhere
	row     int
}

// Request makes the request of a cut. An error means that this version cannot read
// the rows.
func (s *Scorer) Request(cut stream.Cut) (*Request, error) {
	q := &Request{Range: cut.Range}
	var sources []source
	last := map[key]int{} // where in them
	for i := range cut.Records {
		r := &cut.Records[i]
		if string(r.Header(wire.HeaderSchema)) != wire.RowsWindows {
			continue // ticks, and rows of other types
		}
		recs, err := wire.DecodeRows(r.Value)
		if err != nil {
			return nil, fmt.Errorf("record at offset %d: %w", r.Offset, err)
		}
		for _, rec := range recs {
			columns, err := s.match(rec.Schema())
			if err != nil {
				return nil, fmt.Errorf("record at offset %d: %w", r.Offset, err)
			}
			for row := range int(rec.NumRows()) {
				at := source{rec, columns, row}
				w := at.window(r.Offset)
				if !s.wanted(&w) {
					continue
				}
				k := key{w.Sensor, w.StartMS, w.LengthS}
				if before, ok := last[k]; ok {
					sources[before].rec = nil
				}
				last[k] = len(sources)
				q.Asked, sources = append(q.Asked, w), append(sources, at)
			}
		}
	}
	asked := q.Asked[:0]
	for i := range sources {
		if sources[i].rec != nil {
			asked = append(asked, q.Asked[i])
		}
	}
	q.Asked = asked
	sources = slices.DeleteFunc(sources, func(s source) bool { return s.rec == nil })
	q.Digest = digest(q.Asked)
	if len(sources) == 0 {
		return q, nil
	}
	var err error
	q.rows, err = s.gather(sources)
	return q, err
}

// match finds the schema's columns in a record. A column that this version does not
// know would be kept from the model without a word; a feature that the record does
// not have is NULL.
func (s *Scorer) match(have *arrow.Schema) ([]int, error) {
	for _, f := range have.Fields() {
		if !s.schema.HasField(f.Name) {
			return nil, fmt.Errorf("rows have a column %q that this version does not know: run the version of `wearstream score` that belongs to the processors", f.Name)
		}
	}
	columns := make([]int, s.schema.NumFields())
	for i, want := range s.schema.Fields() {
		at := have.FieldIndices(want.Name)
		switch {
		case len(at) == 0 && i >= wire.FirstFeature:
			columns[i] = -1
		case len(at) != 1:
			return nil, fmt.Errorf("rows have %d columns %q, want one", len(at), want.Name)
		case !arrow.TypeEqual(have.Field(at[0]).Type, want.Type):
			return nil, fmt.Errorf("column %q of the rows is %s, want %s", want.Name, have.Field(at[0]).Type, want.Type)
		default:
			columns[i] = at[0]
		}
	}
	return columns, nil
}

// window reads the columns that do not change with the features (wire.WindowSchema).
func (s source) window(offset int64) Window {
	text := func(i int) string { return s.rec.Column(s.columns[i]).(*array.String).Value(s.row) }
	number := func(i int) uint32 { return s.rec.Column(s.columns[i]).(*array.Uint32).Value(s.row) }
	return Window{
		Study: text(0), Participant: text(1), Side: text(2), Thing: text(3), Sensor: text(4),
		StartMS: int64(s.rec.Column(s.columns[5]).(*array.Timestamp).Value(s.row)), LengthS: number(6),
		Algo: text(7), Revision: number(8), Status: text(9), InputDigest: text(20), Offset: offset,
	}
}

func (s *Scorer) wanted(w *Window) bool {
	return (w.Status == wire.StatusFinal || w.Status == wire.StatusCorrected) &&
		slices.Contains(s.cfg.Window, time.Duration(w.LengthS)*time.Second) &&
		strings.HasPrefix(w.Algo, s.cfg.Algo) &&
		(len(s.cfg.Study) == 0 || slices.Contains(s.cfg.Study, w.Study))
}

// gather copies rows into one record.
func (s *Scorer) gather(sources []source) (arrow.Record, error) {
	mem := memory.NewGoAllocator()
	columns := make([]arrow.Array, s.schema.NumFields())
	for i, f := range s.schema.Fields() {
		var parts []arrow.Array
		for from := 0; from < len(sources); {
			first, to := sources[from], from+1
			for to < len(sources) && sources[to].rec == first.rec && sources[to].row == first.row+to-from {
				to++
			}
			if at := first.columns[i]; at >= 0 {
				parts = append(parts, array.NewSlice(first.rec.Column(at), int64(first.row), int64(first.row+to-from)))
			} else {
				parts = append(parts, array.MakeArrayOfNull(mem, f.Type, to-from))
			}
			from = to
		}
		var err error
		if columns[i], err = array.Concatenate(parts, mem); err != nil {
			return nil, fmt.Errorf("gather column %q: %w", f.Name, err)
		}
	}
	return array.NewRecord(s.schema, columns, int64(len(sources))), nil
}

func digest(asked []Window) string {
	h := sha256.New()
	for _, w := range asked {
		fmt.Fprintf(h, "%q %d %d %q %d %s\n", w.Sensor, w.StartMS, w.LengthS, w.Algo, w.Revision, w.InputDigest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// span names the range, behind the name of its log.
func span(r stream.Range) string {
	return fmt.Sprintf("%s/%d/%d-%d", r.Topic, r.Partition, r.First, r.Next)
}
