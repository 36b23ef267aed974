package recording

import (
	"math"
	"slices"
)

// common are the rates that devices are sold with, mHz.
var common = []uint32{
	1_000, 5_000, 8_000, 10_000, 12_500, 16_000, 20_000, 25_000, 26_000, 30_000, 31_250, 32_000, 40_000, 50_000, 52_000,
	60_000, 62_500, 64_000, 66_700, 75_000, 80_000, 85_700, 90_000, 100_000, 104_000, 120_000, 125_000, 128_000,
	150_000, 200_000, 208_000, 250_000, 256_000, 400_000, 416_000, 500_000, 512_000, 800_000, 1_000_000,
}

// nominal is the rate that a device was set to, told from the mean distance of rows
// between which none is missing: the nearest common rate within 2.5 %, else the rate
// itself. unit is the last digit of their times.
func nominal(spacings []int64, unit int64) uint32 {
	mean := spacing(spacings, unit)
	if mean <= 0 {
		return 0
	}
	rate := 1e12 / mean
	best := math.Round(rate/100) * 100
	off := 0.025
	for _, c := range common {
		if d := math.Abs(rate/float64(c) - 1); d < off {
			best, off = float64(c), d
		}
	}
	return uint32(min(best, math.MaxUint32))
}

// spacing is the mean distance of consecutive samples, 0 where it cannot be told.
func spacing(spacings []int64, unit int64) float64 {
	median := middle(spacings)
	if median == 0 {
		return 0
	}
	rough, _ := mean(spacings, around(float64(median), float64(unit)))
	in := around(rough, float64(unit)-0.5) // less than a unit off: more is a gap
	fine, n := mean(spacings, in)
	if median > unit {
		return fine
	}
	// Either a row comes each unit, but for duplicates and gaps, or the digits are
	// coarser than the rows: then they come evenly, or many are off.
	steady := 0
	for _, d := range spacings {
		if d == unit {
			steady++
		}
	}
	coarse := float64(n-steady) > 0.15*float64(n) || n >= 256 && even(spacings, in, fine, unit)
	switch {
	case !coarse:
		return float64(unit)
	case fine < float64(unit) && fine*float64(n) < 100*float64(unit):
		return 0 // too short to tell it to 1 %
	}
	return fine
}

// middle is the median of the distances above 0: of duplicates, and of digits
// coarser than the rows, are others.
func middle(spacings []int64) int64 {
	list := slices.Clone(spacings)
	slices.Sort(list)
	first, _ := slices.BinarySearch(list, 1)
	if list = list[first:]; len(list) == 0 {
		return 0
	}
	return list[len(list)/2]
}

// around is a test for distances of at most half of d, or unit, from d.
func around(d, unit float64) func(int64) bool {
	off := max(unit, d/2)
	return func(v int64) bool { return v >= 0 && math.Abs(float64(v)-d) <= off }
}

// mean is that of the n distances that are in.
func mean(spacings []int64, in func(int64) bool) (d float64, n int) {
	var sum int64
	for _, v := range spacings {
		if in(v) {
			sum += v
			n++
		}
	}
	return float64(sum) / float64(max(n, 1)), n
}

// even reports whether rows a mean distance apart, with times of whole units, would
// have these distances, in all stretches of such that are in.
func even(spacings []int64, in func(int64) bool, mean float64, unit int64) bool {
	var off, low, high float64
	for _, v := range spacings {
		if !in(v) {
			off, low, high = 0, 0, 0
			continue
		}
		off += float64(v) - mean
		low, high = min(low, off), max(high, off)
		if high-low > 2*float64(unit) {
			return false
		}
	}
	return true
}

// evener spreads the rows of a text whose digits are too coarse to place a sample:
// as long as none is missing they are a sample apart, and within a digit of their
// times.
type evener struct {
	rate  uint32
	unit  int64  // last digit, ns
	start int64  // of the run
	last  int64  // as written
	n     uint64 // rows of the run
}

// at is the time of the next row, which is written as t.
func (e *evener) at(t int64) int64 {
	each, d := gridNS(1, e.rate), t-e.last
	e.last = t
	if e.n == 0 || max(d-each, each-d) >= e.unit {
		e.start, e.n = t, 1 // a gap, a duplicate, or the clock was set
		return t
	}
	at := e.start + gridNS(e.n, e.rate)
	e.n++
	if off := min(max(at, t-e.unit), t+e.unit); off != at {
		e.start, e.n, at = off, 1, off
	}
	return at
}
