package device

import (
	"context"
	"time"

	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
)

const (
	// mendWait is how long minutes wait to be mended, of ticks: a late upload then
	// costs a few hours of samples every five minutes and not with every batch.
	mendWait = int64(5 * time.Minute)
	// mendSpan is how many of them are mended at once.
	mendSpan = int64(12 * time.Hour)
	// longestHole is how far minutes are apart at most that wear takes for one recording.
	longestHole = int64(24 * time.Hour)
)

// wearDue reports whether there is something to say of wear: minutes have waited for
// long enough, or the recording has ended.
func (o *operator) wearDue(s *sensor) bool {
	w := &s.wearing
	switch {
	case o.wear == nil || w.Upto == window.MinTime:
		return false
	case len(w.Todo) > 0:
		wait := mendWait
		if s.head.Sequence.Run.Ended { // nothing more is expected
			wait = correctedWait
		}
		return o.time.Clock-w.Since >= wait
	}
	return s.head.Sequence.Run.Ended && w.Tail != w.Upto && w.Sure >= w.Upto
}

// goOnWear says what is to be said of wear, as much as is left for one record.
func (o *operator) goOnWear(ctx context.Context, s *sensor, left *int, out stream.Output) error {
	for o.wearDue(s) && *left > 0 {
		if len(s.wearing.Todo) == 0 {
			return o.endWear(ctx, s, out)
		}
		if err := o.mend(ctx, s, left, out); err != nil {
			return err
		}
	}
	return nil
}

// mend says anew what the minutes are that changed, and those around them.
func (o *operator) mend(ctx context.Context, s *sensor, left *int, out stream.Output) error {
	w := &s.wearing
	if gone := s.gone(); len(w.Todo) > 0 && w.Todo[0].From <= gone {
		o.tally.unreadable++ // what was said stands
		w.done(gone)
	}
	for len(w.Todo) > 0 && *left > 0 {
		from, to := w.Todo[0].From, w.Todo[0].To
		for _, span := range w.Todo { // those that are near are mended at once
			if span.From < from+mendSpan {
				to = min(span.To, from+mendSpan)
			}
		}
		*left -= int((to - from + mendSpan) / minute)
		if err := o.mendSpan(ctx, s, from, to, out); err != nil {
			return err
		}
	}
	s.recalled = nil            // of many sensors at once, it would be much
	return o.settleWear(s, out) // nothing else may come
}

// mendSpan says anew what depends on the minutes [from, to]. A driver that has seen what
// lies Before ahead of a minute says the same of it as one that has seen all.
func (o *operator) mendSpan(ctx context.Context, s *sensor, from, to int64, out stream.Output) error {
	w, before, lag := &s.wearing, o.wear.driver.Before(), o.wear.driver.Lag()
	first := earlier(from, lag) // of which it is said
	if from > w.Upto {
		first = earlier(w.Upto, lag) // the driver has not decided these
	}
	start := earlier(first, before)
	if previous, ok := s.lastMinute(from); ok && from-previous <= longestHole { // what is between is no data
		first, start = min(first, previous+minute), min(start, previous)
	}
	if gone := s.gone(); start <= gone {
		first, start = max(first, gone+minute), gone+minute
	}
	last := to + int64(before) // the last of which it is said
	for k := range s.from(time.Minute, to+minute, isHandedOut) {
		if k.Start-to <= longestHole {
			last = max(last, k.Start)
		}
		break
	}
	end := last + int64(lag)
	goesOn := end >= w.Upto
	if goesOn {
		end, last = max(to, w.Upto), window.MaxTime
	}
	o.wear.fresh()
	err := o.answers(s, out, func(yield func(wear.Minute)) error {
		those := func(m wear.Minute) {
			if first <= m.Start && m.Start <= last {
				yield(m)
			}
		}
		if err := o.show(ctx, s, start, end, those); err != nil || goesOn {
			return err
		}
		s.hole(o.wear.driver, end, those)
		return nil
	}, end <= w.Sure)
	if !goesOn || err != nil {
		w.done(to)
		return err
	}
	w.Upto, w.Tail = end, window.MinTime
	w.done(end)
	o.wear.sensor, o.wear.changed = s, true
	o.wear.leave()
	w.stored = window.MinTime // the snapshot in the changelog does not know what was late
	return o.answers(s, out, func(yield func(wear.Minute)) error {
		o.wear.driver.End(func(m wear.Minute) {
			m.Final = false // more may come
			yield(m)
		})
		return nil
	}, false)
}

// gone is the last minute of which the log no longer holds everything; MinTime: there is none.
func (s *sensor) gone() int64 {
	if s.head.Gone == window.MinTime {
		return window.MinTime
	}
	return window.At(time.Minute, s.head.Gone).Start
}

// hole lets a driver know that it has seen all up to a minute.
func (s *sensor) hole(driver *wear.Driver, upto int64, yield func(wear.Minute)) {
	last, _ := s.lastMinute(upto + minute)
	for k := range s.from(time.Minute, upto+minute, isHandedOut) {
		if k.Start-last <= longestHole {
			driver.Hole(upto, yield)
			return
		}
		break
	}
	driver.End(yield)
}

// lastMinute is the last minute before a time that was handed out.
func (s *sensor) lastMinute(before int64) (int64, bool) {
	at, _ := window.Locate(window.At(time.Minute, before-minute))
	for i := s.ledger.From(window.PageKey{Length: time.Minute, Index: at.Index + 1}) - 1; i >= 0; i-- {
		p := &s.ledger.Rows()[i]
		if p.key.Length != time.Minute {
			break
		}
		last, place := window.MinTime, 0
		for n, e := range p.page.Runs() {
			if end := min(p.key.Window(place+n-1).Start, before-minute); isHandedOut(e) && p.key.Window(place).Start <= end {
				last = end
			}
			place += n
		}
		if last != window.MinTime {
			return last, true
		}
	}
	return 0, false
}
