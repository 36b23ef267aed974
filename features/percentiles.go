package features

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// shares are the percentiles that a window has.
var shares = [...]float64{0.05, 0.25, 0.5, 0.75, 0.95}

// percentiles are those of each axis and of the vector magnitude r, between the
// two neighbours in the order of the n samples (Hyndman and Fan 1996, type 7):
//
//	h = (n-1) p    v = s_floor(h) + (h - floor(h)) (s_(floor(h)+1) - s_floor(h))
//
// The neighbours are exact: micro-g, and squares of r, whose roots are taken.
func percentiles(lengths ...time.Duration) []Feature {
	var list []Feature
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		of := "the acceleration along " + name
		if name == "vm" {
			of = "the vector magnitude"
		}
		for i, p := range shares {
			list = append(list, Feature{
				ID: fmt.Sprintf("%s_p%02.0f", name, 100*p), Unit: "g", Windows: lengths, Samples: true,
				Doc:   fmt.Sprintf("%.0fth percentile of %s", 100*p, of),
				Value: func(w *Window) float64 { return w.ordered.percentile(w, signal, i) },
			})
		}
	}
	return list
}

// signals are the axes and the vector magnitude.
const (
	signals = 4
	ofVM    = 3
)

// ordered holds the percentiles of a window, made for a signal when the first of
// them is asked for, and memory for that.
type ordered struct {
	known  [signals]bool
	values [signals][len(shares)]float64
	v, to  []uint64
}

func (o *ordered) percentile(w *Window, signal, i int) float64 {
	if !o.known[signal] {
		o.find(w, signal)
		o.known[signal] = true
	}
	return o.values[signal][i]
}

func (o *ordered) find(w *Window, signal int) {
	s := &w.Samples
	n := len(s.X)
	if n == 0 {
		for i := range shares {
			o.values[signal][i] = math.NaN()
		}
		return
	}
	o.v, o.to = slices.Grow(o.v[:0], n)[:n], slices.Grow(o.to[:0], n)[:n]
	var at [len(shares)]float64
	var ranks [2 * len(shares)]int
	var found [2 * len(shares)]uint64
	for i, p := range shares {
		at[i] = float64(float64(n-1) * p)
		ranks[2*i] = int(at[i])
		ranks[2*i+1] = min(ranks[2*i]+1, n-1)
	}
	var inG func(v uint64) float64
	if signal == ofVM {
		for i := range o.v {
			o.v[i] = square(s.X[i], s.Y[i], s.Z[i])
		}
		least, most := w.vm.least, w.vm.most
		pickFrom(o.v, least, most, o.to, o.v, 0, ranks[:], found[:])
		inG = func(v uint64) float64 { return math.Sqrt(float64(least+v)) / perG }
	} else {
		m := [ofVM]*moments{&w.x, &w.y, &w.z}[signal]
		pickFrom([ofVM][]int32{s.X, s.Y, s.Z}[signal], m.least, m.most, o.to, o.v, 0, ranks[:], found[:])
		inG = func(v uint64) float64 { return float64(int64(m.least)+int64(v)) / perG }
	}
	for i := range shares {
		a, b := inG(found[2*i]), inG(found[2*i+1])
		o.values[signal][i] = between(a, b, at[i]-float64(ranks[2*i]))
	}
}

// between goes from the nearer end, as the field's libraries do.
func between(a, b, t float64) float64 {
	if t < 0.5 {
		return a + float64(t*(b-a))
	}
	return b - float64((1-t)*(b-a))
}
