package object

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/stream"
)

// SchemaLanding is the row type of landing (Meta.Schema).
const SchemaLanding = "landing/1"

// landingSchema is a row per record. The payload is exact, NULL where the record
// has none. key_id will name the key under which a payload is sealed; empty: it
// is not.
var landingSchema = func() *arrow.Schema {
	headers := arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	headers.SetItemNullable(false)
	return arrow.NewSchema([]arrow.Field{
		{Name: "offset", Type: arrow.PrimitiveTypes.Int64},
		{Name: "append_time", Type: arrow.FixedWidthTypes.Timestamp_us},
		{Name: "key", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "headers", Type: headers},
		{Name: "payload", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "key_id", Type: arrow.BinaryTypes.String},
	}, nil)
}()

func landingKey(cell, topic string, r stream.Range) string {
	return fmt.Sprintf("%s/landing/v1/topic=%s/log=%s/partition=%d/%020d.parquet", cell, topic, r.Log, r.Partition, r.First)
}

func landingRows(mem memory.Allocator, records []stream.Record) arrow.Record {
	b := array.NewRecordBuilder(mem, landingSchema)
	defer b.Release()
	b.Reserve(len(records))
	offsets := b.Field(0).(*array.Int64Builder)
	times := b.Field(1).(*array.TimestampBuilder)
	keys := b.Field(2).(*array.StringBuilder)
	headers := b.Field(3).(*array.MapBuilder)
	names := headers.KeyBuilder().(*array.StringBuilder)
	values := headers.ItemBuilder().(*array.StringBuilder)
	payloads := b.Field(4).(*array.BinaryBuilder)
	keyIDs := b.Field(5).(*array.StringBuilder)

	for i := range records {
		r := &records[i]
		offsets.Append(r.Offset)
		times.Append(arrow.Timestamp(r.AppendTime.UnixMicro()))
		if r.Key == nil {
			keys.AppendNull()
		} else {
			keys.Append(text(r.Key))
		}
		headers.Append(true)
		for j, h := range r.Headers {
			if !repeated(r.Headers[:j], h.Key) {
				names.Append(text([]byte(h.Key)))
				values.Append(text(h.Value))
			}
		}
		if r.Value == nil {
			payloads.AppendNull()
		} else {
			payloads.Append(r.Value)
		}
		keyIDs.Append("")
	}
	return b.NewRecord()
}

// repeated reports whether a header was there before. Readers refuse a whole
// file in which a map has a key twice; the first counts, as in Record.Header.
func repeated(before []stream.Header, key string) bool {
	for i := range before {
		if text([]byte(before[i].Key)) == text([]byte(key)) {
			return true
		}
	}
	return false
}

// text is what stands for bytes that should be UTF-8. Keys and headers are text
// in every topic of ours; one record of somebody else's that is not must not
// make a whole file unreadable.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
