package features

import (
	"time"

	"github.com/wearstream/wearstream/features/internal/int128"
)

// arms are the share of epochs of 5 s, of those of which half is covered, in which an axis
// points more than 30 degrees up, or down: its angle_of_mean, which is that of gravity where
// the wrist does not accelerate for long, is above 30, or below -30. Of the axis along
// the forearm that says whether the arm was raised or hung; it says nothing of the posture
// of the body. Which axis that is, and which way it points, depends on the model and on
// how the device is worn, which a row does not carry: so there is one of each, and who
// knows the device picks.
//
// tan 30 is 1/sqrt(3), so an angle is above 30 where the axis is positive and
//
//	3 mean_k^2 > mean_i^2 + mean_j^2
//
// which sums of integers decide exactly.
var arms = []Feature{
	arm("arm_up_x", "above 30", "x", func(a *raised) uint8 { return a.up[0] }),
	arm("arm_up_y", "above 30", "y", func(a *raised) uint8 { return a.up[1] }),
	arm("arm_up_z", "above 30", "z", func(a *raised) uint8 { return a.up[2] }),
	arm("arm_down_x", "below -30", "x", func(a *raised) uint8 { return a.down[0] }),
	arm("arm_down_y", "below -30", "y", func(a *raised) uint8 { return a.down[1] }),
	arm("arm_down_z", "below -30", "z", func(a *raised) uint8 { return a.down[2] }),
}

func arm(id, where, axis string, count func(*raised) uint8) Feature {
	return Feature{
		ID: id, Unit: "1", Windows: []time.Duration{time.Minute, 15 * time.Minute},
		Doc:   "share of epochs of 5 s with angle" + axis + "_of_mean " + where + " degrees",
		Value: func(w *Window) float64 { return ratio(float64(count(&w.raised)), w.vm.epochs) },
	}
}

// raised counts epochs, of at most 180, by axis.
type raised struct{ up, down [3]uint8 }

func newRaised(x, y, z int64) (r raised) {
	square := func(v int64) int128.Int { return int128.Of(v).Mul(int128.Of(v)) }
	squares := [3]int128.Int{square(x), square(y), square(z)}
	all := squares[0].Add(squares[1]).Add(squares[2])
	for k, v := range [3]int64{x, y, z} {
		if all.Less(squares[k].Mul(int128.Of(4))) {
			if v > 0 {
				r.up[k] = 1
			} else {
				r.down[k] = 1
			}
		}
	}
	return r
}

func (r *raised) merge(next *raised) {
	for k := range r.up {
		r.up[k] += next.up[k]
		r.down[k] += next.down[k]
	}
}
