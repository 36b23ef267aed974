package features

import (
	"math"
	"testing"
	"time"
)

// TestExt: by the formulas, on values whose answers are known.
func TestExt(t *testing.T) {
	at := func(values ...int32) map[string]float64 {
		var w Window
		w.Reset(time.Minute, 1000)
		for i, v := range values {
			w.Samples.T = append(w.Samples.T, int64(i)*int64(time.Second))
			w.Samples.X, w.Samples.Y, w.Samples.Z = append(w.Samples.X, v), append(w.Samples.Y, -v), append(w.Samples.Z, 0)
		}
		for i := 0; i < len(values); i += 5 {
			e := newTestEpoch(w.Samples.part(i, min(i+5, len(values))), Readings{}, 1000)
			w.Merge(&e)
		}
		out := map[string]float64{}
		values64 := make([]float64, len(Ext.Features))
		Ext.Values(&w, values64)
		for i, f := range Ext.Features {
			out[f.ID] = values64[i]
		}
		return out
	}
	for _, c := range []struct {
		name   string
		values []int32
		want   map[string]float64
	}{
		// Of 1, 2, 3, 4, 10: n = 5, m2 = 10, m3 = 36, m4 = 278.8.
		{"five", []int32{1e6, 2e6, 3e6, 4e6, 10e6}, map[string]float64{
			"x_skewness": math.Sqrt(20) / 3 * 36 / math.Pow(10, 1.5), "y_skewness": -math.Sqrt(20) / 3 * 36 / math.Pow(10, 1.5),
			"x_kurtosis": 4. / 6 * (6*(278.8/100-3) + 6), "x_iqr": 2, "vm_iqr": 2 * math.Sqrt2, "x_perm_entropy": 0, "y_perm_entropy": 0, "vm_perm_entropy": 0,
		}},
		{"up and down", []int32{0, 1e6, 0, 1e6, 0, 1e6}, map[string]float64{"x_perm_entropy": 1, "x_iqr": 1, "x_skewness": 0}},
		{"ties ascend", []int32{5, 5, 5, 6}, map[string]float64{"x_perm_entropy": 0, "y_perm_entropy": 1}},
		{"the same", []int32{7, 7, 7, 7}, map[string]float64{"x_skewness": math.NaN(), "vm_kurtosis": math.NaN(), "x_iqr": 0, "x_perm_entropy": 0}},
		{"three", []int32{1, 2, 4}, map[string]float64{"x_skewness": math.NaN(), "x_kurtosis": math.NaN(), "x_perm_entropy": 0}},
		{"two", []int32{1, 2}, map[string]float64{"x_perm_entropy": math.NaN(), "x_iqr": 5e-7}},
	} {
		got := at(c.values...)
		for id, want := range c.want {
			if g := got[id]; !(math.Abs(g-want) < 1e-12 || g != g && want != want) {
				t.Errorf("%s: %s is %v, want %v", c.name, id, g, want)
			}
		}
	}
}
