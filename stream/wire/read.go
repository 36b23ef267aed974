package wire

import (
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// EachSide yields the sides of a record that SideRows encoded, in order, and their index.
// A side holds no longer than the record's bytes do.
func EachSide(value []byte, yield func(i int, r *SideRow) error) error {
	return eachRow(value, SideSchema, func(i int, c columns, at int) error {
		return yield(i, &SideRow{
			Study: c.text(0, at), Participant: c.text(1, at), Side: c.text(2, at), Thing: c.text(3, at), Sensor: c.text(4, at),
			Start: c.time(5, at), Length: time.Duration(c.number(6, at)) * time.Second, Revision: c.number(7, at), Status: c.text(8, at),
			Coverage: c[9].(*array.Float32).Value(at), Epochs: c[10].(*array.Binary).Value(at),
		})
	})
}

// EachWear yields the minutes of wear of a record that WearRows encoded, in order, and
// their index. A minute holds no longer than the record's bytes do.
func EachWear(value []byte, yield func(i int, r *WearRow) error) error {
	return eachRow(value, WearSchema, func(i int, c columns, at int) error {
		return yield(i, &WearRow{
			Study: c.text(0, at), Participant: c.text(1, at), Side: c.text(2, at), Thing: c.text(3, at), Sensor: c.text(4, at),
			Start: c.time(5, at), Algo: c.text(7, at), Revision: c.number(8, at), Status: c.text(9, at), State: c.text(10, at), By: c.text(11, at),
		})
	})
}

func eachRow(value []byte, schema *arrow.Schema, yield func(i int, c columns, at int) error) error {
	recs, err := DecodeRows(value)
	if err != nil {
		return err
	}
	n := 0
	for _, rec := range recs {
		defer rec.Release()
		if !rec.Schema().Equal(schema) {
			name, _ := schema.Metadata().GetValue(HeaderSchema)
			return fmt.Errorf("decode rows: the columns are not those of %s: %v", name, rec.Schema())
		}
		for at := range int(rec.NumRows()) {
			if err := yield(n, rec.Columns(), at); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// columns of a record that has the schema of its reader.
type columns []arrow.Array

func (c columns) text(i, at int) string { return c[i].(*array.String).Value(at) }

func (c columns) number(i, at int) uint32 { return c[i].(*array.Uint32).Value(at) }

func (c columns) time(i, at int) time.Time {
	return time.UnixMilli(int64(c[i].(*array.Timestamp).Value(at))).UTC()
}
