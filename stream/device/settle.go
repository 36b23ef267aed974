package device

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	provisionalAfter = int64(60 * time.Second) // of the boot's own event time past the window's end
	provisionalWait  = int64(15 * time.Minute) // of ticks since the window last changed
	correctedWait    = int64(10 * time.Second) // of ticks since late evidence last touched it
)

// settle moves the sensor's run and hands out what became due. touched are the
// windows that the record itself changed.
func (o *operator) settle(ctx context.Context, s *sensor, touched map[window.Key]bool, out stream.Output) error {
	seq := &s.head.Sequence
	moved := seq.Advance(s.endOf)
	switch {
	case !seq.Waiting():
		seq.Since = 0
	case moved || seq.Since == 0:
		seq.Since = o.clock
	}
	var due []window.Key
	for k, p := range s.pending {
		switch {
		case p.Old == 0:
			if o.isFinal(s, p.Key, p.Boot) || seq.Seen(p.Boot) >= k.End()+provisionalAfter {
				due = append(due, k)
			}
		case s.ledger.Get(k).State == window.Provisional:
			if (moved || touched[k]) && o.isFinal(s, p.Key, p.Boot) {
				due = append(due, k)
			}
		case !touched[k] && o.isFinal(s, p.Key, p.Boot): // late evidence, and the upload has moved on
			due = append(due, k)
		}
	}
	if err := o.handOut(ctx, s, due, out); err != nil {
		return err
	}
	if moved {
		if err := o.finish(ctx, s, out); err != nil {
			return err
		}
	}
	return o.evict(s)
}

// isFinal reports whether nothing more is expected in a window whose data is of
// boots up to boot.
func (o *operator) isFinal(s *sensor, k window.Key, boot uint64) bool {
	seq := &s.head.Sequence
	return k.End() <= seq.Frontier || boot < seq.Boot || boot == seq.Boot && seq.Ended
}

// finish makes final what was provisional, has not changed since, and is now
// complete.
func (o *operator) finish(ctx context.Context, s *sensor, out stream.Output) error {
	until := s.head.Sequence.Frontier
	if s.head.Sequence.Ended || len(s.head.Sequence.Boots) > 1 {
		until = window.MaxTime // windows beyond the frontier may belong to boots that ended
	}
	var due []window.Key
	for _, k := range s.ledger.Open(until) {
		if s.pending[k] == nil && (k.End() <= s.head.Sequence.Frontier || o.isFinal(s, k, o.boot(s, k))) {
			due = append(due, k)
		}
	}
	return o.handOut(ctx, s, due, out)
}

// boot is the highest boot with data in a window.
func (o *operator) boot(s *sensor, k window.Key) uint64 {
	boot := uint64(0)
	for _, e := range s.overlapping(k) {
		boot = max(boot, e.name.boot)
	}
	return boot
}

func (o *operator) handOut(ctx context.Context, s *sensor, due []window.Key, out stream.Output) error {
	slices.SortFunc(due, window.Key.Compare)
	for _, k := range due {
		if err := o.emit(ctx, s, k, out); err != nil {
			return err
		}
	}
	return nil
}

// emit hands out a window as it is now, if that is something new.
func (o *operator) emit(ctx context.Context, s *sensor, k window.Key, out stream.Output) error {
	row, err := o.evaluate(ctx, s, k)
	if err != nil {
		return err
	}
	p, was := s.pending[k], s.ledger.Get(k)
	delete(s.pending, k)
	if row.N == 0 {
		return nil // no samples: a gap, not a window
	}
	state := window.Corrected
	if was.State == window.None || was.State == window.Provisional {
		state = window.Provisional
		if o.isFinal(s, k, o.boot(s, k)) {
			state = window.Final
		}
	}
	same := p != nil && p.Old != 0 && !p.Force && contentHash(row) == p.Old
	if completed := was.State == window.Provisional && state == window.Final; same && !completed {
		return nil
	}
	s.ledger.Set(k, window.Entry{State: state, Revision: was.Revision + 1})
	row.Revision, row.Status = was.Revision+1, statusOf[state]
	if state != window.Provisional {
		row.FinalReason = wire.FinalEnd
		if k.End() <= s.head.Sequence.Frontier {
			row.FinalReason = s.head.Sequence.Reason(k)
		}
	}
	return o.put(row, out)
}

var statusOf = map[window.State]string{
	window.Provisional: wire.StatusProvisional,
	window.Final:       wire.StatusFinal,
	window.Corrected:   wire.StatusCorrected,
}

// maxRows bounds an Arrow record: at some 250 bytes a row it stays well below the
// topic's largest batch.
const maxRows = 2000

// put adds a row to the record of its partition.
func (o *operator) put(row *wire.WindowRow, out stream.Output) error {
	p := wire.PartitionOf(wire.FeaturesKey(row.Participant, row.Sensor), wire.FeaturesPartitions)
	o.rows[p].Append(row)
	o.handed[row.Status]++
	if o.rows[p].Len() >= maxRows {
		return o.flushRows(p, out)
	}
	return nil
}

// tick moves the partition's clock and fires what waited for it.
func (o *operator) tick(ctx context.Context, r stream.Record, out stream.Output) error {
	var t wire.Tick
	if err := json.Unmarshal(r.Value, &t); err != nil {
		o.refused++
		o.quarantine(r, wire.ReasonParse, out)
		return nil
	}
	first := o.clock == 0
	o.clock, o.ticked = max(o.clock, t.Time(r.AppendTime).UnixNano()), true
	for _, name := range slices.Sorted(maps.Keys(o.sensors)) {
		s := o.sensors[name]
		if first {
			s.startWaiting(o.clock)
			o.touched[name] = s
		}
		if len(s.pending) == 0 && s.head.Sequence.Since == 0 && len(s.head.Restated) == 0 {
			continue
		}
		if err := o.fire(ctx, s, out); err != nil {
			return err
		}
	}
	return nil
}

// startWaiting dates what came before the log had a clock.
func (s *sensor) startWaiting(now int64) {
	for _, p := range s.pending {
		if p.Since == 0 {
			p.Since = now
		}
	}
	if s.head.Sequence.Waiting() {
		s.head.Sequence.Since = now
	}
}

// fire hands out the windows of a sensor that have waited long enough, and gives
// up a hole that is older than the device's memory.
func (o *operator) fire(ctx context.Context, s *sensor, out stream.Output) error {
	var due []window.Key
	for k, p := range s.pending {
		wait := provisionalWait
		if st := s.ledger.Get(k).State; st >= window.Final && o.isFinal(s, k, p.Boot) {
			wait = correctedWait
		}
		if o.clock-p.Since >= wait {
			due = append(due, k)
		}
	}
	if len(due) > 0 {
		o.touched[s.name] = s
	}
	if err := o.handOut(ctx, s, due, out); err != nil {
		return err
	}
	if err := o.restate(ctx, s, out); err != nil {
		return err
	}
	seq := &s.head.Sequence
	if seq.Since != 0 && seq.Waiting() && o.clock-seq.Since >= int64(o.cfg.Memory) {
		seq.Assume()
		o.touched[s.name] = s
		return o.settle(ctx, s, nil, out)
	}
	return o.evict(s)
}
