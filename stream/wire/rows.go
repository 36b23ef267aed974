package wire

import (
	"bytes"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
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
var windowColumns = ofSensor(
	arrow.Field{Name: "algo", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "revision", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "status", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "final_reason", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "lane", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "n_expected", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "coverage", Type: arrow.PrimitiveTypes.Float32},
	arrow.Field{Name: "dup_n", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "clip_n", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "flags", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "clock_offset_ms", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	arrow.Field{Name: "cal_id", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "input_digest", Type: arrow.BinaryTypes.String},
)

// FirstFeature is the index of the first feature column.
const FirstFeature = 21

// WindowSchema is the schema of window rows with these feature columns. ClickHouse
// tables and Parquet files follow from it.
func WindowSchema(features []string) *arrow.Schema {
	fields := append([]arrow.Field(nil), windowColumns...)
	for _, f := range features {
		fields = append(fields, arrow.Field{Name: f, Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	}
	return schemaOf(RowsWindows, fields...)
}

// WindowRows collects rows of windows. Not for concurrent use.
type WindowRows struct{ *collector }

// NewWindowRows collects rows of this schema.
func NewWindowRows(schema *arrow.Schema) *WindowRows { return &WindowRows{collect(schema)} }

// Append adds a row. len(r.Features) must be the schema's number of features.
func (w *WindowRows) Append(r *WindowRow) {
	w.ofSensor(r.Study, r.Participant, r.Side, r.Thing, r.Sensor, r.Start, r.Length)
	w.texts(7, r.Algo)
	w.number(8, r.Revision)
	w.texts(9, r.Status, r.FinalReason, r.Lane)
	w.number(12, r.N)
	w.number(13, r.NExpected)
	w.value(14, r.Coverage)
	w.number(15, r.DupN)
	w.number(16, r.ClipN)
	w.number(17, r.Flags)
	w.b.Field(18).AppendNull()
	w.texts(19, r.CalID, r.InputDigest)
	for i, v := range r.Features {
		w.value(FirstFeature+i, v)
	}
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
