package features

import (
	"math"
	"slices"
)

// magnitude accumulates r = sqrt(x^2+y^2+z^2) in micro-g, for every feature that
// needs the root: it is taken once for all of them. The extremes are squares and
// exact, as is the area; the other sums are float64 in event-time order.
type magnitude struct {
	n           int64
	least, most uint64  // of r^2
	area        int64   // of |x|+|y|+|z|
	sum         float64 // of r
	m2          float64 // of (r - mean)^2
	above       float64 // of max(r - 1 g, 0)
	apart       float64 // of |r - 1 g|
	mads        float64 // of the MAD of each of these epochs
	epochs      int64   // of which half is covered
}

// square is r^2. Three squares of int32 overflow int64 but not uint64.
func square(x, y, z int32) uint64 {
	a, b, c := int64(x), int64(y), int64(z)
	return uint64(a*a) + uint64(b*b) + uint64(c*c)
}

func size(v int32) int64 { return max(int64(v), -int64(v)) }

// roots are the vector magnitudes of samples in micro-g, in the memory given if that
// is enough.
func roots(to []float64, s Samples) []float64 {
	n := len(s.X)
	to = slices.Grow(to[:0], n)[:n]
	x, y, z := s.X, s.Y[:n], s.Z[:n]
	for i := range to {
		to[i] = math.Sqrt(float64(square(x[i], y[i], z[i])))
	}
	return to
}

// newMagnitude goes over the epoch twice, since deviations need the mean first. It
// fills vm, of the length of the samples, with the vector magnitudes.
func newMagnitude(s Samples, vm []float64) magnitude {
	if len(vm) == 0 {
		return magnitude{}
	}
	xs, ys, zs := s.X[:len(vm)], s.Y[:len(vm)], s.Z[:len(vm)]
	var sum, above, apart float64
	least, most, area := uint64(math.MaxUint64), uint64(0), int64(0)
	for i := range vm {
		x, y, z := xs[i], ys[i], zs[i]
		q := square(x, y, z)
		r := math.Sqrt(float64(q))
		vm[i] = r
		least, most = min(least, q), max(most, q)
		area += size(x) + size(y) + size(z)
		sum += r
		above += positive(r - perG)
		apart += math.Abs(r - perG)
	}
	n := float64(len(vm))
	mean := sum / n
	var m2, absolute float64
	for _, r := range vm {
		d := r - mean
		m2 += float64(d * d)
		absolute += math.Abs(d)
	}
	return magnitude{int64(len(vm)), least, most, area, sum, m2, above, apart, absolute / n, 1}
}

// merge combines the sums of squared deviations after Chan, Golub and LeVeque
// (1979), equation 2.1b; sums of squares would cancel where the wrist is still.
func (m *magnitude) merge(next *magnitude) {
	switch {
	case next.n == 0:
		return
	case m.n == 0:
		*m = *next
		return
	}
	a, b := float64(m.n), float64(next.n)
	d := next.sum/b - m.sum/a
	m.m2 += next.m2 + float64(float64(d*d)*(float64(a*b)/(a+b)))
	m.n += next.n
	m.least = min(m.least, next.least)
	m.most = max(m.most, next.most)
	m.area += next.area
	m.sum += next.sum
	m.above += next.above
	m.apart += next.apart
	m.mads += next.mads
	m.epochs += next.epochs
}

// perSample is sum/n in g.
func (m *magnitude) perSample(sum float64) float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return sum / float64(m.n*perG)
}

// root is the magnitude in g whose square is given.
func (m *magnitude) root(square uint64) float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return math.Sqrt(float64(square)) / perG
}
