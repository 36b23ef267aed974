package features

import "math"

// tilts are the mean over the samples of the angle of the acceleration above the
// plane across each axis:
//
//	angle_k = mean(atan(a_k / sqrt(a_i^2 + a_j^2))) 180/pi
//
// van Hees et al. 2015, doi 10.1371/journal.pone.0142533, without the median.
var tilts = []Feature{tilted("x", 0), tilted("y", 1), tilted("z", 2)}

func tilted(axis string, k int) Feature {
	return Feature{
		ID: "angle" + axis + "_mean5", Unit: "deg", Windows: Lengths[:1],
		Doc:   "mean angle of the acceleration above the plane across axis " + axis,
		Value: func(w *Window) float64 { return degrees(ratio(w.trace.tilt[k], int64(w.N()))) },
	}
}

func newTilt(s Samples) (tilt [3]float64) {
	for i := range s.X {
		x, y, z := float64(s.X[i]), float64(s.Y[i]), float64(s.Z[i])
		xx, yy, zz := float64(x*x), float64(y*y), float64(z*z)
		tilt[0] += inclination(x, math.Sqrt(yy+zz))
		tilt[1] += inclination(y, math.Sqrt(xx+zz))
		tilt[2] += inclination(z, math.Sqrt(xx+yy))
	}
	return tilt
}

// inclination is the angle, in radians, above a plane of a vector that is so long
// along and above it.
func inclination(up, along float64) float64 { return atan(up / along) }
