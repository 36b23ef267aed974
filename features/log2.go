package features

import "math"

// log2 is the binary logarithm of a positive, normal number, for sums of many:
// within 1e-15 of the number or of one, without a branch. x = 2^k m with m between
// the roots of 1/2 and of 2, and log(m) = 2 (f + f^3/3 + f^5/5 + ...) of
// f = (m-1)/(m+1), whose terms after f^19 are below 1e-17.
func log2(x float64) float64 {
	const root = 0x3fe6a09e667f3bcd // the bits of the root of 1/2
	b := int64(math.Float64bits(x))
	k := (b - root) >> 52
	m := math.Float64frombits(uint64(b - k<<52))
	f := (m - 1) / (m + 1)
	q := float64(f * f)
	p := 1.0 / 19
	p = 1.0/17 + float64(p*q)
	p = 1.0/15 + float64(p*q)
	p = 1.0/13 + float64(p*q)
	p = 1.0/11 + float64(p*q)
	p = 1.0/9 + float64(p*q)
	p = 1.0/7 + float64(p*q)
	p = 1.0/5 + float64(p*q)
	p = 1.0/3 + float64(p*q)
	p = 1 + float64(p*q)
	return float64(k) + float64(float64(f*p)*(2*math.Log2E))
}
