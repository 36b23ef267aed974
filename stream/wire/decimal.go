package wire

import (
	"bytes"
	"math"
)

// decimal is a number that was rounded to an integer.
type decimal struct {
	negative  bool
	magnitude uint64
	exact     bool // nothing was rounded
	fits      bool // the magnitude has 64 bits
}

// maxExponent is beyond what any payload has digits for.
const maxExponent = 1 << 29

// scaled is round_half_even(text·10^shift), from the digits of text, a JSON number.
func scaled(text []byte, shift int) decimal {
	d := decimal{fits: true}
	text, d.negative = bytes.CutPrefix(text, []byte("-"))
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		shift += exponent(text[i+1:])
		text = text[:i]
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	point := len(whole) + shift // how many digits are before it
	var first, rest byte        // what is behind it: the first digit, and whether more follow
	digit := func(at int, c byte) {
		switch c -= '0'; {
		case at < point:
			d.append(c)
		case at == point:
			first = c
		default:
			rest |= c
		}
	}
	for i, c := range whole {
		digit(i, c)
	}
	for i, c := range fraction {
		digit(len(whole)+i, c)
	}
	for i := len(whole) + len(fraction); i < point && d.fits && d.magnitude != 0; i++ {
		d.append(0)
	}
	d.exact = first|rest == 0
	if first > 5 || first == 5 && (rest != 0 || d.magnitude%2 == 1) {
		d.fits = d.fits && d.magnitude < math.MaxUint64
		d.magnitude++
	}
	return d
}

func (d *decimal) append(digit byte) {
	d.fits = d.fits && d.magnitude <= (math.MaxUint64-uint64(digit))/10
	d.magnitude = d.magnitude*10 + uint64(digit)
}

// exponent is what follows the e of a number, bounded by ±maxExponent.
func exponent(text []byte) int {
	e := 0
	for _, c := range text {
		if '0' <= c && c <= '9' {
			e = min(e*10+int(c-'0'), maxExponent)
		}
	}
	if bytes.HasPrefix(text, []byte("-")) {
		return -e
	}
	return e
}

// signed is the number, if it is in -most-1..most.
func (d decimal) signed(most uint64) (int64, bool) {
	if d.negative {
		return -int64(d.magnitude), d.fits && d.magnitude <= most+1
	}
	return int64(d.magnitude), d.fits && d.magnitude <= most
}
