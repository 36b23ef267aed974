package features

import "math/bits"

// int128 is a signed integer in two's complement. Sums and products wrap around;
// the limits of Epoch keep them from doing so.
type int128 struct{ hi, lo uint64 }

func wide(v int64) int128 { return int128{uint64(v >> 63), uint64(v)} }

func (a int128) add(b int128) int128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return int128{hi, lo}
}

func (a int128) sub(b int128) int128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return int128{hi, lo}
}

func (a int128) mul(b int128) int128 {
	hi, lo := bits.Mul64(a.lo, b.lo)
	return int128{hi + a.hi*b.lo + a.lo*b.hi, lo}
}

// float64 rounds to nearest even.
func (a int128) float64() float64 {
	if int64(a.hi) < 0 {
		return -int128{}.sub(a).float64()
	}
	if a.hi == 0 {
		return float64(a.lo)
	}
	shift := bits.Len64(a.hi)
	top := a.hi<<(64-shift) | a.lo>>shift
	if a.lo<<(64-shift) != 0 {
		top |= 1 // sticky: far below the last bit that float64 keeps
	}
	return float64(top) * float64(uint64(1)<<shift)
}
