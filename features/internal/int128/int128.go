// Package int128 is signed integers of 128 bits, for sums of squares of micro-g that
// int64 does not hold. They are exact, so any order gives the same.
package int128

import "math/bits"

// Int is in two's complement. Sums and products wrap around; the limits of whoever
// adds keep them from doing so.
type Int struct{ Hi, Lo uint64 }

// Of is v.
func Of(v int64) Int { return Int{uint64(v >> 63), uint64(v)} }

// Plus adds what is not negative, such as the square of a micro-g.
func (a Int) Plus(v uint64) Int {
	lo, carry := bits.Add64(a.Lo, v, 0)
	return Int{a.Hi + carry, lo}
}

// Add is a + b.
func (a Int) Add(b Int) Int {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(a.Hi, b.Hi, carry)
	return Int{hi, lo}
}

// Sub is a - b.
func (a Int) Sub(b Int) Int {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(a.Hi, b.Hi, borrow)
	return Int{hi, lo}
}

// Mul is a b.
func (a Int) Mul(b Int) Int {
	hi, lo := bits.Mul64(a.Lo, b.Lo)
	return Int{hi + a.Hi*b.Lo + a.Lo*b.Hi, lo}
}

// Float64 rounds to nearest even.
func (a Int) Float64() float64 {
	if int64(a.Hi) < 0 {
		return -Int{}.Sub(a).Float64()
	}
	if a.Hi == 0 {
		return float64(a.Lo)
	}
	shift := bits.Len64(a.Hi)
	top := a.Hi<<(64-shift) | a.Lo>>shift
	if a.Lo<<(64-shift) != 0 {
		top |= 1 // sticky: far below the last bit that float64 keeps
	}
	return float64(top) * float64(uint64(1)<<shift)
}

// Less reports whether a < b.
func (a Int) Less(b Int) bool {
	return int64(a.Hi) < int64(b.Hi) || a.Hi == b.Hi && a.Lo < b.Lo
}
