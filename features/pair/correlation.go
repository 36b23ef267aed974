package pair

import "math"

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// pearson is the correlation of pairs; those of which one is NaN do not count.
// Without spread there is none.
func pearson(a, b []float64) float64 {
	var n, sumA, sumB float64
	for i := range a {
		if a[i] == a[i] && b[i] == b[i] {
			n++
			sumA += a[i]
			sumB += b[i]
		}
	}
	meanA, meanB := sumA/n, sumB/n
	var squaresA, squaresB, products float64
	for i := range a {
		if a[i] == a[i] && b[i] == b[i] {
			x, y := a[i]-meanA, b[i]-meanB
			squaresA += float64(x * x)
			squaresB += float64(y * y)
			products += float64(x * y)
		}
	}
	size := float64(math.Sqrt(squaresA) * math.Sqrt(squaresB))
	if !(size > 0) {
		return math.NaN()
	}
	return min(max(products/size, -1), 1)
}

// lag is where the correlation of left(t) and right(t+lag), seconds apart, is
// greatest, the means taken anew over each overlap; the first of equals.
func lag(left, right []float64) (seconds, r float64) {
	seconds, r = math.NaN(), math.NaN()
	for k := -MaxLag; k <= MaxLag; k++ {
		a, b := left[max(0, -k):len(left)-max(0, k)], right[max(0, k):len(right)-max(0, -k)]
		if v := pearson(a, b); v > r || r != r && v == v {
			seconds, r = float64(k), v
		}
	}
	return seconds, r
}
