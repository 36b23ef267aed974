package features

import (
	"math"
	"slices"
)

// smoothers are hfen_c and bfen_c without delay: the filter runs forward and then
// backward over the block and 60 s on both sides, each end of a segment continued
// by its point reflection (Gustafsson's odd extension, three times the filter's
// length). After SKDH, activity metrics HFEN and BFEN. Not comparable with the
// causal ones.
var smoothers = []Feature{
	smoothed("hfen_zp", "norm of the acceleration above 0.2 Hz", func(t *trace) float64 { return t.hfenZP }),
	smoothed("bfen_zp", "norm of the acceleration between 0.2 and 15 Hz", func(t *trace) float64 { return t.bfenZP }),
}

func smoothed(id, doc string, sum func(*trace) float64) Feature {
	return Feature{
		ID: id, Unit: "g", Windows: Lengths, Doc: "mean " + doc + ", filtered without delay",
		Value: func(w *Window) float64 { return ratio(sum(&w.trace), w.trace.smoothN) / perG },
	}
}

// smooth listens for a whole segment.
type smooth struct {
	high, pass cascade
	traces     []trace

	s     Samples // without T
	parts []part
	columns
}

// part is a run of samples of one epoch.
type part struct {
	n, epoch int
	real     bool
}

func (f *smooth) design(rate uint32) {
	hz := float64(rate) / 1000
	f.high = butterworth(band{4, 0.2, 0}, hz)
	f.pass = butterworth(band{4, 0.2, bandLimit(hz)}, hz)
}

func (f *smooth) begin() {
	f.s.X, f.s.Y, f.s.Z, f.parts = f.s.X[:0], f.s.Y[:0], f.s.Z[:0], f.parts[:0]
}

func (f *smooth) take(s Samples, epoch int, real bool) {
	f.s.X, f.s.Y, f.s.Z = append(f.s.X, s.X...), append(f.s.Y, s.Y...), append(f.s.Z, s.Z...)
	f.parts = append(f.parts, part{len(s.X), epoch, real})
}

func (f *smooth) end() {
	f.bothWays(&f.high, func(t *trace) *float64 { return &t.hfenZP })
	f.bothWays(&f.pass, func(t *trace) *float64 { return &t.bfenZP })
	for _, p := range f.parts {
		if p.real && p.epoch >= 0 && p.epoch < len(f.traces) {
			f.traces[p.epoch].smoothN += int64(p.n)
		}
	}
}

// bothWays adds up the norms of the segment, filtered forward and backward.
func (f *smooth) bothWays(c *cascade, sum func(*trace) *float64) {
	n, edge := len(f.s.X), 3*(2*len(c.sections)+1)
	f.x, f.y, f.z = extend(f.x[:0], f.s.X, edge), extend(f.y[:0], f.s.Y, edge), extend(f.z[:0], f.s.Z, edge)
	x, y, z := f.x, f.y, f.z
	if n > edge {
		var state [4]axes3
		for range 2 {
			c.settled(state[:len(c.sections)], x[0], y[0], z[0])
			c.filter(state[:len(c.sections)], &f.columns, &f.columns)
			slices.Reverse(x)
			slices.Reverse(y)
			slices.Reverse(z)
		}
	}
	i := edge
	for _, p := range f.parts {
		if p.real && p.epoch >= 0 && p.epoch < len(f.traces) {
			t := sum(&f.traces[p.epoch])
			for k := i; k < i+p.n; k++ {
				*t += norm(x[k], y[k], z[k])
			}
		}
		i += p.n
	}
}

// extend is v with edge reflected values on both ends; of a segment that is too
// short for them there are none.
func extend(to []float64, v []int32, edge int) []float64 {
	n := len(v)
	to = slices.Grow(to, n+2*edge)[:n+2*edge]
	if n <= edge {
		for i := range to {
			to[i] = math.NaN()
		}
		return to
	}
	for i, a := range v {
		to[edge+i] = float64(a)
	}
	first, last := 2*float64(v[0]), 2*float64(v[n-1])
	for i := 1; i <= edge; i++ {
		to[edge-i] = first - float64(v[i])
		to[edge+n-1+i] = last - float64(v[n-1-i])
	}
	return to
}
