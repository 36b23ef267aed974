package features

import "slices"

// rolling is the median of the last values, an odd number of them.
type rolling struct {
	last   []int32
	sorted []int32 // the same, in order
	median int32
}

// begin finds the median of the first values.
func (r *rolling) begin() {
	copy(r.sorted, r.last)
	slices.Sort(r.sorted)
	r.median = r.sorted[len(r.sorted)/2]
}

// places are where in the order the i-th of the last values is, and where v is
// between the others: two binary searches side by side, without a branch, which
// values would make unforeseeable.
func (r *rolling) places(i int, v int32) (from, to int) {
	s, old := r.sorted, int64(r.last[i])
	for n := len(s); n > 0; {
		half := (n + 1) >> 1
		from += half & below(s[from+half-1], old)
		to += half & below(s[to+half-1], int64(v))
		n -= half
	}
	return from, to + (from-to)>>63 // one less, if the old one is below
}

// below is all ones if a is below b, else 0.
func below(a int32, b int64) int { return int((int64(a) - b) >> 63) }

// put sets the i-th of the last values, at from in the order, to v, at to.
func (r *rolling) put(i int, v int32, from, to int) {
	s := r.sorted
	up := (from - to) >> 63 // all ones, if those between move down
	at, n := min(from, to)+1+up, max(from, to)-min(from, to)
	copy(s[at:at+n], s[at-1-2*up:])
	s[to], r.last[i] = v, v
	r.median = s[len(s)/2]
}
