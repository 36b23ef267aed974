package object

import (
	"bytes"
	"context"
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
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
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
// it speaks of.
func decode(body []byte) (meta Meta, err error) {
	defer func() {
		if r := recover(); r != nil { // of the library, given bytes that it did not write
			meta, err = Meta{}, fmt.Errorf("panic: %v", r)
		}
	}()
	pf, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return Meta{}, err
	}
	defer pf.Close()
	meta, err = ParseMeta(fileMeta(pf.MetaData().KeyValueMetadata()))
	if err != nil {
		return Meta{}, err
	}
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.NewGoAllocator())
	if err != nil {
		return Meta{}, err
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		return Meta{}, err
	}
	defer table.Release()
	sum, err := digest(tableColumns(table))
	if err != nil {
		return Meta{}, err
	}
	if table.NumRows() != meta.Rows || sum != meta.RowSHA256 {
		return Meta{}, fmt.Errorf("it holds %d rows of hash %s and says %d rows of hash %s", table.NumRows(), sum, meta.Rows, meta.RowSHA256)
	}
	return meta, nil
}

func fileMeta(pairs metadata.KeyValueMetadata) map[string]string {
	values := make(map[string]string, pairs.Len())
	for i, name := range pairs.Keys() {
		if name, ours := strings.CutPrefix(name, metaPrefix); ours {
			values[name] = pairs.Values()[i]
		}
	}
	return values
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

// newFile encodes the rows of a cut as an object.
func newFile(key string, rec arrow.Record, meta Meta, out func(io.Writer) io.Writer) (*object, error) {
	sum, err := digest(recordColumns(rec))
	if err != nil {
		return nil, err
	}
	meta.Rows, meta.RowSHA256 = rec.NumRows(), sum
	body, err := encode(rec, meta, out)
	if err != nil {
		return nil, err
	}
	return &object{key, meta, body, sha256.Sum256(body)}, nil
}
