package features

import (
	"math"
	"slices"
)

// rolling is the median of the last values, an odd number of them.
type rolling struct {
	last         []int32
	median       int32
	below, equal int     // of them, to the median
	sorted       []int32 // memory
}

// begin finds the median of the first values.
func (r *rolling) begin() {
	copy(r.sorted, r.last)
	slices.Sort(r.sorted)
	r.median = r.sorted[len(r.sorted)/2]
	r.below, _ = slices.BinarySearch(r.sorted, r.median)
	after, _ := slices.BinarySearch(r.sorted, r.median+1)
	r.equal = after - r.below
}

// put sets the i-th of the last values; if there was a median, it moves only when
// the old and the new value are on different sides of it, and to the next value.
func (r *rolling) put(i int, v int32, full bool) {
	old := r.last[i]
	r.last[i] = v
	if !full {
		return
	}
	if old < r.median {
		r.below--
	}
	if old == r.median {
		r.equal--
	}
	if v < r.median {
		r.below++
	}
	if v == r.median {
		r.equal++
	}
	middle := len(r.last) / 2
	switch {
	case r.below > middle:
		next, n := int32(math.MinInt32), 0
		for _, a := range r.last {
			if a >= r.median {
				a = math.MinInt32
			}
			if a > next {
				next, n = a, 0
			}
			if a == next {
				n++
			}
		}
		r.median, r.equal = next, n
		r.below -= n
	case r.below+r.equal <= middle:
		r.below += r.equal
		next, n := int32(math.MaxInt32), 0
		for _, a := range r.last {
			if a <= r.median {
				a = math.MaxInt32
			}
			if a < next {
				next, n = a, 0
			}
			if a == next {
				n++
			}
		}
		r.median, r.equal = next, n
	}
}
