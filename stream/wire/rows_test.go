package wire

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

func row() *WindowRow {
	return &WindowRow{
		Study: "ST01", Participant: "P-0042", Side: "left", Thing: "hub-7", Sensor: "hub-7/left",
		Start: time.UnixMilli(1_760_000_400_000), Length: time.Minute, Algo: "core.v1@1.0.0+01234567", Revision: 3,
		Status: StatusCorrected, FinalReason: FinalDeclared, Lane: LaneBacklog,
		N: 2990, NExpected: 3000, Coverage: 0.9966, DupN: 4, ClipN: 5, Flags: FlagClipped | FlagRateOff,
		CalID: "none", InputDigest: "0123456789abcdef",
		Features: []float32{0.25, float32(math.NaN()), float32(math.Inf(1))},
	}
}

func TestWindowSchema(t *testing.T) {
	s := WindowSchema([]string{"x_mean", "mad"})
	if name, ok := s.Metadata().GetValue(HeaderSchema); !ok || name != RowsWindows {
		t.Errorf("schema metadata %v", s.Metadata())
	}
	if len(windowColumns) != FirstFeature || s.NumFields() != FirstFeature+2 {
		t.Fatalf("%d fixed columns, FirstFeature %d, %d in all", len(windowColumns), FirstFeature, s.NumFields())
	}
	for i, want := range []string{"x_mean", "mad"} {
		if f := s.Field(FirstFeature + i); f.Name != want || f.Type.ID() != arrow.FLOAT32 || !f.Nullable {
			t.Errorf("feature column %v", f)
		}
	}
	for _, f := range s.Fields()[:FirstFeature] {
		if f.Nullable != (f.Name == "clock_offset_ms") {
			t.Errorf("column %v", f)
		}
	}
	if WindowSchema(nil).NumFields() != FirstFeature {
		t.Error("a schema changed the fixed columns")
	}
}

// TestWindowRows: what goes in, comes out by column name; NaN is NULL.
func TestWindowRows(t *testing.T) {
	rows := NewWindowRows(WindowSchema([]string{"x_mean", "mad", "vm_max"}))
	first, second := row(), row()
	second.Study, second.Participant, second.Side = "", "", ""
	second.Features = []float32{-0.5, 0, 1}
	rows.Append(first)
	rows.Append(second)
	if rows.Len() != 2 {
		t.Errorf("Len is %d", rows.Len())
	}
	recs := decoded(t, rows)
	if len(recs) != 1 || recs[0].NumRows() != 2 {
		t.Fatalf("%d records", len(recs))
	}
	for i, want := range []map[string]string{
		{
			"study": "ST01", "participant": "P-0042", "side": "left", "thing": "hub-7", "sensor": "hub-7/left",
			"window_start": "2025-10-09 09:00:00Z", "length_s": "60", "algo": "core.v1@1.0.0+01234567", "revision": "3",
			"status": "corrected", "final_reason": "declared", "lane": "backlog", "n": "2990", "n_expected": "3000",
			"coverage": "0.9966", "dup_n": "4", "clip_n": "5", "flags": "24", "clock_offset_ms": "(null)",
			"cal_id": "none", "input_digest": "0123456789abcdef", "x_mean": "0.25", "mad": "(null)", "vm_max": "+Inf",
		},
		{"study": "", "participant": "", "side": "", "sensor": "hub-7/left", "x_mean": "-0.5", "mad": "0", "vm_max": "1"},
	} {
		for name, value := range want {
			if got := cell(t, recs[0], name, i); got != value {
				t.Errorf("row %d: %s is %q, want %q", i, name, got, value)
			}
		}
	}
}

// TestEncodeStartsAgain: an encoder is used for one batch after another, and the
// same rows are the same bytes.
func TestEncodeStartsAgain(t *testing.T) {
	rows := NewWindowRows(WindowSchema([]string{"a", "b", "c"}))
	var encoded [][]byte
	for range 2 {
		rows.Append(row())
		p, err := rows.Encode()
		if err != nil || rows.Len() != 0 {
			t.Fatalf("%v, %d rows left", err, rows.Len())
		}
		encoded = append(encoded, p)
	}
	if !bytes.Equal(encoded[0], encoded[1]) {
		t.Error("the same rows are other bytes")
	}
	if recs := decoded(t, rows); len(recs) != 1 || recs[0].NumRows() != 0 {
		t.Errorf("no rows are %v", recs)
	}
}

// TestDecodeTruncated: a stream that ends early is an error, or ends after a
// whole message; never half a row.
func TestDecodeTruncated(t *testing.T) {
	rows := NewWindowRows(WindowSchema([]string{"a", "b", "c"}))
	rows.Append(row())
	p, err := rows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	errors := 0
	for i := range p {
		recs, err := DecodeRows(p[:i])
		if err != nil {
			errors++
			continue
		}
		for _, rec := range recs {
			if cell(t, rec, "input_digest", 0) != "0123456789abcdef" {
				t.Fatalf("half a row in %d of %d bytes", i, len(p))
			}
		}
	}
	if errors < len(p)*9/10 {
		t.Errorf("only %d of %d truncated streams are errors", errors, len(p))
	}
}

func decoded(t *testing.T, rows *WindowRows) []arrow.Record {
	p, err := rows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	recs, err := DecodeRows(p)
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

func cell(t *testing.T, rec arrow.Record, name string, i int) string {
	k := slices.IndexFunc(rec.Schema().Fields(), func(f arrow.Field) bool { return f.Name == name })
	if k < 0 {
		t.Fatalf("no column %s", name)
	}
	if s, ok := rec.Column(k).(*array.String); ok {
		return s.Value(i)
	}
	return fmt.Sprint(rec.Column(k).ValueStr(i))
}
