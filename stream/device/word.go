package device

import (
	"fmt"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// word is what was said last of a minute of wear.
type word struct {
	window.State
	revision uint32
	is       wear.State
	by       string
}

// deciders are the algorithms by their places in the state: append only.
var deciders = []string{"", "device", "detach", "ggir2023", "actipy", "cta", "accelthreshold", "ggir2013", "choi"}

// words are what was said last of a sensor's minutes by one order of algorithms. Those of
// neighbouring minutes are the pages of a ledger of their own, where a revision holds what
// was said as well: revision<<8 | by<<4 | state.
type words struct {
	algo string
	state.Table[window.PageKey, ledgerPage]
}

// of is what was said last of a minute.
func (w *words) of(m int64) word {
	at, i := window.Locate(window.Key{Length: time.Minute, Start: m})
	p, _ := w.Get(at)
	e := p.page.Get(i)
	is := word{State: e.State, revision: e.Revision >> 8, is: wear.State(e.Revision & 15)}
	if by := int(e.Revision >> 4 & 15); by < len(deciders) {
		is.by = deciders[by]
	}
	return is
}

func (w *words) put(m int64, is word) {
	at, i := window.Locate(window.Key{Length: time.Minute, Start: m})
	p, _ := w.Get(at)
	by := uint32(max(0, slices.Index(deciders, is.by)))
	w.Set(ledgerPage{at, p.page.Set(i, window.Entry{State: is.State, Revision: is.revision<<8 | by<<4 | uint32(is.is)})})
}

// from yields the minutes of which there is a word in a wanted state and that start at a
// time or later.
func (w *words) from(start int64, want func(window.Entry) bool) func(yield func(window.Key) bool) {
	return ledgerFrom(&w.Table, time.Minute, start, want, func(k window.Key) window.Key { return k })
}

// wordsBy are the words by an order of algorithms.
func (s *sensor) wordsBy(algo string) *words {
	for _, w := range s.words {
		if w.algo == algo {
			return w
		}
	}
	w := &words{algo, newLedger()}
	s.words = append(s.words, w)
	return w
}

// sayBy has the words of now on be by an order of algorithms. What others said stands, but
// that what they left open is for these to say.
func (s *sensor) sayBy(algo string, now int64) {
	was := s.own
	s.own, s.wearing.Algo, s.wearing.Open = s.wordsBy(algo), algo, window.MaxTime
	for k := range s.own.from(window.MinTime, isProvisional) {
		s.wearing.Open = k.Start
		break
	}
	if was == nil {
		return
	}
	for _, w := range []*words{was, s.own} {
		for k := range w.from(window.MinTime, isProvisional) {
			s.wearing.later(k.Start, now)
		}
	}
}

// say hands out what is said of a minute from now on.
func (o *operator) say(s *sensor, by *words, m int64, w word, out stream.Output) error {
	by.put(m, w)
	if by == s.own && w.State == window.Provisional {
		s.wearing.Open = min(s.wearing.Open, m)
	}
	a := s.assigned(m)
	row := &wire.WearRow{
		Study: a.Study, Participant: a.Participant, Side: a.Side, Thing: s.head.Thing, Sensor: s.name,
		Start: time.Unix(0, m).UTC(), Algo: by.algo, Revision: w.revision, Status: statusOf[w.State],
		State: w.is.String(), By: w.by,
	}
	p8 := wire.PartitionOf(wire.FeaturesKey(a.Participant, s.name), wire.FeaturesPartitions)
	if o.sides.taken[p8] {
		if err := o.flushRows(p8, out); err != nil {
			return err
		}
	}
	rows := &o.wear.rows[p8]
	rows.Append(row)
	o.tally.wear[handedMinute{row.State, row.Status}]++
	if rows.Len() >= maxRows {
		return o.flush(p8, wire.RowsWear, rows, out)
	}
	return nil
}

// orders are the orders of algorithms by their places in the state.
func (s *sensor) orders() []string {
	var all []string
	for _, w := range s.words {
		all = append(all, w.algo)
	}
	return all
}

// wordsKey is a page's key in the changelog.
func wordsKey(name string, place int, page window.PageKey) string {
	if place == 0 {
		return state.Key(kindWords, name, uint64(page.Index))
	}
	return state.Key(kindWords, name, uint64(place), uint64(page.Index))
}

// restoreWords takes a page, by the numbers of its key.
func (s *sensor) restoreWords(n []uint64, value []byte) error {
	place, index := uint64(0), n[len(n)-1]
	if len(n) == 2 {
		place = n[0]
	}
	if place == 0 && len(s.words) == 0 { // of a version that had one order; wearing names it
		s.wordsBy("")
	}
	if place >= uint64(len(s.words)) {
		return fmt.Errorf("words by order %d of %d", place, len(s.words))
	}
	return restorePage(&s.words[place].Table, window.PageKey{Length: time.Minute, Index: int64(index)}, value)
}

// ownWords finds, after all was restored, the words of the order that says what comes.
func (s *sensor) ownWords() {
	for _, w := range s.words {
		if w.algo == "" {
			w.algo = s.wearing.Algo
		}
		if w.algo == s.wearing.Algo {
			s.own = w
		}
	}
}
