package features

import "math"

// sincos are sine and cosine of 2 pi k/n, within a unit in the last place and the
// same on every processor. The turn is brought to the first eighth in integers,
// where ten terms of the Taylor series are exact to 1e-19.
func sincos(k, n int) (sin, cos float64) {
	k %= n
	if k < 0 {
		k += n
	}
	switch {
	case 2*k > n:
		s, c := sincos(n-k, n)
		return -s, c
	case 4*k > n: // a quarter turn back
		s, c := eighths(4*k-n, 4*n)
		return c, -s
	}
	return eighths(4*k, 4*n)
}

// eighths are sine and cosine of at most a quarter of a turn.
func eighths(k, n int) (sin, cos float64) {
	if 8*k > n {
		s, c := eighths(n-4*k, 4*n)
		return c, s
	}
	return taylor(float64(2*math.Pi*float64(k)) / float64(n))
}

// taylor are sine and cosine of |x| <= pi/4.
func taylor(x float64) (sin, cos float64) {
	q := float64(x * x)
	s, c := 1.0, 1.0
	for i := 20; i >= 2; i -= 2 {
		s = 1 - float64(q*s)/float64(i*(i+1))
		c = 1 - float64(q*c)/float64(i*(i-1))
	}
	return float64(x * s), c
}

// tan is the tangent of x, 0 <= x < pi/2.
func tan(x float64) float64 {
	if x > math.Pi/4 {
		const rest = 6.123233995736766e-17 // of pi/2
		return 1 / tan((math.Pi/2-x)+rest)
	}
	s, c := taylor(x)
	return s / c
}
