package features

import (
	"fmt"
	"math"
	"time"
)

// spectrum are features of the power spectral density of a minute of a signal v
// without its mean, rectangular window, one-sided:
//
//	P_k = |X_k|^2 / (rate n), twice that but for k = 0 and k = n/2    f_k = k rate/n
//
// p_a_b is the power from a to below b Hz, sum(P) rate/n. Over all of 0.3 to 12 Hz
// (or what of it is below half the rate): p_total, the frequency of the largest P,
// its share of the sum, and the entropy -sum(p log2 p) / log2(number of k) of P
// over its sum. No power has none of the three.
//
// A minute has round(60 rate) samples; others are brought there by linear
// interpolation, unless a gap of more than 0.25 s is among them.
var spectrum = func() (list []Feature) {
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		f := func(id, unit, doc string, value func(*spectral) float64) {
			list = append(list, Feature{
				ID: name + "_" + id, Unit: unit, Windows: []time.Duration{time.Minute}, Samples: true,
				Doc:   doc + " of " + signalName(name),
				Value: func(w *Window) float64 { return value(w.spectra.of(w, signal)) },
			})
		}
		for i := range len(edges) - 1 {
			a, b := float64(edges[i])/10, float64(edges[i+1])/10
			f(bandID(i), "g2", fmt.Sprintf("power from %g to %g Hz", a, b), func(s *spectral) float64 { return s.bands[i] })
		}
		f("p_total", "g2", "power from 0.3 to 12 Hz", func(s *spectral) float64 { return s.total })
		f("dom_freq", "Hz", "frequency of the largest power from 0.3 to 12 Hz", func(s *spectral) float64 { return s.peak })
		f("dom_frac", "1", "share of the largest in the power from 0.3 to 12 Hz", func(s *spectral) float64 { return s.share })
		f("spec_entropy", "1", "entropy of the power from 0.3 to 12 Hz", func(s *spectral) float64 { return s.entropy })
	}
	return list
}()

// edges of the bands, in tenths of Hz.
var edges = [...]int64{3, 8, 30, 70, 120}

func bandID(i int) string {
	name := [...]string{"03", "08", "3", "7", "12"}
	return "p_" + name[i] + "_" + name[i+1]
}

type spectral struct {
	bands                       [len(edges) - 1]float64
	total, peak, share, entropy float64
}

// spectra holds those of a window, made when the first is asked for, and memory.
type spectra struct {
	known  bool
	values [signals]spectral
	plan   *fourier
	grid   Samples
	re, im []float64
}

func (c *spectra) of(w *Window, signal int) *spectral {
	if !c.known {
		c.known = true
		c.make(w)
	}
	return &c.values[signal]
}

func (c *spectra) make(w *Window) {
	rate := int64(w.Rate)
	n := int((rate*int64(w.Length/time.Millisecond) + 500_000) / 1_000_000)
	s, whole := c.onGrid(w, n)
	if !whole || n < 2 {
		none := math.NaN()
		for i := range c.values {
			v := &c.values[i]
			*v = spectral{total: none, peak: none, share: none, entropy: none}
			for k := range v.bands {
				v.bands[k] = none
			}
		}
		return
	}
	if c.plan == nil || c.plan.n != n {
		c.plan = newFourier(n)
		c.re, c.im = make([]float64, n), make([]float64, n)
	}
	var x, y, z int64 // sums
	asIs := &s.X[0] == &w.Samples.X[0]
	if asIs {
		x, y, z = w.x.sum, w.y.sum, w.z.sum
	} else {
		x, y, z = total(s.X), total(s.Y), total(s.Z)
	}
	center(c.re, s.X, x)
	center(c.im, s.Y, y)
	c.two(0, rate)
	center(c.re, s.Z, z)
	if asIs {
		copy(c.im, w.magnitudes())
	} else {
		roots(c.im, s)
	}
	sum := 0.0
	for _, v := range c.im {
		sum += v
	}
	mean := sum / float64(n)
	for i, v := range c.im {
		c.im[i] = v - mean
	}
	c.two(2, rate)
}

// two makes signals a and a+1, the real and the imaginary part of one.
func (c *spectra) two(a int, rate int64) {
	c.plan.transform(c.re, c.im)
	for i := range 2 {
		c.values[a+i] = c.summary(i, rate)
	}
}

func total(v []int32) (sum int64) {
	for _, a := range v {
		sum += int64(a)
	}
	return sum
}

// center is v, of a sum, without its mean.
func center(to []float64, v []int32, sum int64) {
	mean := float64(sum) / float64(len(v))
	for i, a := range v {
		to[i] = float64(a) - mean
	}
}

// onGrid are n samples of the window, one spacing apart.
func (c *spectra) onGrid(w *Window, n int) (s Samples, whole bool) {
	s = w.Samples
	rate := int64(w.Rate)
	near := Reach(w.Rate)
	far := max(near, int64(resetGap))
	most := int64(0)
	last := w.start
	for _, t := range s.T {
		most = max(most, t-last)
		last = t
	}
	most = max(most, w.start+int64(w.Length)-last)
	if len(s.T) == n && most <= near {
		return s, true
	}
	if len(s.T) == 0 || most > far {
		return s, false
	}
	g := &c.grid
	g.X, g.Y, g.Z = g.X[:0], g.Y[:0], g.Z[:0]
	j := 0 // the first sample after the point
	for i := range n {
		t := w.start + int64(i)*1_000_000_000_000/rate
		for j < len(s.T) && s.T[j] <= t {
			j++
		}
		a, b := max(j-1, 0), min(j, len(s.T)-1)
		d, of := t-s.T[a], s.T[b]-s.T[a]
		if of == 0 {
			d, of = 0, 1
		}
		line := func(v []int32) int32 { return v[a] + int32((int64(v[b])-int64(v[a]))*d/of) }
		g.X, g.Y, g.Z = append(g.X, line(s.X)), append(g.Y, line(s.Y)), append(g.Z, line(s.Z))
	}
	return *g, true
}

// summary is that of the signal that was the real (0) or the imaginary (1) part. The
// first k of a band is that of its lower edge. The entropy is that of P, not of p:
// -sum(p log2 p) = log2(sum(P)) - sum(P log2 P)/sum(P).
func (c *spectra) summary(part int, rate int64) (v spectral) {
	n := int64(len(c.re))
	hz := float64(rate) / 1000
	df := hz / float64(n)
	scale := 1 / float64(float64(hz*float64(2*n))*(perG*perG)) // to g, of the double of X
	first := func(edge int64) int { return int(min((edge*100*n+rate-1)/rate, n/2+1)) }
	from := first(edges[0])
	k, all, weighted, top, peak := from, 0.0, 0.0, 0.0, 0
	for i := range v.bands {
		sum := 0.0
		for to := first(edges[i+1]); k < to; k++ {
			m := int(n) - k
			re, im := c.re[k]+c.re[m], c.im[k]-c.im[m]
			if part == 1 {
				re, im = c.im[k]+c.im[m], c.re[m]-c.re[k]
			}
			p := float64((float64(re*re) + float64(im*im)) * scale)
			if k == m {
				p /= 2
			}
			sum += p
			weighted += float64(p * log2(p)) // of 0 a finite number, times 0
			if p > top {
				top, peak = p, k
			}
		}
		all += sum
		v.bands[i] = float64(sum * df)
		if 2*edges[i+1]*100 > rate {
			v.bands[i] = math.NaN()
		}
	}
	v.total = float64(all * df)
	if all < leastPower || k-from < 2 {
		v.peak, v.share, v.entropy = math.NaN(), math.NaN(), math.NaN()
		return v
	}
	v.peak, v.share = float64(float64(peak)*df), top/all
	v.entropy = (log2(all) - weighted/all) / log2(float64(k-from))
	return v
}

// leastPower is zero: what rounding leaves of a signal without power.
const leastPower = 1e-24
