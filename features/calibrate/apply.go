package calibrate

import (
	"math"

	"github.com/wearstream/wearstream/features"
)

// Axes are columns of a sensor's integers, of which perG make one g.
type Axes struct{ X, Y, Z []int32 }

// Apply corrects samples and quantises them, once, to micro-g (half to even): dst
// may be src. perG is 1,000,000 for micro-g, or the counts per g of the device.
// Temperature is that of the last reading at or before a sample; without one, the
// mean temperature of the calibration is taken for it. So that batches cannot matter, readings
// must begin with the last one at or before the first sample, if there is one. A
// record that was not accepted corrects nothing.
func (r *Record) Apply(dst, src Axes, t []int64, perG int32, readings features.Readings) {
	c := r.correction()
	next, warmer := 0, 0.0
	for i, at := range t {
		if r.Temperature {
			for next < len(readings.T) && readings.T[next] <= at {
				warmer = float64(readings.MilliC[next])/1000 - r.MeanTemp
				next++
			}
		}
		dst.X[i] = microG(c.apply(0, float64(src.X[i])/float64(perG), warmer))
		dst.Y[i] = microG(c.apply(1, float64(src.Y[i])/float64(perG), warmer))
		dst.Z[i] = microG(c.apply(2, float64(src.Z[i])/float64(perG), warmer))
	}
}

// Correct is a still epoch as it would be, had its samples been corrected.
func (r *Record) Correct(s Still) Still {
	c, warmer := r.correction(), 0.0
	if r.Temperature && s.Temperature == s.Temperature {
		warmer = s.Temperature - r.MeanTemp
	}
	for k := range s.Mean {
		s.Mean[k] = c.apply(k, s.Mean[k], warmer)
	}
	return s
}

func (r *Record) correction() correction {
	if !r.Accepted {
		return correction{scale: [3]float64{1, 1, 1}}
	}
	return correction{r.Offset, r.Scale, r.TempScale}
}

// microG quantises; what no int32 holds is cut.
func microG(g float64) int32 {
	return int32(min(max(math.RoundToEven(float64(g*1e6)), math.MinInt32), math.MaxInt32))
}
