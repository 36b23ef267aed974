package device

import (
	"context"
	"time"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// cause is why a window is looked at. The zero one is that it may be final, or 60 s of
// event time have passed.
type cause struct {
	told bool        // it has waited for long enough, or
	said *assignment // this interval is told to say otherwise
}

var (
	whenDue  = cause{}
	whenTold = cause{told: true}
)

// restated reports whether a window that starts at t said otherwise.
func (c cause) restated(s *sensor, t int64) bool {
	return c.said != nil && c.said.From <= t && t < c.said.To && !c.said.says(at(s.head.Assignments, t))
}

// revision is a window that is handed out.
type revision struct {
	cause
	key     window.Key
	state   window.State
	number  uint32
	entries []*entry
	waits   bool  // there is new evidence,
	first   int64 // from this offset on
	again   bool  // content that is the same makes no row
	live    bool
}

const liveFor = int64(10 * time.Minute)

func (r *revision) lane() string {
	if r.live {
		return wire.LaneLive
	}
	return wire.LaneBacklog
}

// handOut hands out windows, in order.
func (o *operator) handOut(ctx context.Context, s *sensor, due []window.Key, why cause, out stream.Output) error {
	for i, k := range due {
		if err := o.prefetch(ctx, s, due[i:]); err != nil {
			return err
		}
		if err := o.emit(ctx, s, k, why, out); err != nil {
			return err
		}
	}
	return o.settleWear(s, out)
}

// emit hands out a window as it is now, if that is due and something new.
func (o *operator) emit(ctx context.Context, s *sensor, k window.Key, why cause, out stream.Output) error {
	if isQuarter(k) && len(o.around) == 0 {
		s.setPending(k, nil) // the sets that looked around are no longer wanted
		return nil
	}
	p, waits := s.waiting(k)
	was := s.handed(k)
	if w := &s.wearing; k.Length == time.Minute && k.Start > w.Upto && len(w.Todo) == 0 {
		if err := o.take(ctx, s); err != nil {
			return err
		}
	}
	entries, ok, err := o.gather(ctx, s, k)
	if err != nil {
		return err
	}
	if !ok || k.Start <= s.head.Gone && was.State != window.None {
		o.tally.unreadable++ // what was said stands
		s.setPending(k, nil)
		return nil
	}
	boot, received := uint64(0), window.MinTime
	for _, e := range entries {
		boot, received = max(boot, e.name.boot), max(received, e.raw.received)
	}
	if waits && boot > p.Boot {
		p.Boot = boot
		s.setPending(k, &p)
	}
	if !why.told && (waits && !s.isDue(k, false) || !waits && !s.head.Sequence.Final(k, boot)) {
		return nil // it holds data of a later boot than what came last
	}
	s.setPending(k, nil)
	state := window.Corrected
	if was.State < window.Final {
		state = window.Provisional
		if s.head.Sequence.Final(k, boot) {
			state = window.Final
		}
	}
	r := &revision{
		cause: why, key: k, state: state, number: was.Revision + 1, entries: entries, waits: waits, first: p.First,
		again: was.State != window.None && !(was.State == window.Provisional && state == window.Final),
		live:  received <= k.End()+liveFor,
	}
	if isQuarter(k) {
		return o.emitQuarter(s, r, out)
	}
	return o.emitWindow(s, r, out)
}

// emitWindow hands out a window by the sets that look at nothing else.
func (o *operator) emitWindow(s *sensor, r *revision, out stream.Output) error {
	mustDiffer := r.again && r.said == nil
	var old window.Sum
	if mustDiffer {
		old = o.summer.Sum(r.key, o.batchesOf(before(r.entries, r.first)), nil)
	}
	sum := o.summer.Sum(r.key, o.batchesOf(r.entries), &s.begun) // the last, whose samples hold
	if sum.N == 0 || mustDiffer && old.Same(&sum) {
		return nil // a gap and not a window, or nothing new
	}
	s.setHanded(r.key, window.Entry{State: r.state, Revision: r.number})
	for _, form := range o.live {
		row := form.Row(r.key, &sum)
		o.sign(row, s, r.key, r, o.batchesOf(r.entries))
		if err := o.put(row, out); err != nil {
			return err
		}
	}
	switch r.key.Length {
	case time.Minute:
		if err := o.minute(s, r, &sum, out); err != nil {
			return err
		}
	case pair.Length:
		if err := o.side(s, r, &sum, out); err != nil {
			return err
		}
	}
	if r.number == 1 {
		o.tally.first = append(o.tally.first, firstRow{r.lane(), time.Unix(0, r.key.End())})
	}
	return nil
}

var statusOf = map[window.State]string{
	window.Provisional: wire.StatusProvisional,
	window.Final:       wire.StatusFinal,
	window.Corrected:   wire.StatusCorrected,
}

// before are the entries that came before an offset.
func before(entries []*entry, offset int64) []*entry {
	var old []*entry
	for _, e := range entries {
		if e.Offset < offset {
			old = append(old, e)
		}
	}
	return old
}

// batchesOf are the batches of entries by name, until it is called again.
func (o *operator) batchesOf(entries []*entry) []*wire.SampleBatch {
	o.batches = o.batches[:0]
	for _, e := range entries {
		o.batches = append(o.batches, e.raw.SampleBatch)
	}
	window.SortBatches(o.batches)
	return o.batches
}

// timed serves window.Sequence.Reason. Of what is in blocks it takes it as given.
func (s *sensor) timed(boot, seq uint64) bool {
	e, ok := s.entries.Get(name{boot, seq})
	return !ok || e.timed()
}

// sign completes a row of a revision: whose it is and what became of its window, which
// has these batches.
func (o *operator) sign(row *wire.WindowRow, s *sensor, k window.Key, r *revision, batches []*wire.SampleBatch) {
	a := s.assigned(k.Start)
	row.Study, row.Participant, row.Side = a.Study, a.Participant, a.Side
	row.Thing, row.Sensor, row.Lane = s.head.Thing, s.name, r.lane()
	row.Revision, row.Status = r.number, statusOf[r.state]
	if r.state != window.Provisional {
		row.FinalReason = s.head.Sequence.Reason(k, batches, s.timed)
	}
}

// maxRows bounds an Arrow record: at some 700 bytes a row it stays well below the
// topic's largest batch.
const maxRows = 1000

// put adds a row to the record of its partition.
func (o *operator) put(row *wire.WindowRow, out stream.Output) error {
	p := wire.PartitionOf(wire.FeaturesKey(row.Participant, row.Sensor), wire.FeaturesPartitions)
	o.rows[p].Append(row)
	o.tally.row(row)
	if o.rows[p].Len() >= maxRows {
		return o.flushRows(p, out)
	}
	return nil
}
