package wire

import (
	"bytes"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// RowsWindows is the row type of windowed features (HeaderSchema).
const RowsWindows = "windows/1"

// Statuses, lanes and reasons of a window row, in the order of their ClickHouse
// enumerations.
const (
	StatusProvisional = "provisional"
	StatusFinal       = "final"
	StatusCorrected   = "corrected"
	StatusRetracted   = "retracted"

	LaneLive      = "live"
	LaneBacklog   = "backlog"
	LaneRecompute = "recompute"

	FinalNone     = ""         // provisional
	FinalComplete = "complete" // every sequence below the window's end is here
	FinalDeclared = "declared" // a hole in it was declared lost by the device
	FinalAssumed  = "assumed"  // a hole in it is older than the device's memory
	FinalEnd      = "end"      // the boot ended inside it
)

// WindowRow is one row of windows: one window of one sensor by one algorithm.
// Features is ordered as the schema's feature columns; NaN is NULL.
type WindowRow struct {
	Study, Participant, Side string // empty while unassigned
	Thing, Sensor            string
	Start                    time.Time
	Length                   time.Duration
	Algo                     string
	Revision                 uint32
	Status, FinalReason      string
	Lane                     string
	N, NExpected             uint32
	Coverage                 float32
	DupN, ClipN              uint32
	Flags                    uint32
	CalID                    string
	InputDigest              string // 16 hex digits
	Features                 []float32
}

// windowColumns is the fixed part of a window row; features follow.
var windowColumns = []arrow.Field{
	{Name: "study", Type: arrow.BinaryTypes.String},
	{Name: "participant", Type: arrow.BinaryTypes.String},
	{Name: "side", Type: arrow.BinaryTypes.String},
	{Name: "thing", Type: arrow.BinaryTypes.String},
	{Name: "sensor", Type: arrow.BinaryTypes.String},
	{Name: "window_start", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}},
	{Name: "length_s", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "algo", Type: arrow.BinaryTypes.String},
	{Name: "revision", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "status", Type: arrow.BinaryTypes.String},
	{Name: "final_reason", Type: arrow.BinaryTypes.String},
	{Name: "lane", Type: arrow.BinaryTypes.String},
	{Name: "n", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "n_expected", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "coverage", Type: arrow.PrimitiveTypes.Float32},
	{Name: "dup_n", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "clip_n", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "flags", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "clock_offset_ms", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "cal_id", Type: arrow.BinaryTypes.String},
	{Name: "input_digest", Type: arrow.BinaryTypes.String},
}

// FirstFeature is the index of the first feature column.
const FirstFeature = 21

// WindowSchema is the schema of window rows with these feature columns. ClickHouse
// tables and Parquet files follow from it.
func WindowSchema(features []string) *arrow.Schema {
	fields := append([]arrow.Field(nil), windowColumns...)
	for _, f := range features {
		fields = append(fields, arrow.Field{Name: f, Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	}
	meta := arrow.NewMetadata([]string{HeaderSchema}, []string{RowsWindows})
	return arrow.NewSchema(fields, &meta)
}

// WindowRows collects rows and writes them as one Arrow IPC stream. Not for
// concurrent use.
type WindowRows struct {
	schema *arrow.Schema
	b      *array.RecordBuilder
}

// NewWindowRows collects rows of this schema.
func NewWindowRows(schema *arrow.Schema) *WindowRows {
	return &WindowRows{schema, array.NewRecordBuilder(memory.NewGoAllocator(), schema)}
}

// Append adds a row. len(r.Features) must be the schema's number of features.
func (w *WindowRows) Append(r *WindowRow) {
	for i, s := range []string{r.Study, r.Participant, r.Side, r.Thing, r.Sensor} {
		w.text(i, s)
	}
	w.b.Field(5).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Start.UnixMilli()))
	w.number(6, uint32(r.Length/time.Second))
	w.text(7, r.Algo)
	w.number(8, r.Revision)
	w.text(9, r.Status)
	w.text(10, r.FinalReason)
	w.text(11, r.Lane)
	w.number(12, r.N)
	w.number(13, r.NExpected)
	w.b.Field(14).(*array.Float32Builder).Append(r.Coverage)
	w.number(15, r.DupN)
	w.number(16, r.ClipN)
	w.number(17, r.Flags)
	w.b.Field(18).(*array.Float32Builder).AppendNull()
	w.text(19, r.CalID)
	w.text(20, r.InputDigest)
	for i, v := range r.Features {
		f := w.b.Field(FirstFeature + i).(*array.Float32Builder)
		if v != v {
			f.AppendNull()
		} else {
			f.Append(v)
		}
	}
}

func (w *WindowRows) text(i int, s string) { w.b.Field(i).(*array.StringBuilder).Append(s) }
func (w *WindowRows) number(i int, v uint32) {
	w.b.Field(i).(*array.Uint32Builder).Append(v)
}

// Len is the number of rows collected.
func (w *WindowRows) Len() int { return w.b.Field(0).Len() }

// Record takes the rows out and starts again empty; the caller releases.
func (w *WindowRows) Record() arrow.Record { return w.b.NewRecord() }

// Encode writes the rows as one IPC stream and starts again empty.
func (w *WindowRows) Encode() ([]byte, error) {
	rec := w.Record()
	defer rec.Release()
	return EncodeRows(rec)
}

// EncodeRows writes a record as one Arrow IPC stream.
func EncodeRows(rec arrow.Record) ([]byte, error) {
	var buf bytes.Buffer
	iw := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()), ipc.WithAllocator(memory.NewGoAllocator()))
	if err := iw.Write(rec); err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	if err := iw.Close(); err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	return buf.Bytes(), nil
}

// DecodeRows reads an Arrow IPC stream; the caller releases the records. It is for
// what EncodeRows wrote and the log has kept: the Arrow reader believes lengths in
// its metadata, so foreign bytes can make it allocate without limit.
func DecodeRows(value []byte) ([]arrow.Record, error) {
	r, err := ipc.NewReader(bytes.NewReader(value), ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return nil, fmt.Errorf("decode rows: %w", err)
	}
	defer r.Release()
	var recs []arrow.Record
	for r.Next() {
		rec := r.Record()
		rec.Retain()
		recs = append(recs, rec)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("decode rows: %w", err)
	}
	return recs, nil
}
