package features

import (
	"math"
	"math/bits"

	"github.com/wearstream/wearstream/features/internal/int128"
)

// moments accumulates integers, so any order gives the same:
//
//	mean = S1/n    sd = sqrt((n S2 - S1^2) / (n (n-1)))
type moments struct {
	n, sum  int64
	squares int128.Int
	least   int32
	most    int32
}

func newMoments(values []int32) moments {
	if len(values) == 0 {
		return moments{}
	}
	var sum int64
	var squares uint64
	least, most := values[0], values[0]
	for _, v := range values {
		w := int64(v)
		sum += w
		squares += uint64(w * w)
		least, most = min(least, v), max(most, v)
	}
	m := moments{int64(len(values)), sum, int128.Int{Lo: squares}, least, most}
	if far := max(size(least), size(most)); !fits(len(values), uint64(far*far)) {
		m.squares = int128.Int{}
		for _, v := range values {
			m.squares = m.squares.Plus(uint64(int64(v) * int64(v)))
		}
	}
	return m
}

// fits reports whether n numbers of at most that add up to one of 64 bits.
func fits(n int, most uint64) bool {
	hi, _ := bits.Mul64(uint64(n), most)
	return hi == 0
}

// span is from the least to the greatest value.
func (m *moments) span() uint64 { return uint64(int64(m.most) - int64(m.least)) }

func (m *moments) merge(next *moments) {
	switch {
	case next.n == 0:
		return
	case m.n == 0:
		*m = *next
		return
	}
	m.n += next.n
	m.sum += next.sum
	m.squares = m.squares.Add(next.squares)
	m.least = min(m.least, next.least)
	m.most = max(m.most, next.most)
}

// The five features, in a unit that has `scale` integer steps.

func (m *moments) mean(scale int64) float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return float64(m.sum) / float64(m.n*scale)
}

func (m *moments) sd(scale int64) float64 {
	if m.n < 2 {
		return math.NaN()
	}
	d := int128.Of(m.n).Mul(m.squares).Sub(int128.Of(m.sum).Mul(int128.Of(m.sum)))
	return math.Sqrt(d.Float64()/float64(m.n*(m.n-1))) / float64(scale)
}

func (m *moments) min(scale int64) float64   { return m.value(int64(m.least), scale) }
func (m *moments) max(scale int64) float64   { return m.value(int64(m.most), scale) }
func (m *moments) width(scale int64) float64 { return m.value(int64(m.most)-int64(m.least), scale) }

func (m *moments) value(v, scale int64) float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return float64(v) / float64(scale)
}
