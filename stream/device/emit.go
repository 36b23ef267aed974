package device

import (
	"context"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// when is why a window is looked at.
type when uint8

const (
	whenDue      when = iota // it may be final, or 60 s of event time have passed
	whenTold                 // it has waited for long enough
	whenRestated             // its assignment changed
)

const liveFor = int64(10 * time.Minute)

// handOut hands out windows, in order.
func (o *operator) handOut(ctx context.Context, s *sensor, due []window.Key, why when, out stream.Output) error {
	for i, k := range due {
		if err := o.prefetch(ctx, s, due[i:]); err != nil {
			return err
		}
		if err := o.emit(ctx, s, k, why, out); err != nil {
			return err
		}
	}
	return nil
}

// emit hands out a window as it is now, if that is due and something new.
func (o *operator) emit(ctx context.Context, s *sensor, k window.Key, why when, out stream.Output) error {
	p, waits := s.waiting(k)
	was := s.handed(k)
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
	if why == whenDue && (waits && !s.isDue(k, false) || !waits && !s.head.Sequence.Final(k, boot)) {
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
	mustDiffer := why != whenRestated && was.State != window.None && !(was.State == window.Provisional && state == window.Final)
	var old window.Sum
	if mustDiffer {
		old = o.summer.Sum(k, o.batchesOf(before(entries, p.First)), nil)
	}
	sum := o.summer.Sum(k, o.batchesOf(entries), &s.begun) // the last, whose samples hold
	if sum.N == 0 || mustDiffer && old.Same(&sum) {
		return nil // a gap and not a window, or nothing new
	}
	row := o.row(s, k, &sum)
	if received <= k.End()+liveFor {
		row.Lane = wire.LaneLive
	}
	s.setHanded(k, window.Entry{State: state, Revision: was.Revision + 1})
	row.Revision, row.Status = was.Revision+1, statusOf[state]
	if state != window.Provisional {
		row.FinalReason = s.head.Sequence.Reason(k, o.batchesOf(entries), s.timed)
	}
	return o.put(row, out)
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
	e, ok := s.entries.get(name{boot, seq})
	return !ok || e.timed()
}

// row is what a window says, without revision, status and reason; until it is
// called again.
func (o *operator) row(s *sensor, k window.Key, sum *window.Sum) *wire.WindowRow {
	row, a := o.form.Row(k, sum), s.assigned(k.Start)
	row.Study, row.Participant, row.Side = a.Study, a.Participant, a.Side
	row.Thing, row.Sensor, row.Lane = s.head.Thing, s.name, wire.LaneBacklog
	return row
}

// maxRows bounds an Arrow record: at some 450 bytes a row it stays well below the
// topic's largest batch.
const maxRows = 2000

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
