package device

import (
	"context"
	"fmt"
	"slices"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
)

// recall is a block that was read again.
type recall struct {
	first   name
	code    string
	entries []*entry // by name, with raw
}

const (
	maxCached   = 1 << 20 // bytes of samples that a sensor keeps; what is beyond is read again
	maxRecalled = 2       // blocks that a sensor keeps until the next tick
	maxPrefetch = 512     // batches that are read at once
)

// gather brings what touches a window into memory, from the log where needed. ok
// is false where the log no longer holds all of it.
func (o *operator) gather(ctx context.Context, s *sensor, k window.Key) (entries []*entry, ok bool, err error) {
	o.found = s.spans.touching(k, o.found[:0])
	for _, e := range o.found {
		if e.Offset < o.time.Floor {
			return nil, false, nil
		}
	}
	for i := range s.blocks.Rows() {
		b := &s.blocks.Rows()[i]
		if b.from >= k.End() || b.to < k.Start {
			continue
		}
		again, ok, err := o.recall(ctx, s, b)
		if !ok || err != nil {
			return nil, false, err
		}
		for _, e := range again {
			if e.touches(k) {
				o.found = append(o.found, e)
			}
		}
	}
	return o.found, true, o.load(ctx, s, o.found)
}

// recall reads the batches of a block again.
func (o *operator) recall(ctx context.Context, s *sensor, b *block) (entries []*entry, ok bool, err error) {
	for i, r := range s.recalled {
		if r.first == b.first && r.code == b.code {
			copy(s.recalled[1:i+1], s.recalled[:i])
			s.recalled[0] = r
			return r.entries, true, nil
		}
	}
	h, _, err := b.head()
	if err != nil {
		return nil, false, fmt.Errorf("block %v of sensor %q: %w", b.first, s.name, err)
	}
	if h.low < o.time.Floor {
		return nil, false, nil
	}
	members, err := b.members()
	if err != nil {
		return nil, false, fmt.Errorf("block %v of sensor %q: %w", b.first, s.name, err)
	}
	r := &recall{b.first, b.code, make([]*entry, 0, len(members))}
	for _, m := range members {
		r.entries = append(r.entries, &entry{name: name{b.first.boot, m.seq}, Offset: m.offset})
	}
	if err := o.read(ctx, r.entries, func(e, again *entry) { *e = *again }); err != nil {
		return nil, false, fmt.Errorf("read sensor %q again: %w", s.name, err)
	}
	o.recalling[s] = true
	s.recalled = slices.Insert(s.recalled, 0, r)
	s.recalled = s.recalled[:min(len(s.recalled), maxRecalled)]
	return r.entries, true, nil
}

// load brings the samples of entries into memory. After a restart it brings those
// of all pending windows, in one pass.
func (o *operator) load(ctx context.Context, s *sensor, entries []*entry) error {
	if !slices.ContainsFunc(entries, isMissing) {
		return nil
	}
	var missing []*entry
	of := map[*entry]*sensor{}
	want := func(s *sensor, e *entry) {
		if isMissing(e) && of[e] == nil && e.Offset >= o.time.Floor {
			missing, of[e] = append(missing, e), s
		}
	}
	for _, e := range entries {
		want(s, e)
	}
	if o.cold {
		o.cold = false
		for _, other := range o.sensors {
			other.lastPending(func(e *entry) { want(other, e) })
		}
	}
	err := o.read(ctx, missing, func(e, again *entry) {
		e.raw = again.raw
		of[e].cached = append(of[e].cached, e)
	})
	if err != nil {
		return fmt.Errorf("read sensor %q again: %w", s.name, err)
	}
	return nil
}

func isMissing(e *entry) bool { return e.raw == nil }

// lastPending yields the entries that touch pending windows, as many as are kept.
func (s *sensor) lastPending(yield func(*entry)) {
	if len(s.pending.Rows()) == 0 {
		return
	}
	from := s.firstPending()
	for n := len(s.spans.entries); n > 0 && len(s.spans.entries)-n < maxPrefetch; n-- {
		if e := s.spans.entries[n-1]; e.To >= from {
			yield(e)
		}
	}
}

// firstPending is where the first pending window starts, MaxTime if there is none.
func (s *sensor) firstPending() int64 {
	first := window.MaxTime
	if len(s.pending.Rows()) > 0 {
		a := &s.pending.Rows()[0]
		for i := range a.items {
			first = min(first, a.window(i).Start)
		}
	}
	return first
}

// prefetch reads at once what the next of many due windows need.
func (o *operator) prefetch(ctx context.Context, s *sensor, due []window.Key) error {
	need := func(k window.Key) bool {
		o.found = s.spans.touching(k, o.found[:0])
		return slices.ContainsFunc(o.found, isMissing)
	}
	if len(due) < 2 || !need(due[0]) {
		return nil
	}
	o.trim(s, due[0].End()-int64(longest))
	var entries []*entry
	for _, k := range due {
		if need(k) {
			entries = append(entries, o.found...)
		}
		if len(entries) >= maxPrefetch {
			break
		}
	}
	return o.load(ctx, s, entries)
}

// read yields the batches of entries as they are in the log.
func (o *operator) read(ctx context.Context, entries []*entry, yield func(e, again *entry)) error {
	byOffset := make(map[int64]*entry, len(entries))
	offsets := make([]int64, 0, len(entries))
	for _, e := range entries {
		byOffset[e.Offset] = e
		offsets = append(offsets, e.Offset)
	}
	slices.Sort(offsets)
	read := 0
	err := o.history.Read(ctx, offsets, func(r stream.Record) error {
		e := byOffset[r.Offset]
		if e == nil {
			return fmt.Errorf("offset %d was not asked for", r.Offset)
		}
		again, err := decode(r)
		if err != nil {
			return fmt.Errorf("decode offset %d again: %w", r.Offset, err)
		}
		if again.name != e.name {
			return fmt.Errorf("offset %d holds batch %v, not %v", r.Offset, again.name, e.name)
		}
		read++
		yield(e, again)
		return nil
	})
	if err == nil && read != len(offsets) {
		err = fmt.Errorf("the log gave %d of %d batches", read, len(offsets))
	}
	return err
}

// evict lets go of samples that no pending window needs, or that are too many.
func (o *operator) evict(s *sensor) { o.trim(s, s.firstPending()) }

// trim lets go of samples before a time, and of the oldest that are too many.
func (o *operator) trim(s *sensor, from int64) {
	size := 0
	for _, e := range slices.Backward(s.cached) {
		if size += e.raw.size; e.To < from || size > maxCached {
			e.raw = nil
		}
	}
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool { return e.raw == nil })
}
