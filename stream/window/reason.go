package window

import (
	"slices"

	"github.com/wearstream/wearstream/stream/wire"
)

// Reason is why a window is final, given its batches by name: assumed or declared
// where a lost hole reaches into it, end where the last boot in it ended before
// it did, else complete. timed reports whether a batch that is here has a place
// in event time.
func (s *Sequence) Reason(k Key, batches []*wire.SampleBatch, timed func(boot, seq uint64) bool) string {
	reason, ended := wire.FinalComplete, true
	for len(batches) > 0 {
		n := 1
		for n < len(batches) && batches[n].Boot == batches[0].Boot {
			n++
		}
		i, ok := s.find(batches[0].Boot)
		if !ok {
			break
		}
		switch s.Boots[i].lost(k, batches[:n], timed) {
		case wire.FinalAssumed:
			return wire.FinalAssumed
		case wire.FinalDeclared:
			reason = wire.FinalDeclared
		}
		ended = s.Boots[i].Seen < k.End()
		batches = batches[n:]
	}
	if reason == wire.FinalComplete && ended {
		return wire.FinalEnd
	}
	return reason
}

// lost is the reason that the holes of one boot give, "" for none.
func (b *Boot) lost(k Key, batches []*wire.SampleBatch, timed func(boot, seq uint64) bool) (reason string) {
	look := func(from, to uint64) { // the sequences [from, to)
		for seq := b.Got.End(from); seq < to; seq = b.Got.End(seq) {
			next, ok := b.Got.Next(seq)
			if !ok || next > to {
				next = to
			}
			switch {
			case max(seq, b.Lost) < min(next, b.Given):
				reason = wire.FinalAssumed
			case seq < b.Lost && reason == "":
				reason = wire.FinalDeclared
			}
			seq = next
		}
	}
	batches = slices.DeleteFunc(slices.Clone(batches), func(s *wire.SampleBatch) bool { return s.N == 0 })
	if len(batches) == 0 {
		return ""
	}
	first, last := batches[0], batches[len(batches)-1]
	look(first.Seq, last.Seq)
	if first.SampleTime(0) > k.Start { // a hole before the first reaches into the window
		from := first.Seq
		for from > 0 && b.Got.Has(from-1) && !timed(b.Number, from-1) {
			from--
		}
		if from > 0 && !b.Got.Has(from-1) {
			look(from-1, from)
		}
	}
	if last.End() < k.End() {
		to := last.Seq + 1
		for b.Got.Has(to) && !timed(b.Number, to) {
			to++
		}
		if !b.Got.Has(to) && !(b.Closed && to >= b.end()) {
			look(to, to+1)
		}
	}
	return reason
}
