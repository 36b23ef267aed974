package device

import (
	"slices"

	"github.com/wearstream/wearstream/stream/window"
)

// Entries are sealed sealLen at a time; a sensor looks for them every sealEvery
// sequences.
const (
	sealLen   = 32
	sealEvery = 16
)

// maxEntries bounds the entries of a sensor that has a backlog: beyond it they
// are sealed although their windows may be looked at again soon.
const maxEntries = 2048

// seal puts entries that are no longer looked at into blocks: of a range of
// sequences that is here or lost as a whole, a quarter of an hour behind what the
// device has shown, and with no pending window in it.
func (s *sensor) seal() error {
	for i := 0; i < len(s.entries.Rows()); {
		rows := s.entries.Rows()[i:]
		first := name{rows[0].name.boot, rows[0].name.seq &^ (sealLen - 1)}
		n := 1
		for n < len(rows) && rows[n].name.boot == first.boot && rows[n].name.seq-first.seq < sealLen {
			n++
		}
		whole := s.head.Sequence.Whole(first.boot, first.seq, first.seq+sealLen)
		if !whole || len(s.entries.Rows()) <= maxEntries && !s.quiet(rows[:n]) {
			i += n
			continue
		}
		if err := s.sealBlock(rows[:n]); err != nil {
			return err
		}
		s.remove(i, i+n)
	}
	return nil
}

// remove forgets the entries at [i, j).
func (s *sensor) remove(i, j int) {
	from, to := s.entries.Rows()[i].name, s.entries.Rows()[j-1].name
	for _, e := range s.entries.Rows()[i:j] {
		e.raw = nil
	}
	s.entries.RemoveRange(i, j)
	s.spans.entries = slices.DeleteFunc(s.spans.entries, func(e *entry) bool {
		return compareNames(from, e.name) <= 0 && compareNames(e.name, to) <= 0
	})
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool { return e.raw == nil })
}

func blockOf(n name) name { return name{n.boot, n.seq &^ (blockLen - 1)} }

// quiet reports whether entries are old enough and touch no pending window.
func (s *sensor) quiet(entries []*entry) bool {
	from, to := window.MaxTime, window.MinTime
	for _, e := range entries {
		from, to = min(from, e.From), max(to, e.To)
	}
	if from > to {
		return true
	}
	if to > s.head.Sequence.Seen(0)-int64(longest) {
		return false
	}
	quiet := true
	s.eachPending(from, to+int64(longest), func(k window.Key) { quiet = quiet && k.Start > to })
	return quiet
}

// sealBlock puts entries into their block, which may be there already and hold
// others.
func (s *sensor) sealBlock(entries []*entry) error {
	first := blockOf(entries[0].name)
	from, to := window.MaxTime, window.MinTime
	var h blockHead
	var members []member
	if old, ok := s.blocks.Get(first); ok {
		from, to = old.from, old.to
		var err error
		if h, _, err = old.head(); err != nil {
			return err
		}
		if members, err = old.members(); err != nil {
			return err
		}
	}
	for _, e := range entries {
		from, to = min(from, e.From), max(to, e.To)
		if e.End != window.MinTime && (!h.ends || e.name.seq > h.last) {
			h.last, h.end, h.ends = e.name.seq, e.End, true
		}
		members = append(members, member{e.name.seq, e.Offset})
	}
	slices.SortFunc(members, func(a, b member) int { return compareNames(name{0, a.seq}, name{0, b.seq}) })
	s.blocks.Set(newBlock(first, from, to, h, members))
	return nil
}

// forget gives up what lies below an offset that the log may no longer hold: what
// was handed out of it stands.
func (s *sensor) forget(floor int64, begin func()) {
	var old []block
	for _, b := range s.blocks.Rows() {
		if h, _, err := b.head(); err == nil && h.low < floor {
			old = append(old, b)
		}
	}
	isOld := func(e *entry) bool { return e.Offset < floor }
	if len(old) == 0 && !slices.ContainsFunc(s.entries.Rows(), isOld) {
		return
	}
	begin()
	for _, b := range old {
		h, _, _ := b.head()
		for _, r := range h.runs {
			s.head.Sequence.Hold(b.first.boot, r.From, r.To, true)
		}
		s.head.Gone = max(s.head.Gone, b.to)
		s.blocks.Remove(b.first)
	}
	for i := slices.IndexFunc(s.entries.Rows(), isOld); i >= 0; i = slices.IndexFunc(s.entries.Rows(), isOld) {
		e := s.entries.Rows()[i]
		s.head.Sequence.Hold(e.name.boot, e.name.seq, e.name.seq+1, true)
		s.head.Gone = max(s.head.Gone, e.To)
		s.remove(i, i+1)
	}
}
