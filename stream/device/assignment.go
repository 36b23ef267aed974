package device

import (
	"context"
	"math"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// assign takes an assignment record. Windows that were handed out under another
// assignment are handed out again.
func (o *operator) assign(ctx context.Context, r stream.Record, out stream.Output) error {
	a, err := wire.DecodeAssignment(r.Value)
	if err != nil {
		o.refused++
		o.quarantine(r, wire.ReasonParse, out)
		return nil
	}
	s := o.sensor(string(r.Key))
	own := assignment{
		Study: a.Study, Participant: a.Participant, Side: a.Side,
		From: nanos(a.From, math.MinInt64), To: nanos(a.To, window.MaxTime),
	}
	s.head.Assignments = append(s.head.Assignments, own)
	s.head.Restated = append(s.head.Restated, restated{From: own.From, To: own.To})
	return o.restate(ctx, s, out)
}

func nanos(t time.Time, zero int64) int64 {
	if t.IsZero() {
		return zero
	}
	return t.UnixNano()
}

// assigned is the assignment in force at a time: the last record that covers it.
func (s *sensor) assigned(t int64) assignment {
	for i := len(s.head.Assignments) - 1; i >= 0; i-- {
		if a := s.head.Assignments[i]; a.From <= t && t < a.To {
			return a
		}
	}
	return assignment{}
}

// restatedAtOnce bounds the windows that one record hands out again, so that the
// assignment of a long history does not outlast its transaction.
const restatedAtOnce = 2000

// restate hands out the next windows whose assignment changed. The rest follows
// with the next records and ticks.
func (o *operator) restate(ctx context.Context, s *sensor, out stream.Output) error {
	if len(s.head.Restated) == 0 {
		return nil
	}
	o.touched[s.name] = s
	r := &s.head.Restated[0]
	due, next := s.ledger.HandedOut(r.From, r.To, restatedAtOnce)
	for _, k := range due {
		p := s.pending[k]
		if p == nil {
			p = &pending{Key: k, Since: o.clock, Boot: o.boot(s, k), Old: 1}
			s.pending[k] = p
		}
		p.Force = true
		if err := o.emit(ctx, s, k, out); err != nil {
			return err
		}
	}
	if r.From = next; next >= r.To {
		s.head.Restated = s.head.Restated[1:]
	}
	return nil
}
