package batch

import (
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// Stretch is neighbouring minutes of one state of wear.
type Stretch struct {
	From, To time.Time
	State    wear.State
}

// Minutes is how many it is.
func (s Stretch) Minutes() int { return int(s.To.Sub(s.From) / time.Minute) }

// wearing says of a recording's minutes, in order of time, whether it was worn, and
// what calibration they ask for.
type wearing struct {
	in        Input
	cfg       wear.Config
	algo      string
	driver    *wear.Driver
	held      []wear.Minute // of a recording that is cleaned when it has ended
	to        Recording
	rows      wire.WearRows // of today
	today     int64
	n         int64
	stretches []Stretch
	origin    int64
	sides     map[int64]*pair.Side // by start, of a recording that may pair
	log       *calibrate.Log       // nil: of no calibration
	attempt   *calibrate.Record    // the last one
	err       error

	due   []int64           // blocks by time, where they come in another order
	early map[int64]*result // that wait for what is before them
}

// set is the algorithm's name.
func (w *wearing) set() string {
	name, _, _ := strings.Cut(w.algo, "@")
	return name
}

// newWearing counts minutes from where windows are counted from. Blocks come in the
// order of due, sooner or later, or, where that is nil, of time.
func newWearing(f *file, due []int64) (*wearing, error) {
	c := wear.Config{Order: f.cfg.Wear, Params: wear.ForModel(f.model), Origin: f.origin % blockLength, FinalOnly: true, Clean: f.cfg.WearClean}
	driver, err := wear.New(c)
	w := &wearing{in: f.in, cfg: c, algo: c.Algo(), driver: driver, rows: wire.NewWearRows(), due: due, origin: f.origin, sides: map[int64]*pair.Side{}}
	if f.first != 0 {
		w.log = calibrate.NewLog(f.first, calibrate.Default)
	}
	if due != nil {
		w.early = map[int64]*result{}
	}
	return w, err
}

// add takes a block.
func (w *wearing) add(start int64, res *result) error {
	if w.early == nil {
		return w.push(start, res)
	}
	w.early[start] = res
	for len(w.due) > 0 && w.early[w.due[0]] != nil {
		if err := w.push(w.due[0], w.early[w.due[0]]); err != nil {
			return err
		}
		delete(w.early, w.due[0])
		w.due = w.due[1:]
	}
	return nil
}

func (w *wearing) push(start int64, res *result) error {
	if res.side != nil {
		w.sides[start] = res.side
	}
	if w.log != nil {
		for _, r := range w.log.Seal(res.still, start+blockLength) {
			w.attempt = &r
		}
	}
	for i := range res.partials {
		if err := w.driver.Push(&res.partials[i], w.minute); err != nil {
			return err
		}
	}
	return w.err
}

// end is the end of the recording.
func (w *wearing) end() error {
	w.driver.End(w.minute)
	if w.cfg.Clean {
		for _, m := range w.cfg.Cleaned(w.held) {
			w.say(m)
		}
	}
	w.flush()
	return w.err
}

// minute takes what an algorithm finally says of one.
func (w *wearing) minute(m wear.Minute) {
	if w.cfg.Clean {
		w.held = append(w.held, m)
		return
	}
	w.say(m)
}

// say makes a minute a row.
func (w *wearing) say(m wear.Minute) {
	if d := m.Start / int64(24*time.Hour); d != w.today {
		w.flush()
		w.today = d
	}
	window := window.AtFrom(w.origin, pair.Length, m.Start).Start
	if side := w.sides[window]; side != nil && m.State == wear.Wear {
		side.Worn |= 1 << ((m.Start - window) / int64(time.Minute))
	}
	start := time.Unix(0, m.Start).UTC()
	w.rows.Append(&wire.WearRow{
		Study: w.in.Study, Participant: w.in.Participant, Side: w.in.Side, Thing: w.in.thing(), Sensor: w.in.Sensor,
		Start: start, Algo: w.algo, Revision: 1, Status: wire.StatusFinal, State: m.State.String(), By: m.By,
	})
	if n := len(w.stretches); n > 0 && w.stretches[n-1].State == m.State && w.stretches[n-1].To.Equal(start) {
		w.stretches[n-1].To = start.Add(time.Minute)
	} else {
		w.stretches = append(w.stretches, Stretch{start, start.Add(time.Minute), m.State})
	}
}

// flush stores the rows of a day.
func (w *wearing) flush() {
	n := w.rows.Len()
	if n == 0 || w.err != nil {
		return
	}
	w.n += int64(n)
	w.err = w.to.Write([]arrow.Record{w.rows.Record()})
}
