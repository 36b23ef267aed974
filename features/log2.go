package features

import "math"

// log2 is the binary logarithm of a positive, normal number, for sums of many:
// within 1e-15 of the number or of one, without a branch and without a division.
// x = 2^k m with m from 0.75 to 1.51, in 64 equal steps of its bits; c being about the
// middle of m's step, and f = m/c - 1, at most 1/128,
//
//	log2(x) = k + log2(c) + (f - f^2/2 + f^3/3 - ...)/log(2)
//
// whose terms after f^7 are below 1e-17.
func log2(x float64) float64 {
	b := int64(math.Float64bits(x)) - log2Low
	c := &log2Table[uint64(b)>>46&63]
	k := b >> 52
	f := float64(math.Float64frombits(uint64(b-k<<52+log2Low))*c.inverse) - 1
	p := 1.0 / 7
	p = 1.0/6 - float64(p*f)
	p = 1.0/5 - float64(p*f)
	p = 1.0/4 - float64(p*f)
	p = 1.0/3 - float64(p*f)
	p = 1.0/2 - float64(p*f)
	p = 1 - float64(p*f)
	return float64(k) + (c.log2 + float64(float64(f*p)*math.Log2E))
}

// log2Low are the bits of the least m: one is about in the middle of step 31.
const log2Low = 0x3ff0000000000000 - 63<<45

var log2Table = func() (list [64]struct{ inverse, log2 float64 }) {
	for j := range list {
		c := math.Float64frombits(uint64(log2Low + j<<46 + 1<<45))
		if j == 31 {
			c = 1
		}
		// log(c) = 2 (f + f^3/3 + f^5/5 + ...) of f = (c-1)/(c+1), about the inverse as it is.
		inverse := 1 / c
		f := (1 - inverse) / (1 + inverse)
		q, sum := float64(f*f), 0.0
		for n := 31; n > 0; n -= 2 {
			sum = 1/float64(n) + float64(sum*q)
		}
		list[j].inverse, list[j].log2 = inverse, float64(float64(f*sum)*(2*math.Log2E))
	}
	return list
}()
