package oracle

import (
	"math"
	"strings"
	"testing"
)

func (r Report) show(t *testing.T) {
	t.Helper()
	var table strings.Builder
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
}

// TestCalibration: GGIR's coefficients, iterations and error.
func TestCalibration(t *testing.T) {
	report, err := data(t).CompareCalibration("ggir", Tolerance{Absolute: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	report.show(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if len(report) != 2*13 {
		t.Errorf("%d comparisons, want 26", len(report))
	}
}

// TestCalibrationIsNotSKDHs: SKDH leaves the intercept out of the residual, so its
// weights and with them its answer differ, in the fourth digit and no earlier.
func TestCalibrationIsNotSKDHs(t *testing.T) {
	report, err := data(t).CompareCalibration("result", Tolerance{Absolute: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	report.show(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	for _, l := range report {
		if coefficient := strings.HasPrefix(l.Feature, "offset") || strings.HasPrefix(l.Feature, "scale"); coefficient && !(math.Abs(l.Largest) > 1e-6) {
			t.Errorf("%s %s differs by %.1e only", l.Feature, l.Recording, l.Largest)
		}
	}
}
