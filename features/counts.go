package features

import (
	"math"
	"time"
)

// counts are activity counts as ActiGraph defines them, of acceleration brought to
// 30 Hz by linear interpolation (_li), whatever the rate of the device: rounded to
// milli-g, filtered, brought to the device's old unit, bounded, and added up in
// integers ten times a second. counts_li_vm is the root of the sum of the squares of
// the axes' counts of the window.
//
// Neishabouri et al. 2022, doi 10.1038/s41598-022-16003-x, steps 2 to 5.
var counts = []Feature{
	countOf("x", func(t *trace) float64 { return float64(t.counts[0]) }),
	countOf("y", func(t *trace) float64 { return float64(t.counts[1]) }),
	countOf("z", func(t *trace) float64 { return float64(t.counts[2]) }),
	countOf("vm", func(t *trace) float64 {
		sum := int64(0)
		for _, n := range t.counts {
			sum += n * n
		}
		return math.Sqrt(float64(sum))
	}),
}

func countOf(name string, value func(*trace) float64) Feature {
	return Feature{
		ID: "counts_li_" + name, Unit: "1", Windows: []time.Duration{10 * time.Second, time.Minute},
		Doc: "ActiGraph activity counts, " + name + ", from 30 Hz by linear interpolation (Neishabouri 2022)",
		Value: func(w *Window) float64 {
			if w.trace.tenths == 0 {
				return math.NaN()
			}
			return value(&w.trace)
		},
	}
}

// The filter of step 3, a rational function of z^-1.
var (
	countsOver = [8]float64{-0.009341062898525, -0.025470289659360, -0.004235264826105, 0.044152415456420,
		0.036493718347760, -0.011893961934740, -0.022917390623150, -0.006788163862310}
	countsUnder = [8]float64{1, -3.63367395910957, 5.03689812757486, -3.09612247819666,
		0.50620507633883, 0.32421701566682, -0.15685485875559, 0.0194913020589}
)

// countsPerG is one g in steps of the old unit: that of 12 bits over 3 g, to 8 bits
// over 2.6 g, to counts.
const countsPerG = (3.0 / 4096) / (2.6 / 256) * 237.5

// countHz is the rate that counts are defined at.
const countHz = 30

// counter makes counts. Its grid of 30 Hz begins with the warm-up of the block.
type counter struct {
	start int64 // of the grid
	rest  [7]float64

	k       int64 // of the grid, the next to come
	next    int64 // its time
	open    bool
	settled bool
	t       int64    // the last sample
	v       [3]int32 //
	state   [3][7]float64
	part    [3]int64 // of a tenth of a second
	parts   int      // of three in it; below 0: it began before the segment
}

func (c *counter) reset(start int64) {
	*c = counter{start: start - int64(warmUp)}
	over, under := 0.0, 0.0
	for i := range countsOver {
		over += countsOver[i]
		under += countsUnder[i]
	}
	steady := over / under
	sum := 0.0
	for i := 6; i >= 0; i-- {
		sum += countsOver[i+1] - float64(countsUnder[i+1]*steady)
		c.rest[i] = sum
	}
}

func (c *counter) begin() { c.open, c.settled = false, false }

// at is the time of the grid's point k.
func (c *counter) at(k int64) int64 { return c.start + k*int64(time.Second)/countHz }

func (c *counter) take(s Samples, traces []trace) {
	for i, t := range s.T {
		if !c.open {
			c.open = true
			c.k = (t - c.start) * countHz / int64(time.Second)
			for c.at(c.k) < t {
				c.k++
			}
			c.next = c.at(c.k)
			c.t, c.v = t-1, [3]int32{s.X[i], s.Y[i], s.Z[i]}
		}
		for c.next <= t {
			d, of := c.next-c.t, t-c.t
			c.point([3]float64{line(c.v[0], s.X[i], d, of), line(c.v[1], s.Y[i], d, of), line(c.v[2], s.Z[i], d, of)}, traces)
			c.k++
			c.next = c.at(c.k)
		}
		c.t = t
		c.v = [3]int32{s.X[i], s.Y[i], s.Z[i]}
	}
}

// line is the value at d/of from a to b in g, rounded to three decimals: the one
// division is of integers, and right to the nearest milli-g, and to the even one
// between two, wherever samples are at most 0.2 s apart.
func line(a, b int32, d, of int64) float64 {
	const step = perG / 1000
	n := int64(a)*of + (int64(b)-int64(a))*d
	return math.RoundToEven(float64(n)/float64(step*of)) / 1000
}

// point takes a sample of the grid.
func (c *counter) point(g [3]float64, traces []trace) {
	if !c.settled {
		for axis, v := range g {
			for i, rest := range c.rest {
				c.state[axis][i] = float64(rest * v)
			}
		}
		c.settled = true
		c.part, c.parts = [3]int64{}, -int((3-c.k%3)%3)
	}
	for axis, x := range g {
		s := &c.state[axis]
		y := float64(countsOver[0]*x) + s[0]
		for i := 0; i < 6; i++ {
			s[i] = float64(countsOver[i+1]*x) + s[i+1] - float64(countsUnder[i+1]*y)
		}
		s[6] = float64(countsOver[7]*x) - float64(countsUnder[7]*y)
		if n := math.Abs(float64(y * countsPerG)); n >= 4 {
			c.part[axis] += int64(min(n, 128))
		}
	}
	if c.parts++; c.parts == 0 {
		c.part = [3]int64{} // what was of a tenth that has no beginning
	}
	if c.parts < 3 {
		return
	}
	const perEpoch = countHz * int64(EpochLength/time.Second)
	if epoch := c.k/perEpoch - int64(warmUp/EpochLength); epoch >= 0 && epoch < int64(len(traces)) {
		t := &traces[epoch]
		t.tenths++
		for axis, sum := range c.part {
			t.counts[axis] += sum / 3
		}
	}
	c.part, c.parts = [3]int64{}, 0
}
