package features

import (
	"cmp"
	"math"
	"slices"
)

// band says which frequencies a Butterworth filter lets through.
type band struct {
	order     int     // even; of a band pass, that of each of its sides
	low, high float64 // Hz; low 0: a low pass, high 0: a high pass
}

// cascade is a filter in second-order sections
//
//	H(z) = gain prod_k (1 + b_k z^-1 + z^-2) / (1 + a1_k z^-1 + a2_k z^-2)
//
// with all zeros at z = 1 or z = -1, so b is -2 or 2; the gain is applied to the
// input. A cascade without sections is no filter.
type cascade struct {
	gain     float64
	sections []section
}

type section struct {
	b, a1, a2 float64
	rest      [2]float64 // the state that a constant input of 1 to the cascade ends in
}

// butterworth designs a filter for a sampling rate in Hz: the poles of Butterworth
// (1930) on the left half of the circle, moved to the band, and by the bilinear
// transform s = 4 (z-1)/(z+1), whose frequencies are bent by the tangent, to z.
// Sections are in order of the distance of their poles from the unit circle, the
// nearest last. There is no filter for a band that is not below half the rate.
func butterworth(w band, rate float64) cascade {
	if 2*max(w.low, w.high) >= rate || w.high != 0 && w.low >= w.high {
		return cascade{}
	}
	low, high := float64(4*tan(math.Pi*w.low/rate)), float64(4*tan(math.Pi*w.high/rate))
	poles := make([]pole, 0, w.order)
	gain := 1.0
	zeros := -1.0 // of a section, the same for both; of a band pass, by its pole
	for m := 1; m < w.order; m += 2 {
		sin, cos := sincos(m, 4*w.order)
		p := pole{-cos, sin}
		switch {
		case w.low == 0:
			poles = append(poles, p.times(high))
			gain *= float64(high * high)
		case w.high == 0:
			poles = append(poles, p.times(low))
			gain *= 16
			zeros = 1
		default:
			p = p.times((high - low) / 2)
			root := p.squared().plus(pole{-float64(low * high), 0}).root()
			poles = append(poles, p.plus(root), p.plus(root.times(-1)))
			gain *= float64(float64(high-low) * float64(high-low) * 16)
		}
	}
	c := cascade{sections: make([]section, len(poles))}
	for i, p := range poles {
		far := float64((4-p.re)*(4-p.re)) + float64(p.im*p.im)
		gain /= far
		c.sections[i] = section{
			b:  -2 * zeros,
			a1: -2 * (16 - float64(p.re*p.re) - float64(p.im*p.im)) / far,
			a2: (float64((4+p.re)*(4+p.re)) + float64(p.im*p.im)) / far,
		}
	}
	c.gain = gain
	slices.SortFunc(c.sections, func(a, b section) int { return cmp.Compare(a.a2, b.a2) })
	if w.low > 0 && w.high > 0 {
		c.pair()
	}
	c.settle()
	return c
}

// pair gives the sections of a band pass their zeros, half of which are at 1 and
// half at -1, the last section first: each takes those nearest to its poles.
func (c *cascade) pair() {
	left := map[float64]int{-2: len(c.sections) / 2, 2: len(c.sections) / 2}
	for i := len(c.sections) - 1; i >= 0; i-- {
		s := &c.sections[i]
		s.b = 2
		if s.a1 < 0 { // the poles are on the side of 1
			s.b = -2
		}
		if left[s.b] == 0 {
			s.b = -s.b
		}
		left[s.b]--
	}
}

// settle fills in what a section's two sums are while the input of the cascade is
// 1, and always was.
func (c *cascade) settle() {
	in := 1.0
	gain := c.gain
	for i := range c.sections {
		s := &c.sections[i]
		b1, b2 := float64(s.b*gain)-float64(s.a1*gain), gain-float64(s.a2*gain)
		first := (b1 + b2) / (1 + s.a1 + s.a2)
		second := float64((1+s.a1)*first) - b1
		s.rest = [2]float64{float64(in * first), float64(in * second)}
		in = float64(in * (float64((2+s.b)*gain) / (1 + s.a1 + s.a2)))
		gain = 1
	}
}

// pole is a complex number whose products are rounded.
type pole struct{ re, im float64 }

func (p pole) plus(q pole) pole      { return pole{p.re + q.re, p.im + q.im} }
func (p pole) times(by float64) pole { return pole{float64(p.re * by), float64(p.im * by)} }
func (p pole) squared() pole {
	return pole{float64(p.re*p.re) - float64(p.im*p.im), 2 * float64(p.re*p.im)}
}

// root is the square root of positive real part.
func (p pole) root() pole {
	size := math.Sqrt(float64(p.re*p.re) + float64(p.im*p.im))
	if p.re >= 0 {
		re := math.Sqrt((size + p.re) / 2)
		return pole{re, p.im / (2 * re)}
	}
	im := math.Copysign(math.Sqrt((size-p.re)/2), p.im)
	return pole{p.im / (2 * im), im}
}

// bandLimit is the upper end of the band pass for a sampling rate: 15 Hz, or less
// where that is not below half the rate (as GGIR does).
func bandLimit(rate float64) float64 {
	if rate > 30 {
		return 15
	}
	if high := math.RoundToEven(rate/2) - 1; high > 0 {
		return high
	}
	return -1 // no band
}
