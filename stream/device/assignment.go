package device

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// assign takes an assignment record. Windows that were handed out and say
// otherwise are handed out again; the same word again changes nothing.
func (o *operator) assign(ctx context.Context, r stream.Record, out stream.Output) error {
	a, err := wire.DecodeAssignment(r.Value)
	if err != nil {
		o.quarantine(r, wire.ReasonParse, out)
		return nil
	}
	s := o.sensor(string(r.Key))
	own := assignment{
		Study: a.Study, Participant: a.Participant, Side: a.Side,
		From: nanos(a.From, math.MinInt64), To: nanos(a.To, window.MaxTime),
	}
	was := overlay(&s.head.Assignments, own)
	until := s.handedUntil()
	for _, old := range was {
		// Nothing was handed out behind until, so it needs no other word.
		if old.To = min(old.To, until); old.From < old.To && !old.says(own) {
			s.toRestate(old)
		}
	}
	left := atOnce
	return o.goOn(ctx, s, &left, out)
}

// nanos is a time as ns since 1970, or what stands for none; bounds beyond what that can
// say are the last that it can.
func nanos(t time.Time, none int64) int64 {
	switch {
	case t.IsZero():
		return none
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, window.MaxTime)):
		return window.MaxTime
	}
	return t.UnixNano()
}

func (a assignment) says(b assignment) bool {
	return a.Study == b.Study && a.Participant == b.Participant && a.Side == b.Side
}

// ofSame reports whether both are the same participant's.
func (a assignment) ofSame(b assignment) bool {
	return a.Study == b.Study && a.Participant == b.Participant
}

// at is what a list of disjoint assignments says of a time.
func at(list []assignment, t int64) assignment {
	for _, a := range list {
		if a.From <= t && t < a.To {
			return a
		}
	}
	return assignment{}
}

// overlay puts a over a list of disjoint, ascending assignments, and answers what
// lay below it, gaps as assignments of nobody.
func overlay(list *[]assignment, a assignment) (below []assignment) {
	var over []assignment
	next := a.From
	for _, old := range *list {
		if left := old; left.From < a.From {
			left.To = min(old.To, a.From)
			over = append(over, left)
		}
		if right := old; a.To < right.To {
			right.From = max(old.From, a.To)
			over = append(over, right)
		}
		old.From, old.To = max(old.From, a.From), min(old.To, a.To)
		if old.From >= old.To {
			continue
		}
		if next < old.From {
			below = append(below, assignment{From: next, To: old.From})
		}
		below = append(below, old)
		next = old.To
	}
	if next < a.To {
		below = append(below, assignment{From: next, To: a.To})
	}
	over = append(over, a)
	slices.SortFunc(over, func(a, b assignment) int { return cmp.Compare(a.From, b.From) })
	*list = over[:1]
	for _, a := range over[1:] {
		if last := &(*list)[len(*list)-1]; last.To == a.From && last.says(a) {
			last.To = a.To
		} else {
			*list = append(*list, a)
		}
	}
	return below
}

// toRestate notes that the windows in an interval say what is no longer so. Where
// that is known already, they say what they said then.
func (s *sensor) toRestate(old assignment) {
	rest := []assignment{old}
	for _, q := range s.head.Restated {
		var left []assignment
		for _, r := range rest {
			if before := r; before.From < q.From {
				before.To = min(r.To, q.From)
				left = append(left, before)
			}
			if after := r; q.To < after.To {
				after.From = max(r.From, q.To)
				left = append(left, after)
			}
		}
		rest = left
	}
	s.head.Restated = append(s.head.Restated, rest...)
}

// handedUntil is behind the start of every window that was handed out.
func (s *sensor) handedUntil() int64 {
	until := window.MinTime
	for i := range s.ledger.Rows() {
		until = max(until, s.ledger.Rows()[i].last().Start+1)
	}
	for i := range s.quarters.Rows() {
		until = max(until, s.quarters.Rows()[i].last().End())
	}
	for _, w := range s.words {
		for i := range w.Rows() {
			until = max(until, w.Rows()[i].last().End())
		}
	}
	return until
}

// last is the last window of a page that was handed out.
func (p *ledgerPage) last() window.Key {
	n := 0
	for run := range p.page.Runs() {
		n += run
	}
	return p.key.Window(n - 1)
}

// assigned is the assignment of a window that starts at t. Windows whose
// restatement is still to come keep what they said, so that it makes one row.
func (s *sensor) assigned(t int64) assignment {
	for _, q := range s.head.Restated {
		if q.From <= t && t < q.To {
			return q
		}
	}
	return at(s.head.Assignments, t)
}

// restate hands out the next windows whose assignment changed, in the order of
// time, at most about left.
func (o *operator) restate(ctx context.Context, s *sensor, left *int, out stream.Output) error {
	for len(s.head.Restated) > 0 && *left > 0 {
		q := &s.head.Restated[0]
		due, upto, ok := s.handedOut(q.From, q.To)
		was := *q
		if q.From = upto; !ok || upto >= was.To {
			s.head.Restated = slices.Delete(s.head.Restated, 0, 1)
		}
		was.To = upto
		why := cause{told: true, said: &was}
		due = slices.DeleteFunc(due, func(k window.Key) bool { return !isQuarter(k) && !why.restated(s, k.Start) })
		if err := o.handOut(ctx, s, due, why, out); err != nil {
			return err
		}
		if err := o.restateWear(s, why, out); err != nil {
			return err
		}
		*left -= weight(due)
	}
	return nil
}

// handedOut answers the windows that were handed out and start in [from, to), and the
// quarters that have such, at most an hour apart; and up to where they are all of them.
// ok is false when there are none.
func (s *sensor) handedOut(from, to int64) (keys []window.Key, upto int64, ok bool) {
	next := to
	s.eachHandedOut(from, func(k window.Key, start int64) bool {
		next = min(next, max(from, start))
		return false // the first of its kind
	})
	if next >= to {
		return nil, to, false
	}
	upto = min(to, window.At(quarterLength, next).Start+hour) // quarters as a whole
	s.eachHandedOut(from, func(k window.Key, start int64) bool {
		if start < upto {
			keys = append(keys, k)
		}
		return start < upto
	})
	slices.SortFunc(keys, window.Key.Compare)
	return keys, upto, true
}

// eachHandedOut yields the windows that were handed out and start at a time or later,
// and the quarters that have such, by length until it is told to stop, and where the
// first window of each starts.
func (s *sensor) eachHandedOut(from int64, yield func(k window.Key, start int64) bool) {
	for _, length := range features.Lengths {
		for k := range s.from(length, from, isHandedOut) {
			if !yield(k, k.Start) {
				break
			}
		}
	}
	for k := range s.from(reach, earlier(from, lead+quarterLength-1), isHandedOut) {
		if !yield(k, quarterOf(k).Start) {
			break
		}
	}
}
