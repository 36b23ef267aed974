package pair

import (
	"math"
	"slices"
	"strings"

	"github.com/wearstream/wearstream/features/internal/elementary"
)

// accepted says whether a day may speak about where the devices are.
func (d *Daily) accepted() bool {
	return d.BothWorn >= MinBothWorn && d.Gravity[0] != [3]int64{} && d.Gravity[1] != [3]int64{}
}

// History are the days of a participant that Swapped needs, in order: the first
// three accepted, and the last two.
type History []Daily

// Put adds a day, or replaces it by what is known now, and forgets days that are
// needed no more. Days may come in any order. (Only a day that late data makes
// unacceptable cannot call back one that was forgotten.)
func (h *History) Put(d Daily) {
	i, found := slices.BinarySearchFunc(*h, d.Date, func(d Daily, date string) int { return strings.Compare(d.Date, date) })
	switch {
	case found && !d.accepted():
		*h = slices.Delete(*h, i, i+1)
	case found:
		(*h)[i] = d
	case d.accepted():
		*h = slices.Insert(*h, i, d)
	}
	if n := len(*h); n > SwapFirstDays+SwapDays {
		*h = slices.Delete(*h, SwapFirstDays, n-SwapDays)
	}
}

// Swapped says whether on each of the last two days both wrists held the device
// as the other wrist did on the first three: nearer by more than 15 degrees, in the
// mean direction of gravity while active. Devices that were exchanged from the
// first day on cannot be found so.
func (h History) Swapped() (Finding, bool) {
	if len(h) < SwapFirstDays+SwapDays {
		return Finding{}, false
	}
	var first [2][3]int64
	for _, d := range h[:SwapFirstDays] {
		for side := range first {
			for k, v := range d.Gravity[side] {
				first[side][k] += v
			}
		}
	}
	last := h[len(h)-SwapDays:]
	f := Finding{Code: Swap, Date: last[SwapDays-1].Date}
	yes := 0
	for side, name := range [2]string{"left", "right"} {
		nearer := math.Inf(1)
		for i := range last {
			now := last[i].Gravity[side]
			d := degrees(now, first[side]) - degrees(now, first[1-side])
			nearer = min(nearer, d)
			count(&yes, d > SwapDegrees)
		}
		f.Numbers = append(f.Numbers, Number{name + "_nearer_to_other_deg", nearer, ">", SwapDegrees})
	}
	f.Score = float64(yes) / (2 * SwapDays)
	return f, yes == 2*SwapDays
}

// degrees is the angle between two directions, 0 to 180; NaN if one is none. Of
// unit vectors a and b it is 2 atan(|a-b|/|a+b|).
func degrees(a, b [3]int64) float64 {
	u, ok := unit(a)
	v, ok2 := unit(b)
	if !ok || !ok2 {
		return math.NaN()
	}
	var apart, together float64
	for k := range u {
		d, s := u[k]-v[k], u[k]+v[k]
		apart += float64(d * d)
		together += float64(s * s)
	}
	return float64(elementary.Atan(math.Sqrt(apart)/math.Sqrt(together))*360) / math.Pi
}
