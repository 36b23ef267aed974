package features

import (
	"math"
	"time"
)

// warmUp is how long before a block its filters begin, at the state that they would
// have if the first sample there had been there always (so at the first sample of
// the recording, or of a segment that begins later). A filter warmed up so long is
// within 1e-12 of one that ran for ever.
const warmUp = time.Minute

// filters are means of the Euclidean norm of filtered acceleration. With HP and LP
// high and low pass of order 4 at 0.2 Hz, and BP band pass of order 4 (on each
// side), 0.2 to 15 Hz, all running forward in time:
//
//	hfen_c     = mean(||HP||)
//	bfen_c     = mean(||BP||)
//	hfenplus_c = mean(max(||HP|| + ||LP|| - 1 g, 0))
//
// van Hees et al. 2013, doi 10.1371/journal.pone.0061691.
var filters = []Feature{
	causalMean("hfen_c", "norm of the acceleration above 0.2 Hz", func(t *trace) float64 { return t.hfen }),
	causalMean("bfen_c", "norm of the acceleration between 0.2 and 15 Hz", func(t *trace) float64 { return t.bfen }),
	causalMean("hfenplus_c", "norm above 0.2 Hz plus norm below it minus 1 g, negative values as zero", func(t *trace) float64 { return t.hfenplus }),
}

func causalMean(id, doc string, sum func(*trace) float64) Feature {
	return Feature{
		ID: id, Unit: "g", Windows: Lengths, Doc: "mean " + doc + ", filtered forward (van Hees 2013)",
		Value: func(w *Window) float64 { return ratio(sum(&w.trace), w.trace.n) / perG },
	}
}

func ratio(sum float64, n int64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// crossings count how often an axis changes its sign between 0.25 and 3 Hz (band
// pass of order 2), where less than 0.01 g is none and none is positive, after
// Sadeh et al. 1989 as in GGIR.
var crossings = []Feature{crossing("x", 0), crossing("y", 1), crossing("z", 2)}

func crossing(name string, axis int) Feature {
	return Feature{
		ID: "zc_" + name, Unit: "1", Windows: Lengths[:1],
		Doc: "zero crossings along " + name + " between 0.25 and 3 Hz, beyond 0.01 g",
		Value: func(w *Window) float64 {
			if w.trace.n == 0 || w.Rate <= 6000 {
				return math.NaN()
			}
			return float64(w.trace.crossings[axis])
		},
	}
}

// stopBand is the filtered acceleration below which there is none, micro-g.
const stopBand = 10_000

// causal listens for everything that runs forward in time.
type causal struct {
	high, low, pass, slow cascade
	counter               counter

	state struct {
		high, low, slow [2]axes3
		pass            [4]axes3
		first           bool    // no sample of the segment was taken
		negative        [3]bool // the last sample of the slow pass
	}
	traces  []trace // of the epochs of the block
	outside trace   // of those around it
	begun   int64   // when the segment did
	in, out [3][chunk]float64
	hp      [chunk]float64 // norms above 0.2 Hz
}

func (c *causal) design(rate uint32) {
	hz := float64(rate) / 1000
	c.high = butterworth(band{4, 0.2, 0}, hz)
	c.low = butterworth(band{4, 0, 0.2}, hz)
	c.pass = butterworth(band{4, 0.2, bandLimit(hz)}, hz)
	c.slow = butterworth(band{2, 0.25, 3}, hz)
}

func (c *causal) begin() {
	c.state.first = true
	c.counter.begin()
}

func (c *causal) end() {}

func (c *causal) take(s Samples, epoch int, real bool) {
	if c.state.first {
		c.begun = s.T[0]
		c.settle(float64(s.X[0]), float64(s.Y[0]), float64(s.Z[0]))
	}
	t := &c.outside
	if epoch >= 0 && epoch < len(c.traces) {
		t = &c.traces[epoch]
	}
	t.warming = t.warming || s.T[0]-c.begun < int64(warmTime)
	n := len(s.X)
	in := columns{c.in[0][:n], c.in[1][:n], c.in[2][:n]}
	out := columns{c.out[0][:n], c.out[1][:n], c.out[2][:n]}
	widen(in.x, s.X)
	widen(in.y, s.Y)
	widen(in.z, s.Z)
	c.high.filter(c.state.high[:], &in, &out)
	hp := c.hp[:n]
	for i := range hp {
		hp[i] = norm(out.x[i], out.y[i], out.z[i])
	}
	c.low.filter(c.state.low[:], &in, &out)
	if real {
		hfen, plus := t.hfen, t.hfenplus
		for i, h := range hp {
			hfen += h
			plus += positive(h + norm(out.x[i], out.y[i], out.z[i]) - perG)
		}
		t.n += int64(n)
		t.hfen, t.hfenplus = hfen, plus
	}
	c.pass.filter(c.state.pass[:len(c.pass.sections)], &in, &out)
	if real {
		bfen := t.bfen
		for i := range out.x {
			bfen += norm(out.x[i], out.y[i], out.z[i])
		}
		t.bfen = bfen
	}
	c.slow.filter(c.state.slow[:len(c.slow.sections)], &in, &out)
	for axis, v := range [3][]float64{out.x, out.y, out.z} {
		t.crossings[axis] += c.cross(axis, v)
	}
	c.state.first = false
	c.counter.take(s, c.traces)
}

// positive is v, or 0 instead of a negative one, without a branch.
func positive(v float64) float64 {
	b := math.Float64bits(v)
	return math.Float64frombits(b &^ uint64(int64(b)>>63))
}

func (c *causal) settle(x, y, z float64) {
	c.high.settled(c.state.high[:], x, y, z)
	c.low.settled(c.state.low[:], x, y, z)
	c.pass.settled(c.state.pass[:len(c.pass.sections)], x, y, z)
	c.slow.settled(c.state.slow[:len(c.slow.sections)], x, y, z)
}

// cross counts the changes of sign, the one from the last part to this included.
func (c *causal) cross(axis int, v []float64) int64 {
	negative := c.state.negative[axis]
	if c.state.first {
		negative = v[0] <= -stopBand
	}
	changes := int64(0)
	for _, a := range v {
		now := a <= -stopBand
		if now != negative {
			changes++
		}
		negative = now
	}
	c.state.negative[axis] = negative
	return changes
}

func widen(to []float64, v []int32) {
	for i, a := range v {
		to[i] = float64(a)
	}
}

func norm(x, y, z float64) float64 {
	return math.Sqrt(float64(x*x) + float64(y*y) + float64(z*z))
}
