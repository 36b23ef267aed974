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
	known  [signals]bool
	values [signals]spectral
	plan   *fourier
	grid   Samples
	re, im []float64
	power  []float64
}

// of makes two signals at a time, as the real and the imaginary part of one.
func (c *spectra) of(w *Window, signal int) *spectral {
	if !c.known[signal] {
		a := signal &^ 1
		c.known[a], c.known[a+1] = true, true
		c.make(w, a)
	}
	return &c.values[signal]
}

func (c *spectra) make(w *Window, a int) {
	rate := int64(w.Rate)
	n := int((rate*int64(w.Length/time.Millisecond) + 500_000) / 1_000_000)
	s, whole := c.onGrid(w, n)
	if !whole || n < 2 {
		none := math.NaN()
		for i := range 2 {
			v := &c.values[a+i]
			*v = spectral{total: none, peak: none, share: none, entropy: none}
			for k := range v.bands {
				v.bands[k] = none
			}
		}
		return
	}
	if c.plan == nil || c.plan.n != n {
		c.plan = newFourier(n)
		c.re, c.im, c.power = make([]float64, n), make([]float64, n), make([]float64, n/2+1)
	}
	if a == 0 {
		center(c.re, s.X)
		center(c.im, s.Y)
	} else {
		center(c.re, s.Z)
		sum := 0.0
		for i := range c.im {
			c.im[i] = math.Sqrt(float64(square(s.X[i], s.Y[i], s.Z[i])))
			sum += c.im[i]
		}
		mean := sum / float64(n)
		for i, v := range c.im {
			c.im[i] = v - mean
		}
	}
	c.plan.transform(c.re, c.im)
	for i := range 2 {
		c.density(i, float64(rate)/1000)
		c.values[a+i] = c.summary(rate)
	}
}

// center is v without its mean.
func center(to []float64, v []int32) {
	sum := int64(0)
	for _, a := range v {
		sum += int64(a)
	}
	mean := float64(sum) / float64(len(v))
	for i, a := range v {
		to[i] = float64(a) - mean
	}
}

// onGrid are n samples of the window, one spacing apart.
func (c *spectra) onGrid(w *Window, n int) (s Samples, whole bool) {
	s = w.Samples
	rate := int64(w.Rate)
	near := 1_500_000_000_000 / rate
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

// density is that of the signal that was the real (0) or the imaginary (1) part.
func (c *spectra) density(part int, hz float64) {
	n := len(c.re)
	scale := 1 / float64(float64(hz*float64(n))*(perG*perG)) // to g
	for k := range c.power {
		m := (n - k) % n
		re, im := (c.re[k]+c.re[m])/2, (c.im[k]-c.im[m])/2
		if part == 1 {
			re, im = (c.im[k]+c.im[m])/2, (c.re[m]-c.re[k])/2
		}
		p := float64((float64(re*re) + float64(im*im)) * scale)
		if 2*k != n && k > 0 {
			p *= 2
		}
		c.power[k] = p
	}
}

// summary is about the density; the first k of a band is that of its lower edge.
func (c *spectra) summary(rate int64) (v spectral) {
	n := int64(len(c.re))
	var at [len(edges)]int
	for i, e := range edges {
		at[i] = int((e*100*n + rate - 1) / rate)
	}
	df := float64(rate) / 1000 / float64(n)
	for i := range v.bands {
		sum := 0.0
		for k := at[i]; k < min(at[i+1], len(c.power)); k++ {
			sum += c.power[k]
		}
		v.bands[i] = float64(sum * df)
		if 2*edges[i+1]*100 > rate {
			v.bands[i] = math.NaN()
		}
	}
	from, to := at[0], min(at[len(at)-1], len(c.power))
	none := math.NaN()
	sum, top, peak := 0.0, 0.0, 0
	for k := from; k < to; k++ {
		sum += c.power[k]
		if c.power[k] > top {
			top, peak = c.power[k], k
		}
	}
	v.total = float64(sum * df)
	if sum < leastPower || to-from < 2 {
		v.peak, v.share, v.entropy = none, none, none
		return v
	}
	v.peak, v.share = float64(float64(peak)*df), top/sum
	entropy := 0.0
	for _, p := range c.power[from:to] {
		if p /= sum; p > leastPower {
			entropy -= float64(p * log2(p))
		}
	}
	v.entropy = entropy / log2(float64(to-from))
	return v
}

// leastPower is zero: what rounding leaves of a signal without power.
const leastPower = 1e-24
