package window

import (
	"math"
	"slices"

	"github.com/wearstream/wearstream/stream/wire"
)

// Boot is what is known of one boot of a sensor's recorder.
type Boot struct {
	_        struct{} `cbor:",toarray"`
	Number   uint64
	Got      Intervals // sequences that are here
	Declared Intervals // missing, and the device no longer holds them
	Assumed  Intervals // missing for longer than the device's memory lasts
	Closed   bool      // Next is known to be the end of the boot
	Next     uint64    // one past its last sequence, where Closed
	Before   uint64    // one past the last sequence of the boot before, as this one said; 0: it did not
	Seen     int64     // largest end of a batch of this boot, ns
}

// Loss is a hole in event time, between the batches around lost sequences. To is
// MaxTime while nothing came after it.
type Loss struct {
	_        struct{} `cbor:",toarray"`
	From, To int64
	Assumed  bool
}

// MaxTime stands for "not yet".
const MaxTime = int64(math.MaxInt64)

// Sequence follows the contiguous run of one sensor's sequences over its boots.
// It starts with the lowest boot that the log holds.
type Sequence struct {
	_        struct{} `cbor:",toarray"`
	Boots    []Boot   // ascending
	Boot     uint64   // where the run stands: boot,
	Seq      uint64   // and the next sequence expected
	Frontier int64    // end of the last batch of the run, ns
	Ended    bool     // the boot where the run stands is closed and complete
	Losses   []Loss   // of the last keepLosses
	Since    int64    // tick time since when the run waits for a hole, ns; 0: it does not
}

const keepLosses = 64

// EndOf answers the end in event time of a received batch, and its first sample;
// ok is false for a batch that has no event time (impossible time, no samples).
type EndOf func(boot, seq uint64) (first, end int64, ok bool)

// boot returns the entry of a boot, made where it is new.
func (s *Sequence) boot(number uint64) *Boot {
	i, found := slices.BinarySearchFunc(s.Boots, number, func(b Boot, n uint64) int {
		switch {
		case b.Number < n:
			return -1
		case b.Number > n:
			return 1
		}
		return 0
	})
	if !found {
		b := Boot{Number: number}
		if i < len(s.Boots) && s.Boots[i].Number == number+1 && s.Boots[i].Before > 0 {
			b.Closed, b.Next = true, s.Boots[i].Before
		}
		s.Boots = slices.Insert(s.Boots, i, b)
		if i == 0 {
			// An older boot than any before: the run starts again below it. What was
			// final stays final; only the frontier is told anew.
			s.Boot, s.Seq, s.Frontier, s.Ended = number, 0, 0, false
		}
	}
	return &s.Boots[i]
}

// Seen is the largest event time that a boot has shown.
func (s *Sequence) Seen(boot uint64) int64 {
	for i := range s.Boots {
		if s.Boots[i].Number == boot {
			return s.Boots[i].Seen
		}
	}
	return 0
}

// Has reports whether a batch is here.
func (s *Sequence) Has(boot, seq uint64) bool {
	for i := range s.Boots {
		if s.Boots[i].Number == boot {
			return s.Boots[i].Got.Has(seq)
		}
	}
	return false
}

// Add takes a batch that is not here yet: its name and what it says of others.
// end is the end of the batch in event time, or 0.
func (s *Sequence) Add(b *wire.SampleBatch, end int64) {
	own := s.boot(b.Boot)
	own.Got.Add(b.Seq, b.Seq+1)
	own.Declared.Remove(b.Seq, b.Seq+1)
	own.Assumed.Remove(b.Seq, b.Seq+1)
	own.Seen = max(own.Seen, end)
	if own.Closed && own.Next <= b.Seq { // it was closed too early; the data knows better
		own.Next = b.Seq + 1
	}
	if b.OldestSeqHeld.OK {
		declare(own, b.OldestSeqHeld.Value)
	}
	if b.PrevBootLastSeq.OK && b.Boot > 0 {
		own.Before = b.PrevBootLastSeq.Value + 1
		if s.Boots[0].Number < b.Boot { // else the log holds nothing below, and the run starts here
			s.close(b.Boot-1, own.Before)
		}
	}
}

// declare marks what is missing below oldest as lost. A device cannot declare
// what it has not numbered yet, so an absurd value declares nothing beyond Got.
func declare(b *Boot, oldest uint64) {
	if n := len(b.Got); n > 0 {
		oldest = min(oldest, b.Got[n-1].To)
	}
	for at := b.Got.End(0); at < oldest; at = b.Got.End(at) {
		to, ok := b.Got.Next(at)
		if !ok || to > oldest {
			to = oldest
		}
		b.Declared.Add(at, to)
		at = to
	}
}

// End closes a boot: the device says that next-1 was its last sequence.
func (s *Sequence) End(boot, next uint64) { s.close(boot, next) }

func (s *Sequence) close(number, next uint64) {
	b := s.boot(number)
	if n := len(b.Got); n > 0 {
		next = max(next, b.Got[n-1].To)
	}
	if !b.Closed || next > b.Next {
		b.Closed, b.Next = true, next
		s.Ended = false
	}
}

// Advance moves the run as far as it goes and reports whether it moved.
func (s *Sequence) Advance(endOf EndOf) bool {
	if len(s.Boots) == 0 {
		return false
	}
	boot, seq, ended := s.Boot, s.Seq, s.Ended
	for s.step(endOf) {
	}
	return boot != s.Boot || seq != s.Seq || ended != s.Ended
}

// step moves the run by one interval or into the next boot.
func (s *Sequence) step(endOf EndOf) bool {
	i := slices.IndexFunc(s.Boots, func(b Boot) bool { return b.Number == s.Boot })
	b := &s.Boots[i]
	if to := b.Got.End(s.Seq); to > s.Seq {
		s.reach(b.Number, s.Seq, to, endOf)
		return true
	}
	for _, lost := range []*Intervals{&b.Declared, &b.Assumed} {
		if to := lost.End(s.Seq); to > s.Seq {
			s.lose(lost == &b.Assumed)
			s.Seq = to
			return true
		}
	}
	s.Ended = b.Closed && s.Seq >= b.Next
	if s.Ended && i+1 < len(s.Boots) {
		s.Boot, s.Seq, s.Ended = s.Boots[i+1].Number, 0, false
		return true
	}
	return false
}

// reach moves the run over received batches and the frontier with it.
func (s *Sequence) reach(boot, from, to uint64, endOf EndOf) {
	for seq := from; seq < to; seq++ {
		first, end, ok := endOf(boot, seq)
		if !ok {
			continue
		}
		if n := len(s.Losses); n > 0 && s.Losses[n-1].To == MaxTime {
			s.Losses[n-1].To = max(first, s.Losses[n-1].From)
		}
		s.Frontier = end
	}
	s.Seq = to
}

func (s *Sequence) lose(assumed bool) {
	if n := len(s.Losses); n > 0 && s.Losses[n-1].To == MaxTime {
		s.Losses[n-1].Assumed = s.Losses[n-1].Assumed || assumed
		return
	}
	s.Losses = append(s.Losses, Loss{From: s.Frontier, To: MaxTime, Assumed: assumed})
	if len(s.Losses) > keepLosses {
		s.Losses = slices.Delete(s.Losses, 0, len(s.Losses)-keepLosses)
	}
}

// Waiting reports whether the run stands before a hole: something later is here.
func (s *Sequence) Waiting() bool {
	if len(s.Boots) == 0 || s.Ended {
		return false
	}
	last := &s.Boots[len(s.Boots)-1]
	if last.Number > s.Boot {
		return true
	}
	if _, later := last.Got.Next(s.Seq); later {
		return true
	}
	return last.Closed && s.Seq < last.Next
}

// Assume gives up the hole before which the run stands.
func (s *Sequence) Assume() {
	i := slices.IndexFunc(s.Boots, func(b Boot) bool { return b.Number == s.Boot })
	b := &s.Boots[i]
	if next, ok := b.Got.Next(s.Seq); ok {
		b.Assumed.Add(s.Seq, next)
		return
	}
	if b.Closed {
		b.Assumed.Add(s.Seq, b.Next)
		return
	}
	b.Closed, b.Next = true, s.Seq // the unknown tail of a boot that has a successor
}

// Reason is why the window is final: declared or assumed where a lost hole
// reaches into it, else complete.
func (s *Sequence) Reason(k Key) string {
	reason := wire.FinalComplete
	for _, l := range s.Losses {
		if l.From < k.End() && k.Start < l.To {
			if l.Assumed {
				return wire.FinalAssumed
			}
			reason = wire.FinalDeclared
		}
	}
	return reason
}
