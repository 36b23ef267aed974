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

// add takes values of the samples that are not missing.
func (s *sums) add(values []int32) {
	var sum int64
	var squares uint64
	bits := int32(0) // of all, negative ones as -1-v
	for _, v := range values {
		sum += int64(v)
		squares += uint64(int64(v) * int64(v))
		bits |= v ^ v>>31
	}
	s.n += int64(len(values))
	s.sum += sum
	if bits < 1<<25 && len(values) < 1<<14 { // fits
		s.squares = s.squares.Plus(squares)
		return
	}
	for _, v := range values {
		s.squares = s.squares.Plus(uint64(int64(v) * int64(v)))
	}
}

// variance is (n S2 - S1^2) / (n (n-1)), micro-g squared, from 128-bit integers.
func (s *sums) variance() float64 {
	sum := int128.Of(s.sum)
	return int128.Of(s.n).Mul(s.squares).Sub(sum.Mul(sum)).Float64() / float64(s.n*(s.n-1))
}

// samples takes those of a run that are not missing.
func (p *partial) samples(x, y, z []int32) {
	for len(x) > 0 {
		n := 0
		for n < len(x) && x[n]|y[n]|z[n] != 0 {
			n++
		}
		p.axes[0].add(x[:n])
		p.axes[1].add(y[:n])
		p.axes[2].add(z[:n])
		n = min(n+1, len(x))
		x, y, z = x[n:], y[n:], z[n:]
	}
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
	at := func(start int64) *partial {
		p := a.open[start]
		if p == nil {
			p = new(partial)
			a.open[start] = p
		}
		return p
	}
	for i := 0; i < len(s.T); {
		start := epochStart(s.T[i])
		j := i + 1
		for j < len(s.T) && start <= s.T[j] && s.T[j] < start+int64(Length) {
			j++
		}
		at(start).samples(s.X[i:j], s.Y[i:j], s.Z[i:j])
		i = j
	}
	for i, t := range r.T {
		p := at(epochStart(t))
		p.readings++
		p.milliC += int64(r.MilliC[i])
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
