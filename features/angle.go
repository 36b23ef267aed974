package features

import (
	"math"

	"github.com/wearstream/wearstream/features/internal/elementary"
)

// angles are the angles between the mean acceleration and the plane across each
// axis, -90 to 90 degrees:
//
//	angle_k = atan(mean_k / sqrt(mean_i^2 + mean_j^2)) 180/pi
//
// after van Hees et al. 2015, doi 10.1371/journal.pone.0142533, with the mean in
// place of the rolling median. The number of samples cancels, so sums will do. A
// mean of zero has no direction.
var angles = []Feature{
	angle("x", func(e *Epoch) (k, i, j int64) { return e.x.sum, e.y.sum, e.z.sum }),
	angle("y", func(e *Epoch) (k, i, j int64) { return e.y.sum, e.x.sum, e.z.sum }),
	angle("z", func(e *Epoch) (k, i, j int64) { return e.z.sum, e.x.sum, e.y.sum }),
}

func angle(axis string, sums func(*Epoch) (k, i, j int64)) Feature {
	return Feature{
		ID: "angle" + axis + "_of_mean", Unit: "deg", Windows: Lengths,
		Doc: "angle of the mean acceleration above the plane across axis " + axis,
		Value: func(w *Window) float64 {
			k, i, j := sums(&w.Epoch)
			if k == 0 && i == 0 && j == 0 {
				return math.NaN()
			}
			a, b := float64(i), float64(j)
			across := math.Sqrt(float64(a*a) + float64(b*b))
			return float64(elementary.Atan(float64(k)/across)*180) / math.Pi
		},
	}
}
