package verify

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// rowHash is the hash over rows that objects carry, computed again: column by
// leaf column the length of its path, the path, its physical type as one byte,
// then per value one byte (1: there is one, 2: one more in the same row) and the
// value, numbers little-endian, bytes after their length as uint32.
func rowHash(f *parquet.File) (string, error) {
	sum := sha256.New()
	w := bufio.NewWriterSize(sum, 16<<10)
	number := func(v uint32) { w.Write(binary.LittleEndian.AppendUint32(w.AvailableBuffer(), v)) }
	bytes := func(b []byte) {
		number(uint32(len(b)))
		w.Write(b)
	}
	value := func(v parquet.Value) {
		var entry byte
		if !v.IsNull() {
			entry = 1
		}
		if v.RepetitionLevel() > 0 {
			entry |= 2
		}
		w.WriteByte(entry)
		switch v.Kind() {
		case parquet.Int32:
			number(v.Uint32())
		case parquet.Int64:
			w.Write(binary.LittleEndian.AppendUint64(w.AvailableBuffer(), v.Uint64()))
		case parquet.Float:
			number(math.Float32bits(v.Float()))
		case parquet.ByteArray:
			bytes(v.ByteArray())
		}
	}
	for i, path := range f.Schema().Columns() {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok {
			return "", fmt.Errorf("column %q is not in the schema", path)
		}
		bytes([]byte(strings.Join(path, ".")))
		w.WriteByte(byte(leaf.Node.Type().Kind()))
		if err := eachValue(f, i, value); err != nil {
			return "", fmt.Errorf("column %q: %w", path, err)
		}
	}
	w.Flush()
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
