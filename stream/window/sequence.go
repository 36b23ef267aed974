package window

import (
	"cmp"
	"math"
	"slices"

	"github.com/wearstream/wearstream/stream/wire"
)

// Times that no batch has.
const (
	MinTime = int64(math.MinInt64) // nothing yet
	MaxTime = int64(math.MaxInt64) // open
)

// Boot is what is known of one boot of a sensor's recorder. All of it but Given
// is a function of what came, in whatever order.
type Boot struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Lost   uint64    // what is missing below it, the device no longer holds
	Given  uint64    // what is missing below it was given up; everything: all that may still come
	Closed bool      // the boot is known to end at Next, unless more came
	Next   uint64    // one past its last sequence
	Before uint64    // one past the last sequence of the boot before, as this one says; 0: it does not
	Seen   int64     // largest time of its batches, ns
	Had    Intervals // of Got, those of which nothing else is kept
	Got    Intervals `cbor:"-"` // sequences that are here

	changed bool // since the last Commit; Had and Got are its own
}

const everything = uint64(math.MaxUint64)

// end is one past the last sequence of a closed boot.
func (b *Boot) end() uint64 { return max(b.Next, b.Got.Top()) }

// Run is how far the sequences of a sensor reach without a hole, over its boots.
type Run struct {
	_        struct{} `cbor:",toarray"`
	Boot     uint64   // where it stands: boot,
	Seq      uint64   // and the next sequence expected
	Frontier int64    // end of its last batch in this boot, ns; MinTime: there is none
	Ended    bool     // this boot is closed and complete
}

// Wait says since when, in tick time, holes from a name on are known. Zero is
// before the first tick.
type Wait struct {
	_         struct{} `cbor:",toarray"`
	Boot, Seq uint64
	Since     int64
}

// Span is an interval of time (From, To].
type Span struct {
	_        struct{} `cbor:",toarray"`
	From, To int64
}

// Sequence follows the run of one sensor. It starts with the lowest boot that
// was heard of.
type Sequence struct {
	_     struct{} `cbor:",toarray"`
	Run   Run
	Waits []Wait // ascending
	Boots []Boot `cbor:"-"` // ascending; stored by themselves

	behind bool // something came below the run: follow it anew
}

// LastEnd answers the end in event time of the last of the received batches
// [from, to) that has one.
type LastEnd func(boot, from, to uint64) (end int64, ok bool)

func (s *Sequence) find(number uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Boots, number, func(b Boot, n uint64) int { return cmp.Compare(b.Number, n) })
}

// boot is the boot of that number, made where it is new, for a change.
func (s *Sequence) boot(number uint64) *Boot {
	i, found := s.find(number)
	if !found {
		if len(s.Boots) == 0 {
			s.Run = Run{Boot: number, Frontier: MinTime}
		}
		s.behind = s.behind || number < s.Run.Boot
		s.Boots = slices.Insert(s.Boots, i, Boot{Number: number, Seen: MinTime, changed: true})
	}
	b := &s.Boots[i]
	if !b.changed {
		b.Got, b.Had, b.changed = slices.Clone(b.Got), slices.Clone(b.Had), true
	}
	return b
}

// Has reports whether a batch is here.
func (s *Sequence) Has(boot, seq uint64) bool {
	i, ok := s.find(boot)
	return ok && s.Boots[i].Got.Has(seq)
}

// Add takes a batch that is not here yet: its name and what it says of others.
// until is its largest event time, MinTime where it has none; now is tick time.
func (s *Sequence) Add(b *wire.SampleBatch, until, now int64) {
	s.expect(b.Boot, b.Seq, now)
	own := s.boot(b.Boot)
	s.behind = s.behind || b.Boot < s.Run.Boot || b.Boot == s.Run.Boot && b.Seq < s.Run.Seq
	own.Got.Add(b.Seq, b.Seq+1)
	own.Seen = max(own.Seen, until)
	if b.OldestSeqHeld.OK {
		own.Lost = max(own.Lost, min(b.OldestSeqHeld.Value, b.Seq+1)) // it cannot say more than it knows
	}
	if b.PrevBootLastSeq.OK && b.Boot > 0 {
		own.Before = max(own.Before, b.PrevBootLastSeq.Value+1)
	}
	s.link(now)
}

// End takes a device's word that next-1 is the last sequence of a boot.
func (s *Sequence) End(boot, next uint64, now int64) {
	s.expect(boot, next, now)
	s.close(boot, next)
	s.link(now)
}

func (s *Sequence) close(number, next uint64) {
	if b := s.boot(number); !b.Closed || b.Next < next {
		b.Closed, b.Next = true, max(b.Next, next)
		s.behind = s.behind || number < s.Run.Boot
	}
}

// link closes boots by the word of their successors. The lowest boot's word is
// not used: what came before it is not of this log.
func (s *Sequence) link(now int64) {
	for i := 1; i < len(s.Boots); i++ {
		b := &s.Boots[i]
		if b.Before == 0 {
			continue
		}
		number, next := b.Number-1, b.Before
		if j, ok := s.find(number); ok && s.Boots[j].Closed && s.Boots[j].Next >= next {
			continue
		}
		s.expect(number, next, now)
		s.close(number, next)
	}
}

// expect notes that holes below a name are known from now on, where it is the
// highest so far or of a boot that is new.
func (s *Sequence) expect(boot, seq uint64, now int64) {
	from := Wait{Boot: boot, Since: wholeHours(now)}
	if n := len(s.Boots); n > 0 {
		top := &s.Boots[n-1]
		reached := max(top.Got.Top(), top.Next)
		_, known := s.find(boot)
		switch {
		case boot > top.Number, boot == top.Number && seq > reached:
			from.Boot, from.Seq = top.Number, reached
		case known:
			return
		}
	}
	s.wait(from)
}

// wholeHours rounds up, so that a device that loses one batch in two has a wait
// an hour and not one a hole.
func wholeHours(now int64) int64 {
	const hour = int64(3600e9)
	return (now + hour - 1) / hour * hour
}

func (s *Sequence) wait(w Wait) {
	i, found := slices.BinarySearchFunc(s.Waits, w, compareWait)
	if found || i > 0 && s.Waits[i-1].Since == w.Since {
		return
	}
	s.Waits = slices.Insert(slices.Clip(s.Waits), i, w)
}

func compareWait(a, b Wait) int {
	return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Seq, b.Seq))
}

// Advance moves the run as far as it goes and answers the time in which windows
// may have become final by that: their ends lie in it, or, of the boots that it
// left behind or ended, they hold a time in it.
func (s *Sequence) Advance(lastEnd LastEnd, now int64) (opened Span, ok bool) {
	if len(s.Boots) == 0 {
		return Span{}, false
	}
	was := s.Run
	if s.behind {
		s.Run, s.behind = Run{Boot: s.Boots[0].Number, Frontier: MinTime}, false
	}
	for s.step(lastEnd) {
	}
	s.prune(now)
	return s.opened(was)
}

// step moves the run by one interval or into the next boot.
func (s *Sequence) step(lastEnd LastEnd) bool {
	i, _ := s.find(s.Run.Boot)
	b, r := &s.Boots[i], &s.Run
	if to := b.Got.End(r.Seq); to > r.Seq {
		if end, ok := lastEnd(b.Number, r.Seq, to); ok {
			r.Frontier = end
		}
		r.Seq = to
		return true
	}
	if lost := max(b.Lost, b.Given); r.Seq < lost && !(b.Closed && r.Seq >= b.end()) {
		if next, ok := b.Got.Next(r.Seq); ok {
			lost = min(lost, next)
		} else if b.Closed {
			lost = min(lost, b.end())
		}
		r.Seq = lost
		return true
	}
	r.Ended = b.Closed && r.Seq >= b.end() || r.Seq == everything
	if r.Ended && i+1 < len(s.Boots) {
		s.Run = Run{Boot: s.Boots[i+1].Number, Frontier: MinTime}
		return true
	}
	return false
}

// prune forgets the waits that the run has passed, and begins one where it waits
// and none is known.
func (s *Sequence) prune(now int64) {
	if !s.Waiting() {
		s.Waits = nil
		return
	}
	here := Wait{Boot: s.Run.Boot, Seq: s.Run.Seq, Since: wholeHours(now)}
	i, found := slices.BinarySearchFunc(s.Waits, here, compareWait)
	if found {
		i++
	}
	if i == 0 {
		s.wait(here)
		return
	}
	s.Waits = s.Waits[i-1:]
}

func (s *Sequence) opened(was Run) (Span, bool) {
	r := s.Run
	span := Span{From: was.Frontier, To: r.Frontier}
	if r.Boot > was.Boot {
		span.From = MinTime
		for i, _ := s.find(was.Boot); s.Boots[i].Number < r.Boot; i++ {
			span.To = max(span.To, s.Boots[i].Seen)
		}
	}
	ended := r.Ended && (!was.Ended || r.Boot > was.Boot)
	if ended {
		i, _ := s.find(r.Boot)
		span.To = max(span.To, s.Boots[i].Seen)
	}
	return span, r.Boot >= was.Boot && (span.From < span.To || ended && span.To > MinTime)
}

// Final reports whether nothing more is expected in a window whose data is of
// boots up to boot.
func (s *Sequence) Final(k Key, boot uint64) bool {
	r := s.Run
	return boot < r.Boot || boot == r.Boot && (r.Ended || k.End() <= r.Frontier)
}

// Seen is the largest event time that a boot and the later ones have shown.
func (s *Sequence) Seen(boot uint64) int64 {
	seen := MinTime
	for _, b := range slices.Backward(s.Boots) {
		if b.Number < boot {
			break
		}
		seen = max(seen, b.Seen)
	}
	return seen
}

// Waiting reports whether the run stands before a hole: something later is here,
// or is known to have been.
func (s *Sequence) Waiting() bool {
	if len(s.Boots) == 0 || s.Run.Ended {
		return false
	}
	i, _ := s.find(s.Run.Boot)
	b := &s.Boots[i]
	return i+1 < len(s.Boots) || s.Run.Seq < b.Got.Top() || b.Closed && s.Run.Seq < b.end()
}

// Start dates what is known from before the first tick.
func (s *Sequence) Start(now int64) {
	s.Waits = slices.Clone(s.Waits)
	for i := range s.Waits {
		if s.Waits[i].Since == 0 {
			s.Waits[i].Since = now
		}
	}
}

// Due reports whether the hole before which the run stands is known since a
// time or longer.
func (s *Sequence) Due(since int64) bool {
	return len(s.Waits) > 0 && s.Waits[0].Since != 0 && s.Waits[0].Since <= since && s.Waiting()
}

// Assume gives up the hole before which the run stands.
func (s *Sequence) Assume() {
	b := s.boot(s.Run.Boot)
	next, ok := b.Got.Next(s.Run.Seq)
	switch {
	case ok:
		b.Given = max(b.Given, next)
	case b.Closed:
		b.Given = max(b.Given, b.end())
	default:
		b.Given = everything // the unknown tail of a boot that has a successor
	}
}

// Clone is a copy to go back to, taken when nothing has changed since the last
// Commit.
func (s *Sequence) Clone() Sequence {
	c := *s
	c.Boots = slices.Clone(s.Boots)
	return c
}

// Changed yields the boots that changed since the last Commit.
func (s *Sequence) Changed(yield func(*Boot) bool) {
	for i := range s.Boots {
		if s.Boots[i].changed && !yield(&s.Boots[i]) {
			return
		}
	}
}

// Commit makes what changed the state that a Clone is of.
func (s *Sequence) Commit() {
	for i := range s.Boots {
		s.Boots[i].changed = false
	}
}

// Restore puts back a boot as it was stored, boots in ascending order.
func (s *Sequence) Restore(b Boot) {
	b.Got = slices.Clone(b.Had)
	s.Boots = append(s.Boots, b)
}

// Hold puts back the knowledge that the batches [from, to) of a boot are here. Of
// those that are forgotten nothing else will be kept.
func (s *Sequence) Hold(number, from, to uint64, forgotten bool) bool {
	i, ok := s.find(number)
	if !ok {
		return false
	}
	if forgotten {
		b := s.boot(number)
		b.Had.Add(from, to)
		return true
	}
	s.Boots[i].Got.Add(from, to)
	return true
}

// Whole reports whether nothing of the sequences [from, to) of a boot is expected
// any more: each is here, lost, or behind the end of a boot that is complete.
func (s *Sequence) Whole(number, from, to uint64) bool {
	i, ok := s.find(number)
	if !ok {
		return false
	}
	b := &s.Boots[i]
	if number < s.Run.Boot || number == s.Run.Boot && s.Run.Ended {
		to = min(to, b.end())
	}
	for from = max(from, b.Lost, b.Given); from < to; {
		end := b.Got.End(from)
		if end == from {
			return false
		}
		from = end
	}
	return true
}
