package features

import (
	"slices"
	"sort"
	"time"
)

// BlockLength is the interval whose windows a Block computes. It is a whole number
// of windows of every length.
const BlockLength = 15 * time.Minute

// warmTime is how long a window after the begin of a segment is flagged.
const warmTime = 10 * time.Second

// Result is one window of a block, valid until the next one.
type Result struct {
	Start  int64 // of the window
	Window *Window
	Warmup bool      // of a set with filters: a segment began in the window or less than 10 s before
	Values []float64 // of the set's features
}

// Block computes the windows of any set in one block of event time after the other.
// A window is a function of the samples and readings from Set.Lead before the block
// to Set.Trail after the window or, of a set that filters without delay, the block; of
// nothing else, so it does not matter in how many steps they come. Not for
// concurrent use.
type Block struct {
	set     *Set
	rate    uint32
	traces  []trace // of the epochs
	lengths []time.Duration
	windows []Window // by length
	values  []float64
	roots   []float64 // vector magnitudes of an epoch's samples
	result  Result

	start int64
	epoch int // the next whose windows are due
	first int // index of its first sample
	read  int // index of its first reading

	causal                causal
	smooth                smooth
	posture               posture
	forward, both, around stretch
}

// NewBlock is for sensors of a configured rate in millihertz.
func NewBlock(set *Set, rate uint32) *Block {
	b := &Block{set: set, rate: rate, values: make([]float64, len(set.Features))}
	for i := range set.Features {
		b.lengths = append(b.lengths, set.Features[i].Windows...)
	}
	slices.Sort(b.lengths)
	b.lengths = slices.Compact(b.lengths)
	b.windows = make([]Window, len(b.lengths))
	b.result.Values = b.values
	b.traces = make([]trace, BlockLength/EpochLength)
	if set.looks&forward != 0 {
		b.causal.design(rate)
		b.causal.traces = b.traces
	}
	if set.looks&bothWays != 0 {
		b.smooth.design(rate)
		b.smooth.traces = b.traces
	}
	if set.looks&around != 0 {
		b.posture.design(rate)
	}
	return b
}

// Begin starts with the block at start.
func (b *Block) Begin(start int64) {
	b.begin(start, 0, 0)
	b.posture.reset(start)
	b.around.reset(start, b.rate)
}

// Next goes on to the following block, of the same samples and readings: what is
// given to Extend still begins with them. It spares what both blocks look at.
func (b *Block) Next() {
	b.begin(b.start+int64(BlockLength), b.first, b.read)
	b.posture.next(b.start)
	b.around.start = b.start
}

func (b *Block) begin(start int64, first, read int) {
	b.start, b.epoch, b.first, b.read = start, 0, first, read
	clear(b.traces)
	b.causal.counter.reset(start)
	b.forward.reset(start, b.rate)
	b.both.reset(start, b.rate)
	b.both.ends = true
}

// Extend takes the samples and readings of Set.Lead before the block to Set.Trail
// after it (more does not matter) as far as they are known: all before until. What
// was given before comes first in them, unchanged. It yields the windows that are
// due and hold samples, by end and length.
func (b *Block) Extend(s Samples, r Readings, until int64, yield func(*Result)) {
	end := b.start + int64(BlockLength)
	if b.set.looks&forward != 0 {
		b.forward.feed(s, b.start-int64(warmUp), end+int64(resetGap), until, &b.causal)
	}
	if b.set.looks&bothWays != 0 {
		b.both.feed(s, b.start-int64(smoothPad), end+int64(smoothPad), until, &b.smooth)
	}
	if b.set.looks&around != 0 {
		b.around.feed(s, b.start-int64(postureLead), end+int64(postureLead), until, &b.posture)
	}
	for b.epoch < len(b.traces) {
		due := b.start + int64(b.epoch+1)*int64(EpochLength)
		if b.set.looks&bothWays != 0 {
			due = end
		}
		if until-int64(b.set.Trail) < due {
			return
		}
		b.close(s, r, yield)
		b.epoch++
	}
}

// close makes the windows that end with the epoch.
func (b *Block) close(s Samples, r Readings, yield func(*Result)) {
	from := b.start + int64(b.epoch)*int64(EpochLength)
	to := from + int64(EpochLength)
	i, j := within(s.T, b.first, from, to)
	k, l := within(r.T, b.read, from, to)
	b.first, b.read = j, l
	t := &b.traces[b.epoch]
	part := s.part(i, j)
	e, roots := newEpoch(from, part, Readings{r.T[k:l], r.MilliC[k:l]}, b.rate, b.roots)
	b.roots = roots
	if i < j {
		b.look(t, &e, part)
	}
	for n, length := range b.lengths {
		w := &b.windows[n]
		per := int(length / EpochLength)
		if b.epoch%per == 0 {
			w.Reset(length, b.rate)
			w.from, w.start = i, from
		}
		w.Merge(&e)
		w.trace.merge(t)
		if length == time.Minute {
			w.roots = append(w.roots, roots...)
		}
		if (b.epoch+1)%per == 0 && w.Epoch.N() > 0 {
			w.Samples = s.part(w.from, j)
			b.set.Values(w, b.values)
			b.result.Start, b.result.Window, b.result.Warmup = to-int64(length), w, w.trace.warming
			yield(&b.result)
		}
	}
}

// look completes the trace of an epoch.
func (b *Block) look(t *trace, e *Epoch, s Samples) {
	if b.set.looks&forward != 0 {
		t.tilt = newTilt(s, b.roots)
		t.inactive(e)
	}
	if b.set.looks&around != 0 {
		a := &b.posture.angles[b.epoch+postureEpochs]
		t.still, t.stillN = a.sum, a.n
		t.sustained = b.posture.sustained(b.epoch)
	}
}

// within is the range of times in [from, to), from index i on.
func within(t []int64, i int, from, to int64) (int, int) {
	i += sort.Search(len(t)-i, func(k int) bool { return t[i+k] >= from })
	return i, i + sort.Search(len(t)-i, func(k int) bool { return t[i+k] >= to })
}

func (s Samples) part(i, j int) Samples { return Samples{s.T[i:j], s.X[i:j], s.Y[i:j], s.Z[i:j]} }
