// Package elementary has functions whose last bit package math leaves to the
// processor (assembly on some, fused multiply-add on others). Here every product
// is rounded by an explicit float64(), so the bytes are the same everywhere.
package elementary

import "math"

// Log is the natural logarithm, within two units in the last place. With
// x = 2^k m and sqrt(1/2) <= m < sqrt(2),
//
//	log(x) = k log(2) + 2 (f + f^3/3 + f^5/5 + ...)    f = (m-1)/(m+1)
//
// where |f| < 0.172 and what follows f^23 is below 1e-19 of the sum.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, k := math.Frexp(x) // exact
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	d := m - 1 // exact
	f := d / (m + 1)
	q := float64(f * f)
	p := 2.0 / 23
	p = 2.0/21 + float64(p*q)
	p = 2.0/19 + float64(p*q)
	p = 2.0/17 + float64(p*q)
	p = 2.0/15 + float64(p*q)
	p = 2.0/13 + float64(p*q)
	p = 2.0/11 + float64(p*q)
	p = 2.0/9 + float64(p*q)
	p = 2.0/7 + float64(p*q)
	p = 2.0/5 + float64(p*q)
	p = 2.0/3 + float64(p*q)
	// 2f = d - f d, so that the great part of the sum is exact.
	tail := float64(float64(q*f)*p) - float64(f*d)
	return float64(float64(k)*ln2High) + (d + (tail + float64(float64(k)*ln2Low)))
}

// Twenty bits of the high part are zero: its product with an exponent is exact.
const (
	ln2High = 0x1.62e42fefp-1
	ln2Low  = 0x1.473de6af278edp-34
)
