package wire

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func schemaOf(name string, fields ...arrow.Field) *arrow.Schema {
	meta := arrow.NewMetadata([]string{HeaderSchema}, []string{name})
	return arrow.NewSchema(fields, &meta)
}

// ofSensor is the columns that all rows of a sensor begin with, and more.
func ofSensor(more ...arrow.Field) []arrow.Field {
	return append([]arrow.Field{
		{Name: "study", Type: arrow.BinaryTypes.String},
		{Name: "participant", Type: arrow.BinaryTypes.String},
		{Name: "side", Type: arrow.BinaryTypes.String},
		{Name: "thing", Type: arrow.BinaryTypes.String},
		{Name: "sensor", Type: arrow.BinaryTypes.String},
		{Name: "window_start", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}},
		{Name: "length_s", Type: arrow.PrimitiveTypes.Uint32},
	}, more...)
}

// collector builds the columns of rows of one schema.
type collector struct{ b *array.RecordBuilder }

func collect(schema *arrow.Schema) *collector {
	return &collector{array.NewRecordBuilder(memory.NewGoAllocator(), schema)}
}

func (c *collector) texts(i int, texts ...string) {
	for k, s := range texts {
		c.b.Field(i + k).(*array.StringBuilder).Append(s)
	}
}

// ofSensor fills the columns of the function of that name.
func (c *collector) ofSensor(study, participant, side, thing, sensor string, start time.Time, length time.Duration) {
	c.texts(0, study, participant, side, thing, sensor)
	c.time(5, start)
	c.number(6, uint32(length/time.Second))
}

func (c *collector) number(i int, v uint32) { c.b.Field(i).(*array.Uint32Builder).Append(v) }

func (c *collector) time(i int, t time.Time) {
	c.b.Field(i).(*array.TimestampBuilder).Append(arrow.Timestamp(t.UnixMilli()))
}

// value appends a value; NaN is NULL.
func (c *collector) value(i int, v float32) {
	b := c.b.Field(i).(*array.Float32Builder)
	if v != v {
		b.AppendNull()
	} else {
		b.Append(v)
	}
}

// Reserve makes room for so many rows more.
func (c *collector) Reserve(rows int) { c.b.Reserve(rows) }

// Len is the number of rows collected.
func (c *collector) Len() int { return c.b.Field(0).Len() }

// Record takes the rows out and starts again empty; the caller releases.
func (c *collector) Record() arrow.Record { return c.b.NewRecord() }

// Encode writes the rows as one IPC stream and starts again empty.
func (c *collector) Encode() ([]byte, error) {
	rec := c.Record()
	defer rec.Release()
	return EncodeRows(rec)
}
