package clickhouse

import (
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// column copies a column of the runs.
func column(f arrow.Field, i int, runs []run, rows int) (proto.ColInput, error) {
	switch {
	case f.Type.ID() == arrow.STRING:
		return texts(f.Name, i, runs, rows), nil
	case f.Type.ID() == arrow.TIMESTAMP:
		col := &proto.ColDateTime64Raw{ColDateTime64: proto.ColDateTime64{Location: time.UTC, Precision: proto.PrecisionMilli, PrecisionSet: true}}
		for _, r := range runs {
			for _, v := range r.of(i).(*array.Timestamp).TimestampValues()[r.from:r.to] {
				col.AppendRaw(proto.DateTime64(v))
			}
		}
		return col, nil
	case f.Type.ID() == arrow.UINT32:
		col := make(proto.ColUInt32, 0, rows)
		for _, r := range runs {
			col = append(col, r.of(i).(*array.Uint32).Uint32Values()[r.from:r.to]...)
		}
		return col, nil
	case f.Type.ID() == arrow.FLOAT32 && !f.Nullable:
		col := make(proto.ColFloat32, 0, rows)
		for _, r := range runs {
			col = append(col, r.of(i).(*array.Float32).Float32Values()[r.from:r.to]...)
		}
		return col, nil
	case f.Type.ID() == arrow.FLOAT32:
		return nullables(i, runs, rows), nil
	}
	return nil, fmt.Errorf("column %q: tables of rows have no type for %s", f.Name, f.Type)
}

// texts is a column of few distinct values, of which ClickHouse makes an
// enumeration where the table has one. Digests are all different.
func texts(name string, i int, runs []run, rows int) proto.ColInput {
	values := make([]string, 0, rows)
	for _, r := range runs {
		a := r.of(i).(*array.String)
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
		a := r.of(i).(*array.Float32)
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
