package object

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/sink"
)

// maxRowGroup bounds what a reader has to hold; a file of fewer rows is one row
// group.
const maxRowGroup = 1 << 20

// encode writes a record as a Parquet file in memory and reads it back before
// anybody may have it. This version of the library answers nil when the footer
// could not be written, panics at other places and points string statistics at
// memory that may be used again: so its output is believed only when read.
//
// The same record, metadata and library give the same bytes. out wraps the
// buffer that is written to; tests make it fail.
func encode(rec arrow.Record, meta Meta, out func(io.Writer) io.Writer) ([]byte, error) {
	var buf bytes.Buffer
	if err := writeParquet(out(&buf), rec, meta); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	got, err := decode(buf.Bytes())
	if err != nil {
		return nil, fmt.Errorf("verify parquet: %w", err)
	}
	if got != meta {
		return nil, fmt.Errorf("verify parquet: read back %+v, wrote %+v", got, meta)
	}
	return buf.Bytes(), nil
}

func writeParquet(out io.Writer, rec arrow.Record, meta Meta) (err error) {
	w := &latch{w: out}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		err = errors.Join(err, w.err) // whatever the library made of it
	}()
	fw, err := pqarrow.NewFileWriter(rec.Schema(), w, writerProperties(rec.Schema()), pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(memory.NewGoAllocator())))
	if err != nil {
		return err
	}
	values := meta.Map()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := fw.AppendKeyValueMetadata(metaPrefix+name, values[name]); err != nil {
			return err
		}
	}
	if err := fw.Write(rec); err != nil {
		return err
	}
	return fw.Close()
}

// writerProperties are zstd-1; a dictionary for text and counts, where values
// repeat; delta for what ascends; plain for floats, which a dictionary makes
// slower and larger; statistics for numbers and times only.
func writerProperties(schema *arrow.Schema) *parquet.WriterProperties {
	props := []parquet.WriterProperty{
		parquet.WithAllocator(memory.NewGoAllocator()),
		parquet.WithVersion(parquet.V2_6),
		parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithMaxRowGroupLength(maxRowGroup),
		parquet.WithStats(false),
		parquet.WithDictionaryDefault(false),
	}
	for _, f := range schema.Fields() {
		switch f.Type.ID() {
		case arrow.STRING:
			props = append(props, parquet.WithDictionaryFor(f.Name, true))
		case arrow.UINT32:
			props = append(props, parquet.WithDictionaryFor(f.Name, true), parquet.WithStatsFor(f.Name, true))
		case arrow.INT64, arrow.TIMESTAMP:
			props = append(props, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked), parquet.WithStatsFor(f.Name, true))
		case arrow.MAP:
			props = append(props, parquet.WithDictionaryFor(f.Name+".key_value.key", true), parquet.WithDictionaryFor(f.Name+".key_value.value", true))
		}
	}
	return parquet.NewWriterProperties(props...)
}

// decode reads a whole file and returns its metadata if the rows are those that
// it speaks of. It uses another library than the one that writes, which reads
// columns in goroutines of its own and panics there: one damaged file in the
// store would end the process.
func decode(body []byte) (meta Meta, err error) {
	defer func() {
		if r := recover(); r != nil {
			meta, err = Meta{}, fmt.Errorf("panic: %v", r)
		}
	}()
	f, err := parquetgo.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return Meta{}, err
	}
	values := map[string]string{}
	for _, kv := range f.Metadata().KeyValueMetadata {
		if name, ours := strings.CutPrefix(kv.Key, metaPrefix); ours {
			values[name] = kv.Value
		}
	}
	meta, err = ParseMeta(values)
	if err != nil {
		return Meta{}, err
	}
	sum, err := hashFile(f)
	if err != nil {
		return Meta{}, err
	}
	if f.NumRows() != meta.Rows || sum != meta.RowSHA256 {
		return Meta{}, fmt.Errorf("it holds %d rows of hash %s and says %d rows of hash %s", f.NumRows(), sum, meta.Rows, meta.RowSHA256)
	}
	return meta, nil
}

// latch keeps the first error of a writer and answers it from then on.
type latch struct {
	w   io.Writer
	err error
}

func (l *latch) Write(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	l.err = err
	return n, err
}

// newFile encodes the rows of a cut as an object. That is a function of the cut:
// what fails once fails again.
func newFile(key string, rec arrow.Record, meta Meta, out func(io.Writer) io.Writer) (*object, error) {
	sum, err := hashRecord(rec)
	if err != nil {
		return nil, sink.Permanent(err)
	}
	meta.Rows, meta.RowSHA256 = rec.NumRows(), sum
	body, err := encode(rec, meta, out)
	if err != nil {
		return nil, sink.Permanent(fmt.Errorf("object %q: %w", key, err))
	}
	return &object{key, meta, body, sha256.Sum256(body)}, nil
}
