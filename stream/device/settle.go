package device

import (
	"context"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
)

const (
	provisionalAfter = int64(60 * time.Second) // of the device's event time past the window's end
	provisionalWait  = int64(15 * time.Minute) // of ticks since the window last changed
	correctedWait    = int64(10 * time.Second) // of ticks since late evidence last touched it
)

// atOnce bounds the windows that one record hands out beside those that it
// touches itself, so that what becomes due at once, when an old hole is filled or
// a long history is assigned, does not outlast its transaction. The rest follows
// with the next records of the sensor and with ticks.
const atOnce = 10_000

// touch marks the windows that hold a sample or a reading of an entry as pending
// and answers them as they become due.
func (o *operator) touch(s *sensor, e *entry) []window.Key {
	keys := e.windows(len(o.around) > 0)
	for _, k := range keys {
		p, ok := s.waiting(k)
		if !ok {
			p.First = e.Offset
		}
		p.Boot, p.Since = max(p.Boot, e.name.boot), o.time.Clock
		s.setPending(k, &p)
		if o.wear != nil && k.Length == time.Minute && k.Start <= s.wearing.Upto {
			s.wearing.later(k.Start, o.time.Clock)
		}
	}
	s.begun.Forget(e.From, e.To)
	return keys
}

// windows are those that hold a sample or a reading, and where wanted the quarters
// that depend on one, as they become due.
func (e *entry) windows(quarters bool) []window.Key {
	if !e.timed() {
		return nil
	}
	var keys []window.Key
	b := e.raw
	for _, length := range features.Lengths {
		if b.N > 0 {
			window.Touching(length, b.SampleTime(0), b.End()-1, func(k window.Key) { keys = append(keys, k) })
		}
		for i := range b.TempMdegC {
			if k := window.At(length, b.ReadingTime(i)); len(keys) == 0 || keys[len(keys)-1] != k {
				keys = append(keys, k)
			}
		}
	}
	if quarters {
		add := func(k window.Key) {
			if keys[len(keys)-1] != k {
				keys = append(keys, k)
			}
		}
		if b.N > 0 {
			eachAround(b.SampleTime(0), b.End()-1, add)
		}
		for i := range b.TempMdegC {
			eachAround(b.ReadingTime(i), b.ReadingTime(i), add)
		}
	}
	slices.SortFunc(keys, window.Key.Compare)
	return slices.Compact(keys)
}

// settle moves the sensor's run and hands out what became due. touched are the
// windows that the record changed, in order; seen is the event time that the
// boot and later ones had shown before it.
func (o *operator) settle(ctx context.Context, s *sensor, touched []window.Key, boot uint64, seen int64, out stream.Output) error {
	o.advance(s)
	due := slices.Clone(touched)
	for _, k := range s.head.Late {
		if _, again := slices.BinarySearchFunc(touched, k, window.Key.Compare); !again {
			due = append(due, k)
		}
	}
	if now := s.head.Sequence.Seen(boot); len(touched) > 0 && now > seen {
		if seen > window.MinTime {
			seen -= provisionalAfter
		}
		s.eachPending(seen, now-provisionalAfter, func(k window.Key) { due = append(due, k) })
	}
	slices.SortFunc(due, window.Key.Compare)
	due = slices.DeleteFunc(slices.Compact(due), func(k window.Key) bool {
		_, again := slices.BinarySearchFunc(touched, k, window.Key.Compare)
		return !s.isDue(k, again)
	})
	if err := o.handOut(ctx, s, due, whenDue, out); err != nil {
		return err
	}
	s.head.Late = nil
	for _, k := range touched {
		if isQuarter(k) { // which costs more, and waits for ticks
			continue
		}
		if _, ok := s.waiting(k); ok && s.handed(k).State >= window.Final {
			s.head.Late = append(s.head.Late, k)
		}
	}
	left := atOnce
	return o.goOn(ctx, s, &left, out)
}

// advance moves the run, and notes where windows may have become final by that.
func (o *operator) advance(s *sensor) {
	was := s.head.Sequence.Run.Boot
	opened, ok := s.head.Sequence.Advance(s.lastEnd, o.time.Clock)
	if !ok {
		return
	}
	if run := &s.head.Sequence.Run; run.Ended || run.Boot != was { // windows that hold a time in it
		opened.To += int64(longest)
	}
	if n := len(s.head.Sweeps); n > 0 && s.head.Sweeps[n-1].To >= opened.From {
		last := s.head.Sweeps[n-1]
		opened = window.Span{From: min(last.From, opened.From), To: max(last.To, opened.To)}
		s.head.Sweeps = s.head.Sweeps[:n-1]
	}
	s.head.Sweeps = append(s.head.Sweeps, opened)
}

// isDue reports whether a window is to be handed out now; again says that the
// record itself touched it.
func (s *sensor) isDue(k window.Key, again bool) bool {
	p, ok := s.waiting(k)
	state, seq := s.handed(k).State, &s.head.Sequence
	switch {
	case !ok:
		return state == window.Provisional // if it is final; its boots are looked up then
	case state == window.None && seq.Seen(p.Boot) >= k.End()+provisionalAfter:
		return true
	case state >= window.Final && again: // late evidence, and its upload goes on
		return false
	}
	return seq.Final(k, p.Boot)
}

// goOn continues what is too much for one record: at most left windows.
func (o *operator) goOn(ctx context.Context, s *sensor, left *int, out stream.Output) error {
	for len(s.head.Sweeps) > 0 && *left > 0 {
		sweep := s.head.Sweeps[0]
		keys, upto, ok := s.open(sweep.From, sweep.To)
		if !ok {
			s.head.Sweeps = s.head.Sweeps[1:]
			continue
		}
		keys = slices.DeleteFunc(keys, func(k window.Key) bool {
			return slices.Contains(s.head.Late, k) || !s.isDue(k, false)
		})
		if err := o.handOut(ctx, s, keys, whenDue, out); err != nil {
			return err
		}
		*left -= weight(keys)
		if s.head.Sweeps[0].From = upto; upto >= sweep.To {
			s.head.Sweeps = s.head.Sweeps[1:]
		}
	}
	if err := o.restate(ctx, s, left, out); err != nil {
		return err
	}
	o.evict(s)
	return o.goOnWear(ctx, s, left, out)
}

// fire hands out the windows of a sensor that have waited long enough, and gives
// up holes that are older than the device's memory.
func (o *operator) fire(ctx context.Context, s *sensor, left *int, out stream.Output) error {
	due := o.waited(s, *left)
	lost := s.head.Sequence.Due(o.time.Clock - int64(o.cfg.Memory))
	if len(due) == 0 && !lost && len(s.head.Sweeps) == 0 && len(s.head.Restated) == 0 && !o.wearDue(s) {
		return nil
	}
	o.begin(s)
	*left -= weight(due)
	if err := o.handOut(ctx, s, due, whenTold, out); err != nil {
		return err
	}
	for ; lost; lost = s.head.Sequence.Due(o.time.Clock - int64(o.cfg.Memory)) {
		s.head.Sequence.Assume()
		o.advance(s)
	}
	if err := o.goOn(ctx, s, left, out); err != nil {
		return err
	}
	return s.seal()
}

// waited are the windows whose time has come by ticks, until they are most or more.
func (o *operator) waited(s *sensor, most int) []window.Key {
	var due []window.Key
	for i := range s.pending.Rows() {
		a := &s.pending.Rows()[i]
		for j, p := range a.items {
			waited := o.time.Clock - p.Since
			if waited < correctedWait {
				continue
			}
			k := a.window(j)
			if waited >= provisionalWait || s.handed(k).State >= window.Final && s.head.Sequence.Final(k, p.Boot) {
				due = append(due, k)
			}
		}
		if weight(due) >= most {
			break
		}
	}
	slices.SortFunc(due, window.Key.Compare)
	for i := range due {
		if most <= 0 {
			return due[:i]
		}
		most -= weight(due[i : i+1])
	}
	return due
}

// eachPending yields the pending windows whose ends lie in (from, to].
func (s *sensor) eachPending(from, to int64, yield func(window.Key)) {
	i := s.firstEnding(from)
	for ; i < len(s.pending.Rows()) && s.pending.Rows()[i].hour*hour < to; i++ {
		a := &s.pending.Rows()[i]
		for j := range a.items {
			if k := a.window(j); from < k.End() && k.End() <= to {
				yield(k)
			}
		}
	}
}

// lastEnd serves window.Sequence.
func (s *sensor) lastEnd(boot, from, to uint64) (end int64, ok bool) {
	best := from
	for i := s.entries.From(name{boot, to}) - 1; i >= 0; i-- {
		e := s.entries.Rows()[i]
		if e.name.boot != boot || e.name.seq < from {
			break
		}
		if e.End != window.MinTime {
			best, end, ok = e.name.seq, e.End, true
			break
		}
	}
	for i := s.blocks.From(name{boot, to}) - 1; i >= 0; i-- {
		b := &s.blocks.Rows()[i]
		if b.first.boot != boot || b.first.seq+blockLen <= best {
			break
		}
		h, _, err := b.head()
		if err == nil && h.ends && h.last >= best && h.last < to {
			return h.end, true
		}
	}
	return end, ok
}
