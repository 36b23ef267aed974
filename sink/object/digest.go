package object

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go"
)

// rowHash is the SHA-256 over rows, leaf column by leaf column: the length of
// the path and the path ("headers.key_value.key"), one byte for the type, then
// the entries of all rows. An entry is a byte - 0: NULL, or a map without
// entries; 1: a value; 3: one more value in the same row - and the value: a
// number little-endian in its width, text and bytes after their length. Lengths
// are uint32.
//
// So it depends on what the rows are and not on how a file stores them, which
// another version of a library may do otherwise. It is stored: it never changes.
type rowHash struct {
	sum hash.Hash
	buf []byte // what is not in sum yet
}

// Types of leaf columns, as in the Parquet format.
const (
	typeInt32 = 1
	typeInt64 = 2
	typeFloat = 4
	typeBytes = 6
)

func newRowHash() *rowHash {
	return &rowHash{sum: sha256.New(), buf: make([]byte, 0, 2*hashed)}
}

// hashed is how many bytes are hashed at once.
const hashed = 16 << 10

func (h *rowHash) String() string {
	h.sum.Write(h.buf)
	h.buf = h.buf[:0]
	return hex.EncodeToString(h.sum.Sum(nil))
}

func (h *rowHash) column(path string, kind byte) {
	h.bytes([]byte(path))
	h.buf = append(h.buf, kind)
}

// entry is the byte before a value.
func (h *rowHash) entry(more, value bool) {
	if len(h.buf) >= hashed {
		h.sum.Write(h.buf)
		h.buf = h.buf[:0]
	}
	var e byte
	if value {
		e |= 1
	}
	if more {
		e |= 2
	}
	h.buf = append(h.buf, e)
}

func (h *rowHash) uint32(v uint32) { h.buf = binary.LittleEndian.AppendUint32(h.buf, v) }
func (h *rowHash) uint64(v uint64) { h.buf = binary.LittleEndian.AppendUint64(h.buf, v) }

func (h *rowHash) bytes(b []byte) {
	h.uint32(uint32(len(b)))
	h.buf = append(h.buf, b...)
}

func (h *rowHash) text(s string) {
	h.uint32(uint32(len(s)))
	h.buf = append(h.buf, s...)
}

// hashRecord is the hash of rows that are to be written.
func hashRecord(rec arrow.Record) (string, error) {
	h := newRowHash()
	for i := range int(rec.NumCols()) {
		name := rec.ColumnName(i)
		var err error
		if m, ok := rec.Column(i).(*array.Map); ok {
			err = h.mapColumn(name, m)
		} else {
			err = h.arrowColumn(name, rec.Column(i))
		}
		if err != nil {
			return "", fmt.Errorf("hash column %q: %w", name, err)
		}
	}
	return h.String(), nil
}

func (h *rowHash) arrowColumn(path string, values arrow.Array) error {
	value, err := h.arrowValues(path, values)
	if err != nil {
		return err
	}
	for i := range values.Len() {
		valid := values.IsValid(i)
		h.entry(false, valid)
		if valid {
			value(i)
		}
	}
	return nil
}

func (h *rowHash) mapColumn(name string, m *array.Map) error {
	leaves := []arrow.Array{m.Keys(), m.Items()}
	for n, path := range []string{"key", "value"} {
		value, err := h.arrowValues(name+".key_value."+path, leaves[n])
		if err != nil {
			return err
		}
		for i := range m.Len() {
			from, to := m.ValueOffsets(i)
			if from == to {
				h.entry(false, false)
			}
			for j := from; j < to; j++ {
				h.entry(j > from, true)
				value(int(j))
			}
		}
	}
	return nil
}

// arrowValues begins a leaf column and returns what hashes its value i.
func (h *rowHash) arrowValues(path string, values arrow.Array) (func(i int), error) {
	var kind byte
	var value func(i int)
	switch a := values.(type) {
	case *array.String:
		kind, value = typeBytes, func(i int) { h.text(a.Value(i)) }
	case *array.Binary:
		kind, value = typeBytes, func(i int) { h.bytes(a.Value(i)) }
	case *array.Int64:
		kind, value = typeInt64, func(i int) { h.uint64(uint64(a.Value(i))) }
	case *array.Timestamp:
		kind, value = typeInt64, func(i int) { h.uint64(uint64(a.Value(i))) }
	case *array.Uint32:
		kind, value = typeInt32, func(i int) { h.uint32(a.Value(i)) }
	case *array.Float32:
		kind, value = typeFloat, func(i int) { h.uint32(math.Float32bits(a.Value(i))) }
	default:
		return nil, fmt.Errorf("values of type %s are not stored", values.DataType())
	}
	h.column(path, kind)
	return value, nil
}

// hashFile is the hash of the rows of a file, as another library reads them.
func hashFile(f *parquet.File) (string, error) {
	h := newRowHash()
	for i, path := range f.Schema().Columns() {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok {
			return "", fmt.Errorf("column %q is not in the schema", path)
		}
		h.column(strings.Join(path, "."), byte(leaf.Node.Type().Kind()))
		for _, group := range f.RowGroups() {
			if err := h.fileColumn(group.ColumnChunks()[i]); err != nil {
				return "", fmt.Errorf("read column %q: %w", path, err)
			}
		}
	}
	return h.String(), nil
}

func (h *rowHash) fileColumn(chunk parquet.ColumnChunk) error {
	pages := chunk.Pages()
	defer pages.Close()
	values := make([]parquet.Value, 256)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err = h.filePage(page, values); err != nil {
			return err
		}
	}
}

// filePage goes over a page value by value; over one of float values, which most columns
// have, without the library's boxes.
func (h *rowHash) filePage(page parquet.Page, values []parquet.Value) (err error) {
	defer parquet.Release(page)
	if page.Type().Kind() == parquet.Float && page.Dictionary() == nil && page.RepetitionLevels() == nil && page.DefinitionLevels() != nil {
		data := page.Data()
		floats := data.Float()
		for _, level := range page.DefinitionLevels() {
			h.entry(false, level > 0)
			if level > 0 {
				if len(floats) == 0 {
					return io.ErrUnexpectedEOF
				}
				h.uint32(math.Float32bits(floats[0]))
				floats = floats[1:]
			}
		}
		return nil
	}
	for in := page.Values(); err == nil; {
		var n int
		n, err = in.ReadValues(values)
		for _, v := range values[:n] {
			h.fileValue(v)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (h *rowHash) fileValue(v parquet.Value) {
	h.entry(v.RepetitionLevel() > 0, !v.IsNull())
	switch v.Kind() {
	case parquet.Int32:
		h.uint32(v.Uint32())
	case parquet.Int64:
		h.uint64(v.Uint64())
	case parquet.Float:
		h.uint32(math.Float32bits(v.Float()))
	case parquet.ByteArray:
		h.bytes(v.ByteArray())
	}
}
