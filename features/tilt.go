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
// along and above it: the arc tangent as in atan.go, but of a quotient, with one
// division that counts, and without a branch that movement would make unforeseeable.
func inclination(up, along float64) float64 {
	size := math.Abs(up)
	low, high := min(size, along), max(size, along)
	if high == 0 {
		return math.NaN()
	}
	steep := 0
	if size > along {
		steep = 1
	}
	k := int(float32(low)/float32(high)*8 + 0.5)
	c := float64(k) / 8
	t := (low - float64(c*high)) / (high + float64(c*low))
	s := float64(t * t)
	p := 1.0 / 15
	p = 1.0/13 - float64(p*s)
	p = 1.0/11 - float64(p*s)
	p = 1.0/9 - float64(p*s)
	p = 1.0/7 - float64(p*s)
	p = 1.0/5 - float64(p*s)
	p = 1.0/3 - float64(p*s)
	rest := t - float64(float64(t*s)*p)
	e := &inclinations[steep&1]
	return math.Copysign(e.eighths[k]+float64(e.sign*rest), up)
}

// inclinations are atan(k/8), and the rest of them to a right angle.
var inclinations = func() (e [2]struct {
	sign    float64
	eighths [len(atanEighths)]float64
}) {
	e[0].sign, e[1].sign = 1, -1
	for k, a := range atanEighths {
		e[0].eighths[k], e[1].eighths[k] = a, math.Pi/2-a
	}
	return e
}()
