package features

import (
	"math"
	"time"
)

// postures are the angle of the forearm's axis z above the horizontal plane, from
// the acceleration without its movement,
//
//	anglez_rm = mean(atan(m_z / sqrt(m_x^2 + m_y^2))) 180/pi
//
// with m the rolling median of 5 s of each axis, and what follows from it: sib is 1
// in a sustained inactivity bout, where the angle stays within 5 degrees from one
// epoch to the next for more than 5 min.
//
// van Hees et al. 2015, doi 10.1371/journal.pone.0142533. The median is that of
// every floor(rate/10)-th sample (as GGIR takes it; counted from the start of each
// 15 min), 51 of them, around the sample; the first and last 25 of a segment have
// that of their neighbour.
//
// A bout begins and ends with a change of posture. No change within 5 min before, or
// after, is enough to say that the epoch is in one; an epoch without an angle before
// either is not a change. GGIR, which has the whole recording, looks for the changes
// themselves: with it, what is still from the first sample on, or to the last, is no bout;
// here, which also runs while the recording does, it is one but for the first and the last
// 5 min.
var postures = []Feature{
	{ID: "anglez_rm", Unit: "deg", Windows: Lengths[:1],
		Doc: "mean angle of the rolling median of 5 s above the plane across axis z (van Hees 2015)",
		Value: func(w *Window) float64 {
			return degrees(ratio(w.trace.still, w.trace.stillN))
		}},
	{ID: "sib", Unit: "1", Windows: Lengths[:1],
		Doc:   "1 in a sustained inactivity bout: anglez_rm within 5 degrees for more than 5 min (van Hees 2015)",
		Value: func(w *Window) float64 { return w.trace.sustained }},
}

const (
	boutEpochs  = int(5 * time.Minute / EpochLength)
	postureTurn = 5 // degrees
	// postureLead is what a bout needs before and after, and one epoch more, since
	// the angle of the last one is not whole.
	postureLead   = time.Duration(postureEpochs) * EpochLength
	postureEpochs = boutEpochs + 2
)

func degrees(radians float64) float64 { return float64(radians*180) / math.Pi }

// posture listens for the angle of the rolling median.
type posture struct {
	start, rate, step int64
	width             int // samples in a median, odd

	angles [int(BlockLength/EpochLength) + 2*postureEpochs]struct {
		sum float64
		n   int64
	}
	until  int64      // the next sample is at or after that
	picked int        // samples of the segment
	axes   [3]rolling // the last ones
	slots  []slot     // the samples around each
	slot   *slot      // of the last one
	turn   int        // where the next one goes in all of these
	angle  float64    // the last one
}

// slot counts the samples that one picked sample stands for: those in an epoch and
// those in the next.
type slot struct {
	epoch int
	n     [2]int64
}

func (p *posture) design(rate uint32) {
	p.rate, p.step = int64(rate), max(int64(rate)/10_000, 1)
	hz := 10.0
	if p.step == 1 {
		hz = float64(rate) / 1000
	}
	p.width = int(math.RoundToEven(5*hz)) | 1
	p.slots = make([]slot, p.width)
	for axis := range p.axes {
		p.axes[axis].last, p.axes[axis].sorted = make([]int32, p.width), make([]int32, p.width)
	}
}

func (p *posture) reset(start int64) {
	p.start = start
	clear(p.angles[:])
}

// next moves what is known to where the block that follows has it.
func (p *posture) next(start int64) {
	const epochs = int(BlockLength / EpochLength)
	p.start = start
	n := copy(p.angles[:], p.angles[epochs:])
	clear(p.angles[n:])
	for i := range p.slots {
		p.slots[i].epoch -= epochs
	}
}

func (p *posture) begin() { p.picked, p.turn, p.until = 0, 0, math.MinInt64 }

func (p *posture) take(s Samples, epoch int, real bool) {
	for i := 0; i < len(s.T); {
		if t := s.T[i]; t >= p.until {
			p.pick(s.X[i], s.Y[i], s.Z[i])
			p.until = p.end5(t)
		}
		first := i
		for i++; i < len(s.T) && s.T[i] < p.until; i++ {
		}
		if !real {
			continue
		}
		sl := p.slot
		if sl.n[0] == 0 {
			sl.epoch = epoch
		}
		sl.n[epoch-sl.epoch] += int64(i - first)
	}
}

// end5 is where the run of step samples ends that t lies in, on the nominal grid
// from the start of its 15 min.
func (p *posture) end5(t int64) int64 {
	const milli = 1_000_000_000_000 // nanoseconds times millihertz of one sample
	d := (t - p.start) % int64(BlockLength)
	if d < 0 {
		d += int64(BlockLength)
	}
	run := (d*p.rate + milli/2) / (p.step * milli)
	end := ((run+1)*p.step*milli - milli/2 + p.rate - 1) / p.rate
	return t - d + min(end, int64(BlockLength))
}

func (p *posture) pick(x, y, z int32) {
	i := p.turn
	a, b, c := &p.axes[0], &p.axes[1], &p.axes[2]
	if p.picked < p.width {
		a.last[i], b.last[i], c.last[i] = x, y, z
	} else { // all places first: in put, much may be foreseen wrongly
		a0, a1 := a.places(i, x)
		b0, b1 := b.places(i, y)
		c0, c1 := c.places(i, z)
		a.put(i, x, a0, a1)
		b.put(i, y, b0, b1)
		c.put(i, z, c0, c1)
	}
	p.slot = &p.slots[i]
	*p.slot = slot{}
	p.picked++
	if p.turn++; p.turn == p.width {
		p.turn = 0
	}
	if p.picked < p.width {
		return
	}
	middle, first := p.width/2, p.picked-1-p.width/2
	if p.picked == p.width {
		first = 0
		for axis := range p.axes {
			p.axes[axis].begin()
		}
	}
	mx, my, mz := float64(a.median), float64(b.median), float64(c.median)
	across := float64(mx*mx) + float64(my*my)
	p.angle = math.Copysign(above(math.Abs(mz), math.Sqrt(across), 1/math.Sqrt(across+float64(mz*mz))), mz)
	p.spend(first, p.picked-middle)
}

// spend gives the picked samples from i to j the angle.
func (p *posture) spend(i, j int) {
	for ; i < j; i++ {
		s := &p.slots[i%p.width]
		for k, n := range s.n {
			if at := s.epoch + k + postureEpochs; n > 0 && at >= 0 && at < len(p.angles) {
				p.angles[at].sum += float64(float64(n) * p.angle)
				p.angles[at].n += n
			}
		}
	}
}

func (p *posture) end() {
	if p.picked >= p.width {
		p.spend(p.picked-p.width/2, p.picked)
	}
}

// at is the angle of an epoch in degrees, or NaN.
func (p *posture) at(epoch int) float64 {
	a := &p.angles[epoch+postureEpochs]
	return degrees(ratio(a.sum, a.n))
}

// sustained is 1 if an epoch is in a sustained inactivity bout.
func (p *posture) sustained(epoch int) float64 {
	if math.IsNaN(p.at(epoch)) {
		return math.NaN()
	}
	before, known := p.change(epoch, -1)
	after, follows := p.change(epoch, 1)
	bout := known && follows && before+after > boutEpochs
	if p.turns(epoch) == turn { // the last epoch of one, or the first of another
		bout = known && before > boutEpochs || follows && after > boutEpochs
	}
	if bout {
		return 1
	}
	return 0
}

// change is how many epochs away the next change of posture is in a direction, more
// than boutEpochs if there is none in that many; unknown where an angle is missing.
func (p *posture) change(epoch, direction int) (distance int, known bool) {
	for d := 1; d <= boutEpochs; d++ {
		switch p.turns(epoch + d*direction) {
		case turn:
			return d, true
		case unknown:
			return 0, false
		}
	}
	return boutEpochs + 1, true
}

type turning int

const (
	same turning = iota
	turn
	unknown
)

// turns says whether the posture changes from an epoch to the next.
func (p *posture) turns(epoch int) turning {
	switch d := p.at(epoch+1) - p.at(epoch); {
	case d != d:
		return unknown
	case math.Abs(d) > postureTurn:
		return turn
	}
	return same
}
