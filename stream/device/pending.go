package device

import (
	"cmp"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
)

// pending is a window that changed since it was last handed out.
type pending struct {
	_          struct{} `cbor:",toarray"`
	Length, At uint16   // s, At of its hour
	Boot       uint64   // at least the highest boot with data in it that came since
	Since      int64    // tick time of the last change, ns
	First      int64    // offset of the first change
}

// agenda are the pending windows that start in one hour, as they become due.
type agenda struct {
	hour  int64
	items []pending
}

const hour = int64(time.Hour)

// agendaHour is the hour in which a time is.
func agendaHour(t int64) int64 { return window.At(time.Hour, t).Start / hour }

func (a *agenda) window(i int) window.Key {
	p := &a.items[i]
	return window.Key{Length: time.Duration(p.Length) * time.Second, Start: a.hour*hour + int64(p.At)*int64(time.Second)}
}

func (a *agenda) find(k window.Key) (int, bool) {
	length, at := uint16(k.Length/time.Second), uint16((k.Start-a.hour*hour)/int64(time.Second))
	return slices.BinarySearchFunc(a.items, 0, func(p pending, _ int) int {
		return cmp.Or(cmp.Compare(int(p.At)+int(p.Length), int(at)+int(length)), cmp.Compare(p.Length, length))
	})
}

// waiting is what is pending of a window.
func (s *sensor) waiting(k window.Key) (pending, bool) {
	a, _ := s.pending.Get(agendaHour(k.Start))
	if i, ok := a.find(k); ok {
		return a.items[i], true
	}
	return pending{}, false
}

// setPending replaces what is pending of a window; nil: nothing.
func (s *sensor) setPending(k window.Key, p *pending) {
	h := agendaHour(k.Start)
	a, _ := s.pending.Get(h)
	a.hour = h
	i, there := a.find(k)
	switch {
	case p == nil && !there:
		return
	case p == nil && len(a.items) == 1:
		s.pending.Remove(h)
		return
	}
	items := make([]pending, 0, len(a.items)+1)
	items = append(items, a.items[:i]...)
	if p != nil {
		p.Length, p.At = uint16(k.Length/time.Second), uint16((k.Start-h*hour)/int64(time.Second))
		items = append(items, *p)
	}
	if there {
		i++
	}
	a.items = append(items, a.items[i:]...)
	s.pending.Set(a)
}

// handed is what was handed out of a window.
func (s *sensor) handed(k window.Key) window.Entry {
	ledger, at, i := s.locate(k)
	p, _ := ledger.Get(at)
	return p.page.Get(i)
}

func (s *sensor) setHanded(k window.Key, e window.Entry) {
	ledger, at, i := s.locate(k)
	p, _ := ledger.Get(at)
	if p.page.Get(i) != e {
		ledger.Set(ledgerPage{at, p.page.Set(i, e)})
	}
}

func (s *sensor) locate(k window.Key) (ledger *state.Table[window.PageKey, ledgerPage], at window.PageKey, i int) {
	if isQuarter(k) {
		at, i = window.Locate(quarterOf(k))
		return &s.quarters, at, i
	}
	at, i = window.Locate(k)
	return &s.ledger, at, i
}

// from yields the windows of a length that were handed out in a wanted state and
// start at or after a time, by start.
func (s *sensor) from(length time.Duration, start int64, want func(window.Entry) bool) func(yield func(window.Key) bool) {
	return func(yield func(window.Key) bool) {
		ledger, name := &s.ledger, func(k window.Key) window.Key { return k }
		if length == reach {
			ledger, name, length = &s.quarters, around, quarterLength
		}
		ledgerFrom(ledger, length, start, want, name)(yield)
	}
}

// ledgerFrom yields what a ledger has of a length, by the names of their windows.
func ledgerFrom(ledger *state.Table[window.PageKey, ledgerPage], length time.Duration, start int64, want func(window.Entry) bool, name func(window.Key) window.Key) func(yield func(window.Key) bool) {
	return func(yield func(window.Key) bool) {
		first := window.PageKey{Length: length, Index: window.MinTime}
		if start > window.MinTime {
			first, _ = window.Locate(window.At(length, start))
		}
		for i := ledger.From(first); i < len(ledger.Rows()) && ledger.Rows()[i].key.Length == length; i++ {
			p, at := &ledger.Rows()[i], 0
			for n, e := range p.page.Runs() {
				if want(e) {
					for j := range n {
						if k := name(p.key.Window(at + j)); k.Start >= start && !yield(k) {
							return
						}
					}
				}
				at += n
			}
		}
	}
}

func isProvisional(e window.Entry) bool { return e.State == window.Provisional }
func isHandedOut(e window.Entry) bool   { return e.State != window.None }

// lengths are those of windows and, the longest, of quarters.
var (
	lengths = append(slices.Clone(features.Lengths), reach)
	longest = slices.Max(lengths)
)

// firstEnding is the first agenda with a window that may end behind a time.
func (s *sensor) firstEnding(from int64) int {
	if from < window.MinTime+int64(longest)+hour {
		return 0
	}
	return s.pending.From(agendaHour(from - int64(longest)))
}

// earlier is a time so much before another, if there is one.
func earlier(t int64, by time.Duration) int64 {
	return max(t, window.MinTime+int64(by)) - int64(by)
}

// open answers the windows that may have to be handed out, those that are pending
// or provisional, whose ends lie in (from, to], and are at most an hour apart; and
// up to where they are all of them. ok is false when there are none.
func (s *sensor) open(from, to int64) (keys []window.Key, upto int64, ok bool) {
	next := to
	found := false
	note := func(k window.Key) bool {
		found = true
		next = min(next, k.End())
		return false // the first of its kind
	}
	s.eachOpen(from, to, note)
	if !found {
		return nil, to, false
	}
	if upto = to; next < to-hour {
		upto = next + hour
	}
	s.eachOpen(from, upto, func(k window.Key) bool { keys = append(keys, k); return true })
	slices.SortFunc(keys, window.Key.Compare)
	return slices.Compact(keys), upto, true
}

// eachOpen yields the windows of open by kind: each length's provisional ones by
// time, then the pending ones of each hour.
func (s *sensor) eachOpen(from, to int64, yield func(window.Key) bool) {
	for _, length := range lengths {
		for k := range s.from(length, earlier(from, length-1), isProvisional) {
			if k.End() > to || !yield(k) {
				break
			}
		}
	}
	i := s.firstEnding(from)
	for ; i < len(s.pending.Rows()) && s.pending.Rows()[i].hour*hour < to; i++ {
		a := &s.pending.Rows()[i]
		for j := range a.items {
			if k := a.window(j); from < k.End() && k.End() <= to && !yield(k) {
				break
			}
		}
	}
}
