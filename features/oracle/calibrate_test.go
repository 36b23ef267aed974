package oracle

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/calibrate"
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
	if devices, _ := data(t).Calibrated(); len(report) != len(devices)*2*14 {
		t.Errorf("%d comparisons, want 28 of each of %v", len(report), devices)
	}
}

// TestCalibrationIsNotSKDHs: SKDH leaves the intercept out of the residual, so its
// weights and with them its answer differ, in the fourth digit and no earlier. (It
// also looks at the residual one iteration late.)
func TestCalibrationIsNotSKDHs(t *testing.T) {
	d := data(t)
	report, err := d.CompareCalibration("result", Tolerance{Absolute: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	report.show(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	for _, l := range report {
		if coefficient := strings.HasPrefix(l.Feature, "offset") || strings.HasPrefix(l.Feature, "scale"); coefficient && !(l.Largest > 1e-6) {
			t.Errorf("%s %s differs by %.1e only", l.Feature, l.Recording, l.Largest)
		}
	}

	// And that is all of the difference: the same loop, written once more and as
	// simply as can be, is the one reference or the other.
	devices, err := d.Calibrated()
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		still, err := d.StillEpochs(device)
		if err != nil {
			t.Fatal(err)
		}
		for file, intercept := range map[string]bool{"ggir": true, "result": false} {
			text, err := readCSV(filepath.Join(d.Oracle, device+"."+file+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			offset, scale := sphere(still, intercept)
			got := append(offset[:], scale[:]...)
			for k, column := range []string{"offset_x", "offset_y", "offset_z", "scale_x", "scale_y", "scale_z"} {
				want, err := strconv.ParseFloat(text[1][slices.Index(text[0], column)], 64)
				if err != nil {
					t.Fatal(err)
				}
				if d := math.Abs(got[k] - want); !(d <= 1e-6) {
					t.Errorf("with the intercept in the residual %t: %s differs from %s of %s by %.1e", intercept, column, file, device, d)
				} else {
					t.Logf("with the intercept in the residual %t: %s differs from %s of %s by %.1e", intercept, column, file, device, d)
				}
			}
		}
	}
}

// sphere is the loop of the fit with temperature, with the intercept in the
// residual, as GGIR has it; or without, and one iteration more, as SKDH has it.
func sphere(still []calibrate.Still, intercept bool) (offset, scale [3]float64) {
	n, mean := len(still), 0.0
	for _, e := range still {
		mean += e.Temperature / float64(n)
	}
	scale = [3]float64{1, 1, 1}
	var warmth [3]float64
	weights, points, nearest := slices.Repeat([]float64{1}, n), make([][3]float64, n), make([][3]float64, n)
	changed := math.Inf(1)
	for before, change := math.Inf(1), math.Inf(1); intercept && change >= 1e-10 || !intercept && changed >= 1e-10; {
		for i, e := range still {
			size := 0.0
			for k := range 3 {
				points[i][k] = (e.Mean[k]+offset[k])*scale[k] + (e.Temperature-mean)*warmth[k]
				size += points[i][k] * points[i][k]
			}
			for k := range 3 {
				nearest[i][k] = points[i][k] / math.Sqrt(size)
			}
		}
		residual, total := make([]float64, n), 0.0
		for k := range 3 {
			var m [3][4]float64 // normal equations
			for i, e := range still {
				row := [4]float64{1, points[i][k], e.Temperature - mean, nearest[i][k]}
				for a := range 3 {
					for b := range 4 {
						m[a][b] += weights[i] * row[a] * row[b]
					}
				}
			}
			for a := range 3 { // Gauss and Jordan
				for b := range 3 {
					if f := m[b][a] / m[a][a]; b != a {
						for c := range 4 {
							m[b][c] -= f * m[a][c]
						}
					}
				}
			}
			o, s, w := m[0][3]/m[0][0], m[1][3]/m[1][1], m[2][3]/m[2][2]
			for i, e := range still {
				fitted := s*points[i][k] + w*(e.Temperature-mean)
				if intercept {
					fitted += o
				}
				residual[i] += (fitted - nearest[i][k]) * (fitted - nearest[i][k])
			}
			offset[k] += o / (scale[k] * s)
			warmth[k], scale[k] = warmth[k]*s+w, scale[k]*s
		}
		sum := 0.0
		for i := range residual {
			sum, total = sum+weights[i]*residual[i], total+weights[i]
			weights[i] = min(1/math.Sqrt(residual[i]), 100)
		}
		sum /= total * float64(n)
		changed, change, before = change, math.Abs(sum-before), sum
	}
	return offset, scale
}
