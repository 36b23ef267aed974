package processor

import (
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
)

// standing is where a partition stands, for the metrics alone.
type standing struct {
	committed int64     // offset
	upto      time.Time // append time of the last committed record, or the partition's beginning here
	first     time.Time // of the first record that came since; zero: none has
	end       int64     // of what readers may read, as last told
}

// unknown says that there are partitions here of which it is not known what waits
// in them; it begins them, or has lost them.
func (s *slot) unknown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
}

// lost says that nothing here is in the group from now on.
func (s *slot) lost() {
	s.unknown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands = nil
}

// idleLocked reports whether the group has this slot and gives it nothing to do.
func (s *slot) idleLocked() bool {
	return s.session != nil && s.session.Member() && len(s.stands)+s.restoring+len(s.halts) == 0
}

// begun takes where newly restored partitions begin.
func (s *slot) begun(at map[int32]int64, ends map[int32]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stands == nil {
		s.stands = map[int32]*standing{}
	}
	for p, offset := range at {
		s.stands[p] = &standing{committed: offset, upto: s.since, end: ends[p]}
	}
	s.since, s.asked = time.Time{}, time.Now()
}

// told takes where the log ends.
func (s *slot) told(ends map[int32]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Now()
	for p, stand := range s.stands {
		stand.end = ends[p]
	}
}

// came notes the first record of a partition in a transaction.
func (s *slot) came(partition int32, r *stream.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stand := s.stands[partition]; stand != nil && stand.first.IsZero() {
		stand.first = r.AppendTime
	}
}

// done notes what was committed.
func (s *slot) done(partition int32, committed int64, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stand := s.stands[partition]; stand != nil {
		stand.committed, stand.upto, stand.first = committed, last, time.Time{}
	}
}

// positions serves kafka.ExportLag.
func (p *Processor) positions() (all []kafka.Position, since time.Time) {
	older := func(unknown time.Time) {
		if since.IsZero() || !unknown.IsZero() && unknown.Before(since) {
			since = unknown
		}
	}
	for _, s := range p.slots {
		s.mu.Lock()
		if !s.idleLocked() {
			older(s.since)
		}
		if len(s.stands) > 0 {
			older(kafka.Stale(s.asked))
		}
		for partition, stand := range s.stands {
			oldest := stand.first
			if oldest.IsZero() && stand.committed < stand.end {
				oldest = stand.upto // what waits came after it
			}
			all = append(all, kafka.Position{
				Topic: p.deps.Input, Partition: partition, Behind: max(0, stand.end-stand.committed), Oldest: oldest,
			})
		}
		s.mu.Unlock()
	}
	return all, since
}

func (p *Processor) halted() float64 {
	n := 0
	for _, s := range p.slots {
		s.mu.Lock()
		n += len(s.halts)
		s.mu.Unlock()
	}
	return float64(n)
}

// devices are those of operators that count them.
func (p *Processor) devices() float64 {
	n := 0
	for _, s := range p.slots {
		s.mu.Lock()
		for _, t := range s.tasks {
			if op, ok := t.op.(interface{ Devices() int }); ok {
				n += op.Devices()
			}
		}
		s.mu.Unlock()
	}
	return float64(n)
}
