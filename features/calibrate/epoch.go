package calibrate

import (
	"math"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/internal/int128"
)

// Still is an epoch in which the device did not move.
type Still struct {
	Start       int64      // ns since 1970
	Mean        [3]float64 // g
	Temperature float64    // mean, degC; NaN: no reading
}

// Error is how far the magnitude of its mean is from 1 g.
func (s *Still) Error() float64 { return math.Abs(norm(s.Mean) - 1) }

// partial accumulates the samples and readings of an epoch, or of any part of
// it: integers, so parts merge in any order.
type partial struct {
	axes     [3]sums
	readings int64
	milliC   int64
}

// sums of an axis in micro-g.
type sums struct {
	n, sum  int64
	squares int128.Int
}

func (s *sums) add(v int32) {
	s.n++
	s.sum += int64(v)
	s.squares = s.squares.Plus(uint64(int64(v) * int64(v)))
}

// variance is (n S2 - S1^2) / (n (n-1)), micro-g squared, from 128-bit integers.
func (s *sums) variance() float64 {
	sum := int128.Of(s.sum)
	return int128.Of(s.n).Mul(s.squares).Sub(sum.Mul(sum)).Float64() / float64(s.n*(s.n-1))
}

func (p *partial) sample(x, y, z int32) {
	p.axes[0].add(x)
	p.axes[1].add(y)
	p.axes[2].add(z)
}

// still says whether the epoch counts as one.
func (p *partial) still(start int64, expected float64, params *Parameters) (Still, bool) {
	n := p.axes[0].n
	if n < 2 || float64(n) < float64(params.MinSamples*expected) {
		return Still{}, false
	}
	s := Still{Start: start, Temperature: math.NaN()}
	const perG, perDegree = 1_000_000, 1000
	for k := range p.axes {
		a := &p.axes[k]
		s.Mean[k] = float64(a.sum) / float64(n*perG)
		if !(math.Sqrt(a.variance())/perG < params.StillSD) || !(math.Abs(s.Mean[k]) < params.StillMean) {
			return Still{}, false
		}
	}
	if p.readings > 0 {
		s.Temperature = float64(p.milliC) / float64(p.readings*perDegree)
	}
	return s, true
}

// Assembler makes still epochs from the samples of one sensor, as its batches
// come, and holds some 120 bytes for each that is not sealed. Each sample must come
// once.
type Assembler struct {
	params Parameters
	rate   uint32 // configured, millihertz
	open   map[int64]*partial
}

// NewAssembler takes the configured rate in millihertz.
func NewAssembler(params Parameters, rate uint32) *Assembler {
	return &Assembler{params: params, rate: rate, open: make(map[int64]*partial)}
}

// Add takes samples and readings, in any order of batches. A sample of exactly
// nothing on all axes is missing.
func (a *Assembler) Add(s features.Samples, r features.Readings) {
	var p *partial
	var start int64
	at := func(t int64) *partial {
		if p == nil || t < start || t >= start+int64(Length) {
			start = epochStart(t)
			if p = a.open[start]; p == nil {
				p = new(partial)
				a.open[start] = p
			}
		}
		return p
	}
	for i, t := range s.T {
		if s.X[i] != 0 || s.Y[i] != 0 || s.Z[i] != 0 {
			at(t).sample(s.X[i], s.Y[i], s.Z[i])
		}
	}
	for i, t := range r.T {
		q := at(t)
		q.readings++
		q.milliC += int64(r.MilliC[i])
	}
}

func epochStart(t int64) int64 {
	rest := t % int64(Length)
	if rest < 0 {
		rest += int64(Length)
	}
	return t - rest
}

// Seal yields the still epochs that end at or before a time that nothing comes
// before any more, in order, and forgets them and those that were not still.
func (a *Assembler) Seal(until int64) []Still {
	var out []Still
	expected := float64(a.rate) / 1000 * Length.Seconds()
	for start, p := range a.open {
		if start+int64(Length) > until {
			continue
		}
		if s, ok := p.still(start, expected, &a.params); ok {
			out = append(out, s)
		}
		delete(a.open, start)
	}
	sortByStart(out)
	return out
}
