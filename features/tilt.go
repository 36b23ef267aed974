package features

import (
	"math"

	"github.com/wearstream/wearstream/features/internal/elementary"
)

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

func newTilt(s Samples, vm []float64) (tilt [3]float64) {
	var a, b, c float64
	for i, r := range vm {
		x, y, z := float64(s.X[i]), float64(s.Y[i]), float64(s.Z[i])
		xx, yy, zz := float64(x*x), float64(y*y), float64(z*z)
		per := 1 / r
		a += math.Copysign(above(math.Abs(x), math.Sqrt(yy+zz), per), x)
		b += math.Copysign(above(math.Abs(y), math.Sqrt(xx+zz), per), y)
		c += math.Copysign(above(math.Abs(z), math.Sqrt(xx+yy), per), z)
	}
	return [3]float64{a, b, c}
}

// above is the angle, in radians, above a plane of a vector that is so long above
// and along it, and per is 1 over its length. No direction has none.
//
// Of the known angles, b is the one whose sin b - cos b is nearest; from there it is
// the arc sine of s = sin(a-b) = sin a cos b - cos a sin b, at most 1/128, where three
// terms of the series are exact to 1e-16. No branch that movement would make
// unforeseeable, and no division but the one that three axes share.
func above(up, along, per float64) float64 {
	b := &angleTable[uint8(int(float64(float64((up-along)*per)*64)+64.5))]
	s := float64((float64(up*b.cos) - float64(along*b.sin)) * per)
	q := float64(s * s)
	return b.angle + (s + float64(float64(s*q)*(1.0/6+float64(q*(3.0/40)))))
}

// angleTable has the angles whose sin - cos is k/64 - 1, that is, sqrt(2) times the
// sine of what they are above 45 degrees.
var angleTable = func() (list [256]struct{ angle, sin, cos float64 }) {
	for k := range 129 {
		w := float64(k-64) / 64
		e := &list[k]
		e.angle = math.Pi/4 + elementary.Atan(w/math.Sqrt(2-float64(w*w)))
		if k <= 64 {
			e.sin, e.cos = taylor(e.angle)
		} else {
			e.cos, e.sin = taylor(math.Pi/2 - e.angle)
		}
	}
	return list
}()
