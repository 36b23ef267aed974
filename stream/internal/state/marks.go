package state

import (
	"slices"
	"time"
)

// Marks say which records of a partition are so old that the log may no longer hold
// them. They are encoded by cbor and never changed in place, so that an old value
// stays what it was.
type Marks struct {
	_     struct{} `cbor:",toarray"`
	Floor int64    // records below this offset are not read again
	Marks []Mark
}

// Mark says that the records from an offset on came at a time or later.
type Mark struct {
	_            struct{} `cbor:",toarray"`
	Time, Offset int64
}

// MarkEvery is how far marks are apart, and so how coarse Floor is.
const MarkEvery = 6 * time.Hour

// ReadAgain is for how long beyond a device's memory records are read again: a hole that
// is assumed lost makes windows final that are as old as the memory lasts. The log has to
// keep the topic for the memory and a week.
const ReadAgain = 7*24*time.Hour - MarkEvery - time.Hour // what a mark and the clamp of ticks may be off

// Pass notes that it is now, ns, at an offset, and reports whether, with records read
// again for some time, more of them has become too old.
func (m *Marks) Pass(now, offset int64, readable time.Duration) (older bool) {
	if n := len(m.Marks); n == 0 || now-m.Marks[n-1].Time >= int64(MarkEvery) {
		m.Marks = append(slices.Clip(m.Marks), Mark{Time: now, Offset: offset})
	}
	for len(m.Marks) > 0 && m.Marks[0].Time <= now-int64(readable) {
		older = older || m.Floor < m.Marks[0].Offset
		m.Floor, m.Marks = m.Marks[0].Offset, m.Marks[1:]
	}
	return older
}

// Same reports whether nothing has changed.
func (m *Marks) Same(was *Marks) bool {
	return m.Floor == was.Floor && slices.Equal(m.Marks, was.Marks)
}
