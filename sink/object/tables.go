package object

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// table is where rows of a type are stored.
type table struct {
	name     string // of the folder; version 1 of its layout is below it
	schema   string // HeaderSchema of the records that hold them
	byLength bool   // a folder for each length of window
}

// tables are all of them. wire.RowsSides is none: it is for pairing alone.
var tables = []table{
	{"features", wire.RowsWindows, true},
	{tableWear, wire.RowsWear, false},
	{tablePairs, wire.RowsPairs, false},
}

const (
	tableWear  = "wear"
	tablePairs = "pairs"
)

// tableBy is the table that is it.
func tableBy(is func(table) bool) (table, bool) {
	if i := slices.IndexFunc(tables, is); i >= 0 {
		return tables[i], true
	}
	return table{}, false
}

// root is the folder below a cell's.
func (t table) root() string { return t.name + "/v1" }

// group is what decides into which object a row goes.
type group struct {
	table
	length uint32 // seconds; 0: the table is not by length
	study  string // empty: unassigned
	day    string // UTC date of the window's start
}

func (g group) key(cell string, r stream.Range) string {
	return fmt.Sprintf("%s/%s/%s-%04d-%020d.parquet", cell, g.folder(), r.Log, r.Partition, r.First)
}

func (g group) folder() string {
	folder := g.root()
	if g.byLength {
		folder += fmt.Sprintf("/window=%ds", g.length)
	}
	study := "~unassigned" // no name begins with a tilde
	if g.study != "" {
		study = escape(g.study)
	}
	return fmt.Sprintf("%s/study=%s/date=%s", folder, study, g.day)
}

// escape writes a partition value as Hive does, so that its readers read it.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// rows are the rows of a group, in the order of the log.
type rows struct {
	group
	parts []part
}

// part is the rows of one Arrow record that belong to a group.
type part struct {
	rec arrow.Record
	at  []int
}

// tableRows reads the records of a cut that hold rows and sorts the rows into
// groups, in the order in which the groups begin. Ticks and control records hold
// none, and sides are no table. The caller releases.
func tableRows(records []stream.Record) (groups []*rows, release func(), err error) {
	var recs []arrow.Record
	release = func() {
		for _, rec := range recs {
			rec.Release()
		}
	}
	byGroup := map[group]*rows{}
	for i := range records {
		r := &records[i]
		schema := string(r.Header(wire.HeaderSchema))
		if string(r.Header(wire.HeaderKind)) != wire.KindRows || schema == wire.RowsSides {
			continue
		}
		// The log is what the processors wrote, so neither of these is cured by time,
		// and leaving rows out would be a silent gap.
		t, known := tableBy(func(t table) bool { return t.schema == schema })
		if !known {
			return nil, release, sink.Permanent(fmt.Errorf("offset %d holds rows of type %q, which this version does not store; use a later one", r.Offset, schema))
		}
		part, err := wire.DecodeRows(r.Value)
		recs = append(recs, part...)
		if err != nil {
			return nil, release, sink.Permanent(fmt.Errorf("read rows at offset %d: %w", r.Offset, err))
		}
		for _, rec := range part {
			if groups, err = split(groups, byGroup, t, rec); err != nil {
				return nil, release, sink.Permanent(fmt.Errorf("read rows at offset %d: %w", r.Offset, err))
			}
		}
	}
	return groups, release, nil
}

func split(groups []*rows, byGroup map[group]*rows, t table, rec arrow.Record) ([]*rows, error) {
	studies, ok1 := columnOf[*array.String](rec, "study")
	starts, ok2 := columnOf[*array.Timestamp](rec, "window_start")
	lengths, ok3 := columnOf[*array.Uint32](rec, "length_s")
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("no study, window_start and length_s in %s", rec.Schema())
	}
	unit := starts.DataType().(*arrow.TimestampType).Unit
	for i := range int(rec.NumRows()) {
		g := group{table: t, study: studies.Value(i), day: starts.Value(i).ToTime(unit).Format(time.DateOnly)}
		if t.byLength {
			g.length = lengths.Value(i)
		}
		r := byGroup[g]
		if r == nil {
			r = &rows{group: g}
			byGroup[g] = r
			groups = append(groups, r)
		}
		if n := len(r.parts); n == 0 || r.parts[n-1].rec != rec {
			r.parts = append(r.parts, part{rec: rec})
		}
		last := &r.parts[len(r.parts)-1]
		last.at = append(last.at, i)
	}
	return groups, nil
}

func columnOf[A arrow.Array](rec arrow.Record, name string) (a A, ok bool) {
	if at := rec.Schema().FieldIndices(name); len(at) == 1 {
		a, ok = rec.Column(at[0]).(A)
	}
	return a, ok
}

// record copies the rows into one record. Its columns are those of the parts by
// name, in the order in which they appear; NULL where a part has none. study is
// left to the path: a column that is in both makes readers refuse the file or
// take one of the two.
func (r *rows) record(mem memory.Allocator) (arrow.Record, error) {
	var fields []arrow.Field
	index := map[string]int{}
	for _, p := range r.parts {
		for _, f := range p.rec.Schema().Fields() {
			at, known := index[f.Name]
			switch {
			case f.Name == "study":
			case !known:
				index[f.Name] = len(fields)
				fields = append(fields, arrow.Field{Name: f.Name, Type: f.Type, Nullable: f.Nullable})
			case !arrow.TypeEqual(fields[at].Type, f.Type):
				return nil, fmt.Errorf("column %q is %s and %s", f.Name, fields[at].Type, f.Type)
			}
		}
	}
	for i, f := range fields {
		for _, p := range r.parts {
			if !p.rec.Schema().HasField(f.Name) {
				fields[i].Nullable = true
			}
		}
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, f := range fields {
		for _, p := range r.parts {
			if err := appendRows(b.Field(i), p, f.Name); err != nil {
				return nil, fmt.Errorf("column %q: %w", f.Name, err)
			}
		}
	}
	return b.NewRecord(), nil
}

func appendRows(to array.Builder, p part, name string) error {
	at := p.rec.Schema().FieldIndices(name)
	if len(at) == 0 {
		to.AppendNulls(len(p.at))
		return nil
	}
	switch a := p.rec.Column(at[0]).(type) {
	case *array.String:
		to := to.(*array.StringBuilder)
		to.Reserve(len(p.at))
		for _, i := range p.at {
			if a.IsNull(i) {
				to.AppendNull()
			} else {
				to.Append(a.Value(i))
			}
		}
	case *array.Uint32:
		appendValues(to.(*array.Uint32Builder), a, a.Uint32Values(), p.at)
	case *array.Float32:
		appendValues(to.(*array.Float32Builder), a, a.Float32Values(), p.at)
	case *array.Timestamp:
		appendValues(to.(*array.TimestampBuilder), a, a.TimestampValues(), p.at)
	default:
		return fmt.Errorf("values of type %s are not stored", a.DataType())
	}
	return nil
}

func appendValues[T any](to interface{ AppendValues([]T, []bool) }, from arrow.Array, values []T, at []int) {
	some, valid := make([]T, len(at)), []bool(nil)
	for k, i := range at {
		some[k] = values[i]
	}
	if from.NullN() > 0 {
		valid = make([]bool, len(at))
		for k, i := range at {
			valid[k] = from.IsValid(i)
		}
	}
	to.AppendValues(some, valid)
}
