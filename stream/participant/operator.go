package participant

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/emit"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/wire"
)

// Config is what rows depend on.
type Config struct {
	Cell    string
	Sources int32         // partitions of the device topic
	Memory  time.Duration // how long a device's memory lasts
}

type operator struct {
	cfg       Config
	metrics   *metrics
	partition int32
	history   stream.History

	people  map[string]*person
	touched map[string]*person // since the last Commit
	time    times
	was     times // at the last Commit

	columns []string
	algo    string
	rows    [wire.ParticipantsPartitions]wire.PairRows
	sides   shelf
	tally   tally
}

// person is the state of a participant; the name is "<study>/<participant>".
type person struct {
	name  string
	pages state.Table[int64, page]
}

func newPerson(name string) *person {
	return &person{name, state.Table[int64, page]{Key: func(p page) int64 { return p.at }, Compare: cmp.Compare[int64]}}
}

// Kinds of keys of the changelog.
const (
	kindClock = 'c'
	kindMarks = 'm'
	kindPage  = 'p' // participant + start, ns
)

// nobody owns the partition's own keys; no participant has this name.
const nobody = ""

// New makes operators of the features topic.
func New(cfg Config, reg prometheus.Registerer) stream.NewOperator {
	m := newMetrics(reg)
	return func(partition int32, state map[string][]byte, history stream.History) (stream.Operator, error) {
		o := &operator{
			cfg: cfg, metrics: m, partition: partition, history: history,
			people: map[string]*person{}, touched: map[string]*person{},
			algo: pair.Algo(), tally: newTally(), sides: newShelf(),
		}
		for _, f := range pair.Features {
			o.columns = append(o.columns, f.ID)
		}
		o.newRows()
		return o, o.restore(state)
	}
}

func (o *operator) newRows() {
	for i := range o.rows {
		o.rows[i] = wire.NewPairRows(o.columns)
	}
}

func (o *operator) restore(all map[string][]byte) error {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := o.restoreKey(key, all[key]); err != nil {
			return fmt.Errorf("restore state key %q: %w", key, err)
		}
	}
	for _, p := range o.people {
		p.pages.Commit()
	}
	o.was = o.time
	return nil
}

func (o *operator) restoreKey(key string, value []byte) error {
	kind, name, n, err := state.SplitKey(key)
	switch {
	case err != nil:
		return err
	case kind == kindPage && len(n) == 1:
		p := o.people[name]
		if p == nil {
			p = newPerson(name)
			o.people[name] = p
		}
		code := string(value)
		p.pages.Set(page{int64(n[0]), code})
		_, err := decode(code)
		return err
	}
	return o.time.restore(kind, value)
}

// Apply takes one record of the features topic. What is in it was written by the device
// operator, so what cannot be read is of a version that this one does not know, and an
// error.
func (o *operator) Apply(ctx context.Context, r stream.Record, out stream.Output) error {
	switch string(r.Header(wire.HeaderKind)) {
	case wire.KindTick:
		return o.tick(r)
	case wire.KindRows:
	default:
		return nil
	}
	switch string(r.Header(wire.HeaderSchema)) {
	case wire.RowsSides:
		return wire.EachSide(r.Value, func(i int, s *wire.SideRow) error { return o.side(ctx, place{r.Offset, i}, s, out) })
	case wire.RowsWear:
		return wire.EachWear(r.Value, func(_ int, w *wire.WearRow) error { return o.minute(ctx, r.Offset, w, out) })
	}
	return nil
}

// view is a quarter of a participant that is being worked on.
type view struct {
	*person
	page  int64
	start int64 // of the quarter, ns
	*opened
	*quarter
}

// view opens the quarter in which a time is.
func (o *operator) view(study, participant string, at time.Time) (*view, error) {
	name := study + "/" + participant
	v := &view{person: o.people[name], opened: new(opened), start: floor(at.UnixNano(), int64(pair.Length))}
	if v.person == nil {
		v.person = newPerson(name)
	}
	v.page = floor(v.start, int64(pageLength))
	if p, ok := v.pages.Get(v.page); ok {
		var err error
		if v.opened, err = decode(p.code); err != nil {
			return nil, fmt.Errorf("page %d of participant %q: %w", v.page, name, err)
		}
	}
	v.quarter = &v.quarters[(v.start-v.page)/int64(pair.Length)]
	return v, nil
}

// floor is the greatest multiple of a length that is not above a time.
func floor(t, length int64) int64 {
	rest := t % length
	if rest < 0 {
		rest += length
	}
	return t - rest
}

// keep makes a view, changed by the record at an offset, part of the transaction.
func (o *operator) keep(v *view, offset int64) {
	v.last = offset
	v.pages.Set(page{v.page, v.opened.encode()})
	o.people[v.name], o.touched[v.name] = v.person, v.person
}

var wrists = map[string]pair.Wrist{"left": pair.Left, "right": pair.Right}

// side takes the row of a side.
func (o *operator) side(ctx context.Context, at place, s *wire.SideRow, out stream.Output) error {
	wrist := wrists[s.Side]
	if s.Participant == "" || wrist == pair.Unknown {
		return nil
	}
	if s.Length == time.Minute {
		return o.takenBack(ctx, at.offset, s, out)
	}
	v, err := o.view(s.Study, s.Participant, s.Start)
	if err != nil {
		return err
	}
	now := v.side(s.Sensor)
	if s.Status == wire.StatusRetracted {
		if now.wrist != wrist {
			return nil // it is on the other wrist by now, or was never here
		}
		now.wrist, now.covered, now.final, now.offset, now.row = pair.Unknown, false, false, 0, 0
	} else {
		epochs, err := readSide(s)
		if err != nil {
			return err
		}
		o.sides.put(at, epochs)
		now.wrist, now.covered, now.final = wrist, pair.Covered(s.Coverage), s.Status != wire.StatusProvisional
		now.offset, now.row = at.offset, at.row
	}
	v.put(now)
	if err := o.judge(ctx, v, s.Sensor, true, out); err != nil {
		return err
	}
	o.keep(v, at.offset)
	return nil
}

// minute takes the row of a minute of wear.
func (o *operator) minute(ctx context.Context, offset int64, w *wire.WearRow, out stream.Output) error {
	if w.Participant == "" || wrists[w.Side] == pair.Unknown {
		return nil
	}
	v, err := o.view(w.Study, w.Participant, w.Start)
	if err != nil {
		return err
	}
	was := v.side(w.Sensor)
	now, bit := was, v.minute(w.Start)
	now.has |= bit
	now.worn &^= bit
	if w.State == wear.Wear.String() {
		now.worn |= bit
	}
	if w.Status != wire.StatusProvisional {
		now.settled |= bit
	}
	return o.change(ctx, v, &was, now, offset, out)
}

// takenBack takes it that a minute of a sensor is another's now.
func (o *operator) takenBack(ctx context.Context, offset int64, s *wire.SideRow, out stream.Output) error {
	v, err := o.view(s.Study, s.Participant, s.Start)
	if err != nil {
		return err
	}
	was := v.side(s.Sensor)
	now, bit := was, v.minute(s.Start)
	now.has, now.worn, now.settled = was.has&^bit, was.worn&^bit, was.settled&^bit
	return o.change(ctx, v, &was, now, offset, out)
}

// change makes of a side what minutes say, if that is another.
func (o *operator) change(ctx context.Context, v *view, was *side, now side, offset int64, out stream.Output) error {
	if now == *was {
		return nil
	}
	v.put(now)
	if err := o.judge(ctx, v, now.sensor, false, out); err != nil {
		return err
	}
	o.keep(v, offset)
	return nil
}

// minute is the bit of the minute that begins at a time.
func (v *view) minute(at time.Time) uint16 {
	return 1 << ((at.UnixNano() - v.start) / int64(time.Minute))
}

// Flush hands out the rows collected since the last Commit, and the clock.
func (o *operator) Flush(out stream.Output) error {
	if out == stream.Discard {
		o.tally.reset() // it was counted when it was said
	}
	for p := range o.rows {
		if err := o.flushRows(int32(p), out); err != nil {
			return err
		}
	}
	if o.time.Clock == o.was.Clock {
		return nil
	}
	return emit.Clock(out, o.time.Clock, wire.TopicName(o.cfg.Cell, wire.TopicFeatures), o.partition,
		wire.TopicName(o.cfg.Cell, wire.TopicParticipants), wire.ParticipantsPartitions)
}

// Changes yields what changed in the state since the last Commit.
func (o *operator) Changes(yield func(key, value []byte) error) error {
	for _, name := range slices.Sorted(maps.Keys(o.touched)) {
		err := o.touched[name].pages.Changed(func(at int64, p page, there bool) error {
			key := []byte(state.Key(kindPage, name, uint64(at)))
			if !there {
				return yield(key, nil)
			}
			return yield(key, []byte(p.code))
		})
		if err != nil {
			return err
		}
	}
	return o.time.changes(&o.was, yield)
}

// Commit makes the changes the new state.
func (o *operator) Commit() {
	for _, p := range o.touched {
		p.pages.Commit()
	}
	o.was = o.time
	o.metrics.count(&o.tally)
	o.reset()
}

// Rollback goes back to the last Commit.
func (o *operator) Rollback() {
	for _, p := range o.touched {
		p.pages.Rollback()
	}
	o.time = o.was
	o.newRows()
	o.reset()
}

// reset ends a transaction, and forgets participants of whom nothing is known.
func (o *operator) reset() {
	for name, p := range o.touched {
		if len(p.pages.Rows()) == 0 {
			delete(o.people, name)
		}
	}
	clear(o.touched)
	o.tally.reset()
}
