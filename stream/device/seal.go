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
	rows := s.entries.rows
	var done [][]*entry
	for i := 0; i < len(rows); {
		first := name{rows[i].name.boot, rows[i].name.seq &^ (sealLen - 1)}
		j := i + 1
		for j < len(rows) && rows[j].name.boot == first.boot && rows[j].name.seq-first.seq < sealLen {
			j++
		}
		if s.head.Sequence.Whole(first.boot, first.seq, first.seq+sealLen) && (len(rows) > maxEntries || s.quiet(rows[i:j])) {
			done = append(done, slices.Clone(rows[i:j]))
		}
		i = j
	}
	if len(done) == 0 {
		return nil
	}
	for _, entries := range done {
		if err := s.sealBlock(entries); err != nil {
			return err
		}
	}
	s.index()
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool { return e.raw == nil })
	return nil
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

// sealBlock replaces the entries of a block by the block, which may be there
// already and hold the others.
func (s *sensor) sealBlock(entries []*entry) error {
	first := blockOf(entries[0].name)
	from, to := window.MaxTime, window.MinTime
	var h blockHead
	var members []member
	if old, ok := s.blocks.get(first); ok {
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
		s.entries.remove(e.name)
		e.raw = nil
	}
	slices.SortFunc(members, func(a, b member) int { return compareNames(name{0, a.seq}, name{0, b.seq}) })
	s.blocks.set(newBlock(first, from, to, h, members))
	return nil
}

// forget gives up what lies below an offset that the log may no longer hold: what
// was handed out of it stands.
func (s *sensor) forget(floor int64, begin func()) {
	var old []block
	for _, b := range s.blocks.rows {
		if h, _, err := b.head(); err == nil && h.low < floor {
			old = append(old, b)
		}
	}
	var gone []*entry
	for _, e := range s.entries.rows {
		if e.Offset < floor {
			gone = append(gone, e)
		}
	}
	if len(old)+len(gone) == 0 {
		return
	}
	begin()
	for _, b := range old {
		h, _, _ := b.head()
		for _, r := range h.runs {
			s.head.Sequence.Hold(b.first.boot, r.From, r.To, true)
		}
		s.head.Gone = max(s.head.Gone, b.to)
		s.blocks.remove(b.first)
	}
	for _, e := range gone {
		s.head.Sequence.Hold(e.name.boot, e.name.seq, e.name.seq+1, true)
		s.head.Gone = max(s.head.Gone, e.To)
		s.entries.remove(e.name)
		e.raw = nil
	}
	s.index()
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool { return e.raw == nil })
}
