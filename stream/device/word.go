package device

import (
	"slices"
	"time"

	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
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

// The words of neighbouring minutes are the pages of a ledger of their own, where a
// revision holds what was said as well: revision<<8 | by<<4 | state.

// said is what was said last of a minute.
func (s *sensor) said(m int64) word {
	at, i := window.Locate(window.Key{Length: time.Minute, Start: m})
	p, _ := s.words.Get(at)
	e := p.page.Get(i)
	w := word{State: e.State, revision: e.Revision >> 8, is: wear.State(e.Revision & 15)}
	if by := int(e.Revision >> 4 & 15); by < len(deciders) {
		w.by = deciders[by]
	}
	return w
}

// say hands out what is said of a minute from now on.
func (o *operator) say(s *sensor, m int64, w word, out stream.Output) error {
	at, i := window.Locate(window.Key{Length: time.Minute, Start: m})
	p, _ := s.words.Get(at)
	by := uint32(max(0, slices.Index(deciders, w.by)))
	s.words.Set(ledgerPage{at, p.page.Set(i, window.Entry{State: w.State, Revision: w.revision<<8 | by<<4 | uint32(w.is)})})
	if w.State == window.Provisional {
		s.wearing.Open = min(s.wearing.Open, m)
	}
	a := s.assigned(m)
	row := &wire.WearRow{
		Study: a.Study, Participant: a.Participant, Side: a.Side, Thing: s.head.Thing, Sensor: s.name,
		Start: time.Unix(0, m).UTC(), Algo: o.wear.algo, Revision: w.revision, Status: statusOf[w.State],
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
