package batch_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/internal/rowtest"
	"github.com/wearstream/wearstream/stream/recording"
)

// still is a device at rest in hundreds of directions for so many hours, a sample and a
// reading a second, whose axes are off, more so when it is warm; once a day it hits the
// end of its range, and once it loses a sample. correct says what becomes of a sample.
func still(t *testing.T, name string, hours int, correct func(at int64, xyz *[3]int32, milliC int32)) string {
	var text strings.Builder
	text.WriteString("timestamp,x,y,z,temperature\n")
	for second := range hours * 3600 {
		turn := float64(second / 600)
		z := math.Mod(0.618034*turn, 2) - 1
		r := math.Sqrt(1 - z*z)
		milliC := int32(28_000 + 10*(second%7200/60))
		warmer := float64(milliC)/1000 - 28.6
		var v [3]int32
		for k, a := range [3]float64{r * math.Cos(2.4*turn), r * math.Sin(2.4*turn), z} {
			v[k] = int32(math.RoundToEven(1e6 * ((a-warmer*[3]float64{0.001, -0.002, 0.0005}[k])/[3]float64{1.010, 0.985, 1.004}[k] - [3]float64{0.030, -0.020, 0.045}[k])))
		}
		switch second % 86_400 {
		case 5000:
			v[2] = -2_000_000
		case 5001:
			v = [3]int32{}
		}
		at := 1_772_323_200 + int64(second)
		if correct != nil && v != [3]int32{} {
			correct(at*1e9, &v, milliC)
		}
		fmt.Fprintf(&text, "%d,%.6f,%.6f,%.6f,%.3f\n", at, float64(v[0])/1e6, float64(v[1])/1e6, float64(v[2])/1e6, float64(milliC)/1000)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// calibrated computes core.v1 of 15 min.
func calibrated(t *testing.T, cfg batch.Config, path string) (*rowtest.Rows, batch.Report) {
	store := new(kept)
	b, err := batch.New(cfg, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), []batch.Input{{Path: path, Sensor: "w1"}})
	if err := errors.Join(err, reports[0].Err); err != nil {
		t.Fatal(err)
	}
	return store.rows.Only(func(rec arrow.Record, i int) bool { return rec.Column(6).ValueStr(i) == "900" }), reports[0]
}

// TestApply: with a calibration applied, all rows are those of a file whose samples were
// corrected before, digest included, and name the record; which is the one that is told
// where nothing is applied.
func TestApply(t *testing.T) {
	raw := still(t, "raw.csv", 73, nil)
	ranged := recording.Options{RangeMG: 2000}
	uncorrected, told := calibrated(t, batch.Config{Calibrate: true, Reader: ranged}, raw)
	r := told.Calibrate
	if r == nil || !r.Accepted || !r.Temperature || told.Calibrated {
		t.Fatalf("told: %+v", r)
	}
	corrected := still(t, "corrected.csv", 73, func(at int64, v *[3]int32, milliC int32) {
		x, y, z := v[:1], v[1:2], v[2:]
		axes := calibrate.Axes{X: x, Y: y, Z: z}
		r.Apply(axes, axes, []int64{at}, 1_000_000, features.Readings{T: []int64{at}, MilliC: []int32{milliC}})
	})
	for _, first := range []bool{false, true} {
		want, _ := calibrated(t, batch.Config{FromFirst: first}, corrected)
		got, rep := calibrated(t, batch.Config{Calibrate: true, Apply: true, FromFirst: first}, raw)
		if !rep.Calibrated || rep.Calibrate == nil || *rep.Calibrate != *r {
			t.Fatalf("applied %+v, told %+v", rep.Calibrate, r)
		}
		got.Only(func(rec arrow.Record, i int) bool {
			if id := rec.Column(19).ValueStr(i); id != r.ID {
				t.Fatalf("cal_id %q, want %s", id, r.ID)
			}
			return true
		})
		if rowtest.Same(t, got, want, "cal_id") {
			t.Logf("counted from the first sample %t: %d rows are the same bytes", first, got.Len())
		}
	}

	// What is at an end of the range is counted before and after.
	clipped := func(rows *rowtest.Rows) (n int) {
		rows.Only(func(rec arrow.Record, i int) bool { n += int(rec.Column(16).(*array.Uint32).Value(i)); return true })
		return n
	}
	correctedRows, _ := calibrated(t, batch.Config{Apply: true, Reader: ranged}, raw)
	if before, after := clipped(uncorrected), clipped(correctedRows); before != 3 || after != before {
		t.Errorf("%d samples are clipped in windows of 15 min, calibrated %d, want 3", before, after)
	}

	// Too short, or never still: as it is.
	short := still(t, "short.csv", 71, nil)
	moving := still(t, "moving.csv", 73, func(at int64, v *[3]int32, _ int32) { v[0] += int32(at/1e9%7) * 30_000 })
	for _, path := range []string{short, moving} {
		want, told := calibrated(t, batch.Config{Calibrate: true}, path)
		got, rep := calibrated(t, batch.Config{Calibrate: true, Apply: true}, path)
		if rep.Calibrated || (rep.Calibrate == nil) != (told.Calibrate == nil) || rep.Calibrate != nil && (*rep.Calibrate != *told.Calibrate || rep.Calibrate.Accepted) {
			t.Errorf("%s: told %+v, applied %+v", path, told.Calibrate, rep.Calibrate)
		}
		rowtest.Same(t, got, want)
	}
}
