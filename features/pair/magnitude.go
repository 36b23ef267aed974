package pair

import (
	"math"
	"slices"

	"github.com/wearstream/wearstream/features/internal/elementary"
)

// magnitudes are the magnitude ratio and the bilateral magnitude second by second,
// after Bailey, Klaesner and Lang 2015, doi 10.1177/1545968315583720, with the mean
// of |r - 1 g| in place of the counts of a second. Seconds in which neither side
// moved say nothing; one side alone is cut at MaxRatio.
func (r *Row) magnitudes(left, right []float64) {
	var ratios, sums []float64
	for i := range left {
		l, h := left[i], right[i]
		if l != l || h != h || l <= ActiveApart && h <= ActiveApart {
			continue
		}
		r.Movement++
		sums = append(sums, l+h)
		switch r.Dominant {
		case Right:
			ratios = append(ratios, cut(logRatio(l, h)))
		case Left:
			ratios = append(ratios, cut(logRatio(h, l)))
		}
	}
	slices.Sort(ratios)
	slices.Sort(sums)
	r.MagnitudeRatio, r.Bilateral = quantile(ratios, 2), quantile(sums, 2)
	r.RatioSpread = quantile(ratios, 3) - quantile(ratios, 1)
}

func cut(v float64) float64 { return min(max(v, -MaxRatio), MaxRatio) }

// logRatio is log(a/b), either above zero. The greater is divided by the less, so
// that exchanging them changes the sign only.
func logRatio(a, b float64) float64 {
	if a < b {
		return -logRatio(b, a)
	}
	return elementary.Log(a / b)
}

// quantile is quartile q of sorted values, interpolated (type 7).
func quantile(v []float64, q int) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	i, rest := (len(v)-1)*q/4, (len(v)-1)*q%4
	if rest == 0 {
		return v[i]
	}
	return v[i] + float64((v[i+1]-v[i])*(float64(rest)/4))
}

func median(v []float64) float64 {
	slices.Sort(v)
	return quantile(v, 2)
}
