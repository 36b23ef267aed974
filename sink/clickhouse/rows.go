package clickhouse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// maxRows is the most rows of a block.
const maxRows = 100_000

// Schema is what the caller knows of rows and this package does not: the columns of
// windows and of pairs, which end in features, and the features that the view of each
// length of window shows.
type Schema struct {
	Windows *arrow.Schema // wire.WindowSchema
	Views   map[time.Duration][]string
	Pairs   *arrow.Schema // wire.PairSchema
}

// rowTable is a table whose rows come from a processor as Arrow rows of one type.
type rowTable struct {
	name   string
	rows   string        // HeaderSchema of the records
	schema *arrow.Schema // its columns; generation, partition, offset follow
	fixed  int           // so many of them every row has; the rest are features
	whose  []string      // columns that say whose window a row is of
}

// tables are all of them. wire.RowsSides is none: it is for pairing alone.
func (s Schema) tables() []rowTable {
	return []rowTable{
		{tableWindows, wire.RowsWindows, s.Windows, wire.WindowSchema(nil).NumFields(), []string{"sensor"}},
		{tableWear, wire.RowsWear, wire.WearSchema, wire.WearSchema.NumFields(), []string{"sensor"}},
		{tablePairs, wire.RowsPairs, s.Pairs, wire.PairSchema(nil).NumFields(), []string{"study", "participant", "sensor_left", "sensor_right"}},
	}
}

// identity is the columns that name what a row is about, in the order of the key.
func (t *rowTable) identity() []string {
	return slices.Concat([]string{"length_s"}, t.whose, []string{"algo", "window_start"})
}

// key is the sorting key.
func (t *rowTable) key() string {
	return strings.Join(t.identity(), ", ") + ", generation, revision"
}

// at is the place of a column in the schema.
func (t *rowTable) at(name string) int { return t.schema.FieldIndices(name)[0] }

// run is consecutive rows of one Arrow record that go to one table partition.
type run struct {
	rec      arrow.Record
	columns  []int // where the schema's columns are in it; -1: nowhere
	offset   int64
	from, to int
}

func (r run) len() int { return r.to - r.from }

// of is a column of the schema, in the record.
func (r run) of(i int) arrow.Array { return r.rec.Column(r.columns[i]) }

// rows makes blocks of the rows in the cut, table by table and month by month, since
// the tables are partitioned by the month in which a window starts.
func (c *clickhouse) rows(cut stream.Cut, generation uint32) ([]*block, error) {
	months := make([]map[int][]run, len(c.tables))
	for i := range months {
		months[i] = make(map[int][]run)
	}
	for i := range cut.Records {
		r := &cut.Records[i]
		schema := string(r.Header(wire.HeaderSchema))
		if string(r.Header(wire.HeaderKind)) != wire.KindRows || schema == wire.RowsSides {
			continue // ticks and control records
		}
		at := slices.IndexFunc(c.tables, func(t rowTable) bool { return t.rows == schema })
		if at < 0 { // leaving them out would be a silent gap
			return nil, sink.Permanent(fmt.Errorf("record at offset %d holds rows of type %q, which this version does not store; use a later one", r.Offset, schema))
		}
		if err := c.tables[at].add(months[at], r); err != nil {
			return nil, sink.Permanent(fmt.Errorf("record at offset %d: %w", r.Offset, err))
		}
	}
	var blocks []*block
	for i := range c.tables {
		for _, month := range slices.Sorted(maps.Keys(months[i])) {
			for index, runs := range chunks(months[i][month], maxRows) {
				b, err := c.tables[i].block(runs, cut.Partition, generation)
				if err != nil {
					return nil, sink.Permanent(err)
				}
				b.part, b.index = fmt.Sprint(month), index
				blocks = append(blocks, b)
			}
		}
	}
	return blocks, nil
}

// add sorts the rows of a record of the log into months.
func (t *rowTable) add(months map[int][]run, r *stream.Record) error {
	recs, err := wire.DecodeRows(r.Value)
	if err != nil {
		return err
	}
	start := t.at("window_start")
	for _, rec := range recs {
		columns, err := t.match(rec.Schema())
		if err != nil {
			return err
		}
		byMonth(months, run{rec: rec, columns: columns, offset: r.Offset}, start)
	}
	return nil
}

// match finds the table's columns in a record. A column that the table does not have
// is an error: leaving it out would lose it. A feature that the record does not have
// is NULL.
func (t *rowTable) match(s *arrow.Schema) ([]int, error) {
	for _, f := range s.Fields() {
		if !t.schema.HasField(f.Name) {
			return nil, fmt.Errorf("rows have a column %q that this version does not know: run the version of `wearstream sink clickhouse` that belongs to the processors", f.Name)
		}
	}
	columns := make([]int, t.schema.NumFields())
	for i, want := range t.schema.Fields() {
		at := s.FieldIndices(want.Name)
		switch {
		case len(at) == 0 && i >= t.fixed:
			columns[i] = -1
		case len(at) != 1:
			return nil, fmt.Errorf("rows have %d columns %q, want one", len(at), want.Name)
		case !arrow.TypeEqual(s.Field(at[0]).Type, want.Type):
			return nil, fmt.Errorf("column %q of the rows is %s, want %s", want.Name, s.Field(at[0]).Type, want.Type)
		default:
			columns[i] = at[0]
		}
	}
	return columns, nil
}

// byMonth cuts the rows of a record into runs of equal months.
func byMonth(months map[int][]run, r run, start int) {
	starts := r.of(start).(*array.Timestamp).TimestampValues()
	for r.from < len(starts) {
		month := monthOf(starts[r.from])
		r.to = r.from + 1
		for r.to < len(starts) && monthOf(starts[r.to]) == month {
			r.to++
		}
		months[month] = append(months[month], r)
		r.from = r.to
	}
}

// monthOf is toYYYYMM of a time in milliseconds.
func monthOf(ms arrow.Timestamp) int {
	y, m, _ := time.UnixMilli(int64(ms)).UTC().Date()
	return y*100 + int(m)
}

// chunks cuts runs into groups of at most size rows.
func chunks(runs []run, size int) [][]run {
	var out [][]run
	var group []run
	room := size
	for _, r := range runs {
		for r.from < r.to {
			part := r
			part.to = min(r.to, r.from+room)
			group = append(group, part)
			room -= part.len()
			r.from = part.to
			if room == 0 {
				out, group, room = append(out, group), nil, size
			}
		}
	}
	if group != nil {
		out = append(out, group)
	}
	return out
}

func (t *rowTable) block(runs []run, partition int32, generation uint32) (*block, error) {
	b := &block{table: t.name, key: t.key()}
	for _, r := range runs {
		b.rows += r.len()
	}
	partitions, offsets, generations := make(proto.ColInt32, 0, b.rows), make(proto.ColInt64, 0, b.rows), make(proto.ColUInt32, 0, b.rows)
	for _, r := range runs {
		for range r.len() {
			partitions.Append(partition)
			offsets.Append(r.offset)
			generations.Append(generation)
		}
	}
	for i, f := range t.schema.Fields() {
		col, err := column(f, i, runs, b.rows)
		if err != nil {
			return nil, err
		}
		b.input = append(b.input, proto.InputColumn{Name: f.Name, Data: col})
	}
	b.input = append(b.input,
		proto.InputColumn{Name: "generation", Data: generations},
		proto.InputColumn{Name: "partition", Data: partitions},
		proto.InputColumn{Name: "offset", Data: offsets})
	last := runs[len(runs)-1]
	b.bounds = [2]string{t.keyOf(runs[0], runs[0].from, generation), t.keyOf(last, last.to-1, generation)}
	return b, nil
}

// keyOf is the sorting key of a row.
func (t *rowTable) keyOf(r run, row int, generation uint32) string {
	var values []string
	for _, name := range t.identity() {
		switch a := r.of(t.at(name)).(type) {
		case *array.String:
			values = append(values, literal(a.Value(row)))
		case *array.Uint32:
			values = append(values, fmt.Sprint(a.Value(row)))
		case *array.Timestamp:
			values = append(values, fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", int64(a.Value(row))))
		}
	}
	revision := r.of(t.at("revision")).(*array.Uint32).Value(row)
	return fmt.Sprintf("(%s, %d, %d)", strings.Join(values, ", "), generation, revision)
}
