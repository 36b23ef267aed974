package features

import (
	"math"
	"time"

	"github.com/wearstream/wearstream/features/internal/int128"
)

// jerk accumulates the differences of neighbouring samples. Neighbours further
// apart than 1.5 configured spacings have a gap between them and no difference.
// Integers, so epochs merged in order equal the whole.
type jerk struct {
	pairs       int64
	squares     int128.Int // of the differences, added over the axes
	limit       int64      // 1.5 spacings, ns; 0: the rate is unknown
	some        bool       // first and last are samples
	first, last point
}

type point struct {
	t       int64
	x, y, z int32
}

// newJerk takes the most that two samples differ by along an axis, too.
func newJerk(s Samples, rate uint32, far uint64) jerk {
	n := len(s.T)
	if n == 0 {
		return jerk{}
	}
	j := jerk{some: true, first: s.at(0), last: s.at(n - 1)}
	if rate > 0 {
		j.limit = Reach(rate)
	}
	if far < 1<<31 && fits(n, 3*far*far) && s.even(j.limit) {
		j.pairs, j.squares.Lo = int64(n-1), s.apart()
		return j
	}
	j.last = j.first
	for i := 1; i < n; i++ {
		j.add(s.at(i), j.limit)
		j.last = s.at(i)
	}
	return j
}

// even reports whether no two neighbours are further apart than limit.
func (s *Samples) even(limit int64) bool {
	far, last := int64(0), s.T[0]
	for _, t := range s.T {
		far |= limit - (t - last) // negative once is negative for ever
		last = t
	}
	return far >= 0
}

// apart is the sum of the squares of all differences, which fits.
func (s *Samples) apart() (sum uint64) {
	x, y, z := s.X[0], s.Y[0], s.Z[0]
	ys, zs := s.Y[:len(s.X)], s.Z[:len(s.X)]
	for i, a := range s.X {
		b, c := ys[i], zs[i]
		sum += apart(x, a) + apart(y, b) + apart(z, c)
		x, y, z = a, b, c
	}
	return sum
}

func (s *Samples) at(i int) point { return point{s.T[i], s.X[i], s.Y[i], s.Z[i]} }

// add takes the difference between last and next.
func (j *jerk) add(next point, limit int64) {
	if next.t-j.last.t > limit {
		return
	}
	j.pairs++
	j.squares = j.squares.Plus(apart(j.last.x, next.x)).Plus(apart(j.last.y, next.y)).Plus(apart(j.last.z, next.z))
}

// apart is the square of b - a, which is below 2^64.
func apart(a, b int32) uint64 {
	d := int64(b) - int64(a)
	return uint64(d * d)
}

// merge adds the difference across the border, by the rate of what lies after it.
func (j *jerk) merge(next *jerk) {
	switch {
	case !next.some:
		return
	case !j.some:
		*j = *next
		return
	}
	j.add(next.first, next.limit)
	j.pairs += next.pairs
	j.squares = j.squares.Add(next.squares)
	j.limit, j.last = next.limit, next.last
}

// jerkRMS is the root mean square of the jerk, the change of acceleration per
// time, fs being the configured rate:
//
//	jerk_rms = sqrt(mean_i(sum_axes((a_i - a_(i-1)) fs)^2))
var jerkRMS = Feature{
	ID: "jerk_rms", Unit: "g/s", Windows: []time.Duration{time.Minute},
	Doc: "root mean square of the change of acceleration per second, all axes together",
	Value: func(w *Window) float64 {
		if w.jerk.pairs == 0 {
			return math.NaN()
		}
		perSample := math.Sqrt(w.jerk.squares.Float64() / float64(w.jerk.pairs))
		const milli = 1000
		return float64(perSample*float64(w.Rate)) / (milli * perG)
	},
}
