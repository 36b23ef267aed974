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
	r.equal = r.same()
}

// same is how many of the last values are the median.
func (r *rolling) same() int {
	n := 0
	for _, v := range r.last {
		if v == r.median {
			n++
		}
	}
	return n
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
		next := int32(math.MinInt32)
		for _, a := range r.last {
			if a >= r.median {
				a = math.MinInt32
			}
			next = max(next, a)
		}
		r.median = next
		r.equal = r.same()
		r.below -= r.equal
	case r.below+r.equal <= middle:
		next := int32(math.MaxInt32)
		for _, a := range r.last {
			if a <= r.median {
				a = math.MaxInt32
			}
			next = min(next, a)
		}
		r.below += r.equal
		r.median = next
		r.equal = r.same()
	}
}
