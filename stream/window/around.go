package window

import (
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// Summed is a window and its sum.
type Summed struct {
	Key
	Sum
}

// Around makes rows of a set that looks beyond its windows, those of 15 min of event
// time at once. They are a function of what Needs says. Not for concurrent use.
//
// Filters are made for one configured rate: that of the first batch by name with a
// sample in the block, and 2 % around it for devices that say only what they measure.
// Where it was changed in between, features of windows with samples of another rate are
// NULL, and such samples count for nothing in the others.
type Around struct {
	set    *features.Set
	form   *Rows
	merger Merger
	blocks map[uint32]*features.Block // by rate
	own    []*wire.SampleBatch
}

// NewAround makes rows by a set, with these columns.
func NewAround(set *features.Set, columns []string) *Around {
	return &Around{set: set, form: NewRows(set, columns), blocks: map[uint32]*features.Block{}}
}

// maxRates bounds the rates for which filters are kept.
const maxRates = 8

// Rows yields the rows and the values, if there are any, of the windows of the block at start, given their sums in order
// and the batches, by name, that hold a time from set.Lead before it to set.Trail after.
func (a *Around) Rows(start int64, sums []Summed, batches []*wire.SampleBatch, yield func(s *Summed, values []float64, row *wire.WindowRow)) {
	if len(sums) == 0 {
		return
	}
	rate := rateIn(Key{Start: start, Length: features.BlockLength}, batches)
	foreign := func(b *wire.SampleBatch) bool { return b.N > 0 && !alike(b.Nominal(), rate) }
	own, mixed := batches, slices.ContainsFunc(batches, foreign)
	if mixed {
		a.own = slices.DeleteFunc(append(a.own[:0], batches...), foreign)
		own = a.own
	}
	put := func(s *Summed, values []float64, warmup bool) {
		row := a.form.RowOf(s.Key, &s.Sum, values)
		if warmup {
			row.Flags |= wire.FlagWarmup
		}
		yield(s, values, row)
	}
	all := Key{Start: start - int64(a.set.Lead), Length: a.set.Lead + features.BlockLength + a.set.Trail}
	c := a.merger.Merge(all, own)
	b := a.block(rate)
	b.Begin(start)
	b.Extend(c.Samples, c.Readings, all.End(), func(r *features.Result) {
		k := Key{Start: r.Start, Length: r.Window.Length}
		if !slices.Contains(features.Lengths, k.Length) {
			return // for comparisons with others
		}
		for ; sums[0].Compare(k) < 0; sums = sums[1:] {
			put(&sums[0], nil, false)
		}
		values := r.Values
		if mixed && slices.ContainsFunc(batches, func(b *wire.SampleBatch) bool { return foreign(b) && holdsSample(k, b) }) {
			values = nil
		}
		put(&sums[0], values, r.Warmup)
		sums = sums[1:]
	})
	for i := range sums {
		put(&sums[i], nil, false)
	}
}

func (a *Around) block(rate uint32) *features.Block {
	b := a.blocks[rate]
	if b == nil {
		if len(a.blocks) == maxRates {
			clear(a.blocks)
		}
		b = features.NewBlock(a.set, rate)
		a.blocks[rate] = b
	}
	return b
}

// rateIn is the configured rate of the first batch by name that has a sample in a
// window.
func rateIn(k Key, batches []*wire.SampleBatch) uint32 {
	for _, b := range batches {
		if holdsSample(k, b) {
			return b.Nominal()
		}
	}
	return 0
}

// alike reports whether two rates are the same but for a drift.
func alike(a, b uint32) bool { return 50*max(int64(a)-int64(b), int64(b)-int64(a)) <= int64(b) }

// Windows yields the windows of the block of 15 min at start that hold samples, by end
// and length, with the batches that may hold a time of it; until the next one. batches
// are ordered by name. Sums are those that Sum makes of each; samples are merged once for
// all windows of a minute.
func (s *Summer) Windows(start int64, batches []*wire.SampleBatch, yield func(*Summed, []*wire.SampleBatch)) {
	var begun Begun
	block := s.block.reset(batches)
	for at := start; at < start+int64(features.BlockLength); {
		minute := Key{Length: time.Minute, Start: at}
		here := s.here.of(block, minute)
		s.minute.Merge(minute, here.batches)
		for at < minute.End() {
			at += int64(features.EpochLength)
			for _, length := range features.Lengths {
				if (at-start)%int64(length) != 0 {
					break
				}
				k := Key{Length: length, Start: at - int64(length)}
				own, content := here, s.minute.Within
				if length > time.Minute {
					own, content = block, s.merger.Merge
				}
				if own = s.own.of(own, k); len(own.batches) == 0 {
					continue
				}
				if sum := s.sum(k, own.batches, &begun, content); sum.N > 0 { // else a gap and not a window
					yield(&Summed{k, sum}, own.batches)
				}
			}
		}
	}
}

// spanned are batches and the times that they hold.
type spanned struct {
	batches []*wire.SampleBatch
	spans   []Span
}

func (s *spanned) reset(batches []*wire.SampleBatch) *spanned {
	s.batches, s.spans = append(s.batches[:0], batches...), s.spans[:0]
	for _, b := range batches {
		s.spans = append(s.spans, SpanOf(b))
	}
	return s
}

// of is those of all that may hold a time of a window.
func (s *spanned) of(all *spanned, k Key) *spanned {
	s.batches, s.spans = s.batches[:0], s.spans[:0]
	for i, span := range all.spans {
		if span.From < k.End() && k.Start <= span.To {
			s.batches, s.spans = append(s.batches, all.batches[i]), append(s.spans, span)
		}
	}
	return s
}

// SpanOf is the first and the last time of a batch's samples and readings; From > To:
// it has none.
func SpanOf(b *wire.SampleBatch) Span {
	s := Span{From: MaxTime, To: MinTime}
	if b.N > 0 {
		s.From, s.To = b.SampleTime(0), b.End()-1
	}
	if n := len(b.TempMdegC); n > 0 {
		s.From, s.To = min(s.From, b.ReadingTime(0)), max(s.To, b.ReadingTime(n-1))
	}
	return s
}
