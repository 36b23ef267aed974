package clickhouse

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const windowKey = "length_s, sensor, algo, window_start, generation, revision"

// maxWindowRows is the most rows of a block of windows.
const maxWindowRows = 100_000

// Columns of wire.WindowSchema that this package reads by itself.
const (
	colSensor = 4
	colStart  = 5
	colLength = 6
	colAlgo   = 7
	colRev    = 8
)

// run is consecutive rows of one Arrow record that go to one table partition.
type run struct {
	rec      arrow.Record
	columns  []int // where the schema's columns are in it; -1: nowhere
	offset   int64
	from, to int
}

func (r run) len() int { return r.to - r.from }

// windows makes blocks of the window rows in the cut, month by month, since the
// table is partitioned by the month in which a window starts.
func (c *clickhouse) windows(cut stream.Cut, generation uint32) ([]*block, error) {
	months := make(map[int][]run)
	for i := range cut.Records {
		r := &cut.Records[i]
		if string(r.Header(wire.HeaderSchema)) != wire.RowsWindows {
			continue // ticks; rows of other types have tables of their own
		}
		recs, err := wire.DecodeRows(r.Value)
		if err != nil {
			return nil, sink.Permanent(fmt.Errorf("record at offset %d: %w", r.Offset, err))
		}
		for _, rec := range recs {
			columns, err := c.match(rec.Schema())
			if err != nil {
				return nil, sink.Permanent(fmt.Errorf("record at offset %d: %w", r.Offset, err))
			}
			byMonth(months, run{rec: rec, columns: columns, offset: r.Offset})
		}
	}
	var blocks []*block
	for _, month := range slices.Sorted(maps.Keys(months)) {
		for index, runs := range chunks(months[month], maxWindowRows) {
			b, err := c.windowBlock(runs, cut.Partition, generation)
			if err != nil {
				return nil, err
			}
			b.part, b.index = fmt.Sprint(month), index
			blocks = append(blocks, b)
		}
	}
	return blocks, nil
}

// match finds the sink's columns in a record. A column that it does not have is
// an error: leaving it out would lose it. A feature that the record does not have
// is NULL.
func (c *clickhouse) match(s *arrow.Schema) ([]int, error) {
	for _, f := range s.Fields() {
		if !c.schema.HasField(f.Name) {
			return nil, fmt.Errorf("rows have a column %q that this version does not know: run the version of `wearstream sink clickhouse` that belongs to the processors", f.Name)
		}
	}
	columns := make([]int, c.schema.NumFields())
	for i, want := range c.schema.Fields() {
		at := s.FieldIndices(want.Name)
		switch {
		case len(at) == 0 && i >= wire.FirstFeature:
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
func byMonth(months map[int][]run, r run) {
	starts := r.rec.Column(r.columns[colStart]).(*array.Timestamp).TimestampValues()
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

func (c *clickhouse) windowBlock(runs []run, partition int32, generation uint32) (*block, error) {
	b := &block{table: tableWindows, key: windowKey}
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
	for i, f := range c.schema.Fields() {
		col, err := column(f, i, runs, b.rows)
		if err != nil {
			return nil, sink.Permanent(err)
		}
		b.input = append(b.input, proto.InputColumn{Name: f.Name, Data: col})
	}
	b.input = append(b.input,
		proto.InputColumn{Name: "generation", Data: generations},
		proto.InputColumn{Name: "partition", Data: partitions},
		proto.InputColumn{Name: "offset", Data: offsets})
	last := runs[len(runs)-1]
	b.bounds = [2]string{rowKey(runs[0], runs[0].from, generation), rowKey(last, last.to-1, generation)}
	return b, nil
}

// column copies a column of the runs.
func column(f arrow.Field, i int, runs []run, rows int) (proto.ColInput, error) {
	switch {
	case f.Type.ID() == arrow.STRING:
		return texts(f.Name, i, runs, rows), nil
	case f.Type.ID() == arrow.TIMESTAMP:
		col := &proto.ColDateTime64Raw{ColDateTime64: proto.ColDateTime64{Location: time.UTC, Precision: proto.PrecisionMilli, PrecisionSet: true}}
		for _, r := range runs {
			for _, v := range r.rec.Column(r.columns[i]).(*array.Timestamp).TimestampValues()[r.from:r.to] {
				col.AppendRaw(proto.DateTime64(v))
			}
		}
		return col, nil
	case f.Type.ID() == arrow.UINT32:
		col := make(proto.ColUInt32, 0, rows)
		for _, r := range runs {
			col = append(col, r.rec.Column(r.columns[i]).(*array.Uint32).Uint32Values()[r.from:r.to]...)
		}
		return col, nil
	case f.Type.ID() == arrow.FLOAT32 && !f.Nullable:
		col := make(proto.ColFloat32, 0, rows)
		for _, r := range runs {
			col = append(col, r.rec.Column(r.columns[i]).(*array.Float32).Float32Values()[r.from:r.to]...)
		}
		return col, nil
	case f.Type.ID() == arrow.FLOAT32:
		return nullables(i, runs, rows), nil
	}
	return nil, fmt.Errorf("column %q: windows have no type for %s", f.Name, f.Type)
}

// texts is a column of few distinct values, of which ClickHouse makes an
// enumeration where the table has one. Digests are all different.
func texts(name string, i int, runs []run, rows int) proto.ColInput {
	values := make([]string, 0, rows)
	for _, r := range runs {
		a := r.rec.Column(r.columns[i]).(*array.String)
		for row := r.from; row < r.to; row++ {
			values = append(values, a.Value(row))
		}
	}
	if name == "input_digest" {
		col := new(proto.ColStr)
		col.AppendArr(values)
		return col
	}
	col := text()
	col.Values = values
	return col
}

func nullables(i int, runs []run, rows int) proto.ColInput {
	values := make(proto.ColFloat32, 0, rows)
	col := proto.NewColNullable[float32](&values)
	col.Nulls = make(proto.ColUInt8, 0, rows)
	for _, r := range runs {
		if r.columns[i] < 0 {
			for range r.len() {
				col.Append(proto.Null[float32]())
			}
			continue
		}
		a := r.rec.Column(r.columns[i]).(*array.Float32)
		values = append(values, a.Float32Values()[r.from:r.to]...)
		for row := r.from; row < r.to; row++ {
			if a.IsNull(row) {
				col.Nulls.Append(1)
			} else {
				col.Nulls.Append(0)
			}
		}
	}
	return col
}

// rowKey is the sorting key of a row.
func rowKey(r run, row int, generation uint32) string {
	number := func(i int) uint32 { return r.rec.Column(r.columns[i]).(*array.Uint32).Value(row) }
	word := func(i int) string { return literal(r.rec.Column(r.columns[i]).(*array.String).Value(row)) }
	start := r.rec.Column(r.columns[colStart]).(*array.Timestamp).Value(row)
	return fmt.Sprintf("(%d, %s, %s, fromUnixTimestamp64Milli(%d, 'UTC'), %d, %d)",
		number(colLength), word(colSensor), word(colAlgo), int64(start), generation, number(colRev))
}
