package object

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// digest is the SHA-256 over rows: the number of columns, then per column its
// name, its type in a word and its values from the first row to the last. A
// number is little-endian in its width, text and bytes follow their length, a
// map is the number of its entries and then key, value of each; before each
// value stands 1, and 0 alone is NULL. Lengths are uint32. So it depends on what
// the rows are and not on how a file stores them, which another version of the
// library may do otherwise.
func digest(columns []column) (string, error) {
	h := sha256.New()
	putUint32(h, uint32(len(columns)))
	for _, c := range columns {
		putText(h, c.name)
		for n, chunk := range c.chunks {
			kind, value := hasher(h, chunk)
			if value == nil {
				return "", fmt.Errorf("hash column %q: values of type %s are not stored", c.name, chunk.DataType())
			}
			if n == 0 {
				putText(h, kind)
			}
			for i := range chunk.Len() {
				if chunk.IsNull(i) {
					h.Write([]byte{0})
					continue
				}
				h.Write([]byte{1})
				value(i)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// column is a column of a record or a table.
type column struct {
	name   string
	chunks []arrow.Array
}

func recordColumns(rec arrow.Record) []column {
	columns := make([]column, rec.NumCols())
	for i := range columns {
		columns[i] = column{rec.ColumnName(i), []arrow.Array{rec.Column(i)}}
	}
	return columns
}

func tableColumns(t arrow.Table) []column {
	columns := make([]column, t.NumCols())
	for i := range columns {
		columns[i] = column{t.Schema().Field(i).Name, t.Column(i).Data().Chunks()}
	}
	return columns
}

// hasher returns the word for the type of an array and what hashes its value i;
// nil for a type that no table has.
func hasher(h hash.Hash, values arrow.Array) (kind string, value func(i int)) {
	switch a := values.(type) {
	case *array.String:
		return "text", func(i int) { putText(h, a.Value(i)) }
	case *array.Binary:
		return "bytes", func(i int) { putText(h, a.ValueString(i)) }
	case *array.Int64:
		return "int64", func(i int) { putUint64(h, uint64(a.Value(i))) }
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return "time " + unit.String(), func(i int) { putUint64(h, uint64(a.Value(i))) }
	case *array.Uint32:
		return "uint32", func(i int) { putUint32(h, a.Value(i)) }
	case *array.Float32:
		return "float32", func(i int) { putUint32(h, math.Float32bits(a.Value(i))) }
	case *array.Map:
		keys, keysOK := a.Keys().(*array.String)
		items, itemsOK := a.Items().(*array.String)
		if keysOK && itemsOK {
			return "map", func(i int) {
				from, to := a.ValueOffsets(i)
				putUint32(h, uint32(to-from))
				for j := int(from); j < int(to); j++ {
					putText(h, keys.Value(j))
					putText(h, items.Value(j))
				}
			}
		}
	}
	return "", nil
}

func putUint32(h hash.Hash, v uint32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	h.Write(b[:])
}

func putUint64(h hash.Hash, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	h.Write(b[:])
}

func putText(h hash.Hash, s string) {
	putUint32(h, uint32(len(s)))
	h.Write([]byte(s))
}
