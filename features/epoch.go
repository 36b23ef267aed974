package features

import (
	"slices"
	"time"
)

// EpochLength is that of the intervals that NewEpoch takes.
const EpochLength = 5 * time.Second

// Lengths are the window lengths of the product, shortest first. Each is a whole
// number of epochs.
var Lengths = []time.Duration{EpochLength, time.Minute, 15 * time.Minute}

// Samples are columns of one sensor in event-time order with distinct times:
// nanoseconds since 1970 and micro-g. All columns have the same length.
type Samples struct {
	T       []int64
	X, Y, Z []int32
}

// Readings are the temperature readings of one sensor in event-time order:
// nanoseconds since 1970 and milli-degrees Celsius.
type Readings struct {
	T      []int64
	MilliC []int32
}

// Epoch holds the mergeable accumulators of an interval: one epoch, or the
// ordered combination of several that together span at most 15 minutes. The zero
// value is an interval without samples and readings.
type Epoch struct {
	x, y, z moments
	vm      magnitude
	jerk    jerk
	temp    temperature
	raised  raised
}

// NewEpoch accumulates one epoch of 5 s that begins at start, given the configured rate
// in millihertz. Both inputs may be empty. Of an epoch of less than LeastCoverage the
// samples count in longer windows, but not the epoch: what is a mean or a share of epochs
// leaves it out.
func NewEpoch(start int64, s Samples, r Readings, rate uint32) Epoch {
	var memory [512]float64 // enough to 102 Hz
	e, _ := newEpoch(start, s, r, rate, memory[:])
	return e
}

// newEpoch answers the vector magnitudes of the samples, too, in the memory given if
// that is enough.
func newEpoch(start int64, s Samples, r Readings, rate uint32, memory []float64) (Epoch, []float64) {
	n := len(s.X)
	vm := slices.Grow(memory[:0], n)[:n]
	e := Epoch{
		x:    newMoments(s.X),
		y:    newMoments(s.Y),
		z:    newMoments(s.Z),
		vm:   newMagnitude(s, vm),
		temp: newTemperature(r),
	}
	if covered(start, s.T, rate) {
		e.raised = newRaised(e.x.sum, e.y.sum, e.z.sum)
	} else {
		e.vm.mads, e.vm.epochs = 0, 0
	}
	e.jerk = newJerk(s, rate, max(e.x.span(), e.y.span(), e.z.span()))
	return e, vm
}

// LeastCoverage is the share of an interval that is to be covered for it to have features
// (definitions, section 3).
const LeastCoverage = 0.5

// Reach is the longest time, ns, that a sample stands for at a configured rate in
// millihertz: 1.5 spacings. Samples further apart have a gap between them.
func Reach(rate uint32) int64 { return 1_500_000_000_000 / int64(rate) }

// covered reports whether enough of an epoch is: each sample covers the time from the one
// before, and the last that to the end, at most its reach.
func covered(start int64, t []int64, rate uint32) bool {
	if len(t) == 0 {
		return false
	}
	const least = int64(LeastCoverage * float64(EpochLength))
	most, last, sum := Reach(rate), start, int64(0)
	for _, t := range t {
		if sum += min(t-last, most); sum >= least {
			return true
		}
		last = t
	}
	return sum+min(start+int64(EpochLength)-last, most) >= least
}

// Merge extends e by next, which lies later in event time. The order matters for
// the float64 parts only.
func (e *Epoch) Merge(next *Epoch) {
	e.x.merge(&next.x)
	e.y.merge(&next.y)
	e.z.merge(&next.z)
	e.vm.merge(&next.vm)
	e.jerk.merge(&next.jerk)
	e.temp.merge(&next.temp)
	e.raised.merge(&next.raised)
}

// N is the number of samples.
func (e *Epoch) N() int { return int(e.x.n) }
