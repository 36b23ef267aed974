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
	t       int64 // the last sample
	x, y, z int32
	points  [3][chunk]float64
	n       int // of them
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
		x, y, z := s.X[i], s.Y[i], s.Z[i]
		if !c.open {
			c.open = true
			c.k = (t - c.start) * countHz / int64(time.Second)
			for c.at(c.k) < t {
				c.k++
			}
			c.next = c.at(c.k)
			c.t, c.x, c.y, c.z = t-1, x, y, z
		}
		for c.next <= t {
			d, of := c.next-c.t, t-c.t
			c.points[0][c.n], c.points[1][c.n], c.points[2][c.n] = line(c.x, x, d, of), line(c.y, y, d, of), line(c.z, z, d, of)
			c.n++
			c.k++
			c.next = c.at(c.k)
			if c.n == chunk {
				c.count(traces)
			}
		}
		c.t, c.x, c.y, c.z = t, x, y, z
	}
	c.count(traces)
}

// line is the value at d/of from a to b in g, rounded to three decimals: the one
// division is of integers, and right to the nearest milli-g, and to the even one
// between two, wherever samples are at most 0.2 s apart.
func line(a, b int32, d, of int64) float64 {
	const step = perG / 1000
	n := int64(a)*of + (int64(b)-int64(a))*d
	return math.RoundToEven(float64(n)/float64(step*of)) / 1000
}

// count takes the points of the grid.
func (c *counter) count(traces []trace) {
	if c.n == 0 {
		return
	}
	k := c.k - int64(c.n)
	if !c.settled {
		for axis := range c.state {
			for i, rest := range c.rest {
				c.state[axis][i] = float64(rest * c.points[axis][0])
			}
		}
		c.settled = true
		c.part, c.parts = [3]int64{}, -int((3-k%3)%3)
	}
	x, y, z := c.points[0][:c.n], c.points[1][:c.n], c.points[2][:c.n]
	c.n = 0
	filterCounts(&c.state[0], x)
	filterCounts(&c.state[1], y)
	filterCounts(&c.state[2], z)
	for i := range x {
		c.part[0] += clip(x[i])
		c.part[1] += clip(y[i])
		c.part[2] += clip(z[i])
		if c.parts++; c.parts == 0 {
			c.part = [3]int64{} // what was of a tenth that has no beginning
		}
		if c.parts < 3 {
			continue
		}
		const perEpoch = countHz * int64(EpochLength/time.Second)
		if epoch := (k+int64(i))/perEpoch - int64(warmUp/EpochLength); epoch >= 0 && epoch < int64(len(traces)) {
			t := &traces[epoch]
			t.tenths++
			t.counts[0] += c.part[0] / 3
			t.counts[1] += c.part[1] / 3
			t.counts[2] += c.part[2] / 3
		}
		c.part, c.parts = [3]int64{}, 0
	}
}

// filterCounts is step 3, of one axis.
func filterCounts(state *[7]float64, v []float64) {
	b, a := &countsOver, &countsUnder
	s0, s1, s2, s3, s4, s5, s6 := state[0], state[1], state[2], state[3], state[4], state[5], state[6]
	for i, x := range v {
		y := float64(b[0]*x) + s0
		s0 = float64(b[1]*x) + s1 - float64(a[1]*y)
		s1 = float64(b[2]*x) + s2 - float64(a[2]*y)
		s2 = float64(b[3]*x) + s3 - float64(a[3]*y)
		s3 = float64(b[4]*x) + s4 - float64(a[4]*y)
		s4 = float64(b[5]*x) + s5 - float64(a[5]*y)
		s5 = float64(b[6]*x) + s6 - float64(a[6]*y)
		s6 = float64(b[7]*x) - float64(a[7]*y)
		v[i] = y
	}
	*state = [7]float64{s0, s1, s2, s3, s4, s5, s6}
}

// clip brings filtered acceleration to the old unit; less than 4 is none.
func clip(g float64) int64 {
	n := min(int64(math.Abs(float64(g*countsPerG))), 128)
	return n &^ ((n - 4) >> 63)
}
