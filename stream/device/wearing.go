package device

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

const minute = int64(time.Minute)

// wearing is what is known of a sensor's minutes of wear beside what was said of them.
// Minutes are named by their starts.
type wearing struct {
	_     struct{}      `cbor:",toarray"`
	Upto  int64         // the last minute that the driver has seen; MinTime: none
	Sure  int64         // the last minute whose window is final
	Open  int64         // none before is provisional
	Todo  []window.Span // minutes [From, To] that changed after the driver saw them, or were not shown to it; ascending
	Since int64         // tick time at which Todo began
	Tail  int64         // the Upto after which the recording was said to end
	Algo  string        // of what was said

	driver string // a snapshot
	at     int64  // the last minute in it: Upto, or after a restart an earlier one
	stored int64  // the last minute in the snapshot of the changelog
}

func newWearing() wearing {
	return wearing{
		Upto: window.MinTime, Sure: window.MinTime, Open: window.MaxTime, Tail: window.MinTime,
		at: window.MinTime, stored: window.MinTime,
	}
}

// later notes a minute to be looked at. Those less than an hour apart are looked at
// together, so there are not many spans, whatever comes.
func (w *wearing) later(m, now int64) {
	if len(w.Todo) == 0 {
		w.Since = now
	}
	i := 0
	for i < len(w.Todo) && w.Todo[i].To+hour < m {
		i++
	}
	j, span := i, window.Span{From: m, To: m}
	for ; j < len(w.Todo) && w.Todo[j].From <= m+hour; j++ {
		span = window.Span{From: min(span.From, w.Todo[j].From), To: max(span.To, w.Todo[j].To)}
	}
	w.Todo = slices.Replace(w.Todo, i, j, span)
}

// done takes the minutes up to one out of Todo.
func (w *wearing) done(upto int64) {
	for len(w.Todo) > 0 && w.Todo[0].From <= upto {
		if w.Todo[0].From = upto + minute; w.Todo[0].To <= upto {
			w.Todo = w.Todo[1:]
		}
	}
}

// wearer says of minutes whether a sensor was worn: one driver for all sensors of the
// partition, of which each has a snapshot.
type wearer struct {
	driver  *wear.Driver
	algo    string
	sensor  *sensor // whose driver it is now; nil: nobody's
	changed bool    // since the sensor's snapshot was taken
	partial wear.Partial
	merger  window.Merger
	buf     []byte
	rows    [wire.FeaturesPartitions]wire.WearRows
}

// CheckWear reports what the stream cannot say of wear.
func CheckWear(cfg wear.Config) error {
	_, err := newWearer(cfg)
	return err
}

func newWearer(cfg wear.Config) (*wearer, error) {
	if slices.Contains(cfg.Order, "choi") {
		return nil, errors.New("algorithm choi needs activity counts, which come later than wear is asked for: use wearstream features --wear")
	}
	d, err := wear.New(cfg)
	if err != nil {
		return nil, err
	}
	w := &wearer{driver: d, algo: cfg.Algo()}
	w.clear()
	return w, nil
}

func (w *wearer) clear() {
	for i := range w.rows {
		w.rows[i] = wire.NewWearRows()
	}
}

// park takes the snapshot of the sensor whose driver it is.
func (w *wearer) park() {
	if !w.changed {
		return
	}
	w.changed = false
	w.buf = w.driver.Append(w.buf[:0])
	w.sensor.wearing.driver, w.sensor.wearing.at = string(w.buf), w.sensor.wearing.Upto
}

// changesOfWear yields what changed of wearing since the last commit. A snapshot goes
// there every quarter of an hour: from it on the driver sees minutes again.
func (s *sensor) changesOfWear(put func(key string, v any, there bool) error, yield func(key string, value []byte) error) error {
	w, was := &s.wearing, &s.undo.wearing
	if w.Upto != was.Upto || w.Sure != was.Sure || w.Open != was.Open || w.Since != was.Since || w.Tail != was.Tail || w.Algo != was.Algo || !slices.Equal(w.Todo, was.Todo) {
		if err := put(state.Key(kindWearing, s.name), w, true); err != nil {
			return err
		}
	}
	if w.driver == "" || w.stored != window.MinTime && window.At(quarterLength, w.at) == window.At(quarterLength, w.stored) {
		return nil
	}
	w.stored = w.at
	return yield(state.Key(kindDriver, s.name), append(binary.BigEndian.AppendUint64(nil, uint64(w.at)), w.driver...))
}

// leave takes the snapshot and makes the driver nobody's.
func (w *wearer) leave() {
	w.park()
	w.sensor = nil
}

// fresh makes the driver that of a recording that begins, of nobody.
func (w *wearer) fresh() {
	w.leave()
	w.driver.Reset()
}

// take makes the driver that of a sensor, as of its last minute. After a restart it
// sees the minutes again that came after the snapshot, of which all is said.
func (o *operator) take(ctx context.Context, s *sensor) error {
	w := o.wear
	if w == nil || w.sensor == s {
		return nil
	}
	w.fresh()
	k := &s.wearing
	if k.Upto == window.MinTime { // a snapshot would be of another recording
		k.driver, k.stored, w.sensor = "", window.MinTime, s
		return nil
	}
	if err := w.driver.Restore([]byte(k.driver)); err != nil {
		// It is of other algorithms: they see what can matter to the minutes that they decide.
		k.at = earlier(k.Upto, w.driver.Before()+w.driver.Lag()+time.Minute)
	}
	if k.at < k.Upto {
		if err := o.show(ctx, s, k.at+minute, k.Upto, func(wear.Minute) {}); err != nil {
			return err
		}
	}
	w.sensor, w.changed = s, k.at < k.Upto
	return nil
}

// show lets the driver see the minutes [from, to] that were handed out, as they are now.
// It answers through yield. What the log no longer holds is a recording's end.
func (o *operator) show(ctx context.Context, s *sensor, from, to int64, yield func(wear.Minute)) error {
	var keys []window.Key
	for k := range s.from(time.Minute, max(from, 0), isHandedOut) {
		if k.Start > to {
			break
		}
		keys = append(keys, k)
	}
	for i, k := range keys {
		if err := o.prefetch(ctx, s, keys[i:]); err != nil {
			return err
		}
		entries, ok, err := o.gather(ctx, s, k)
		if err != nil {
			return err
		}
		if !ok || k.Start <= s.head.Gone {
			o.tally.unreadable++
			o.wear.driver.Reset()
			continue
		}
		batches := o.batchesOf(entries)
		sum := o.summer.Sum(k, batches, nil)
		if sum.N == 0 {
			continue
		}
		if err := o.wear.driver.Show(o.wear.of(k, &sum, batches), yield); err != nil {
			return err
		}
	}
	o.evict(s)
	return nil
}

// of is what the driver is to see of a minute.
func (w *wearer) of(k window.Key, sum *window.Sum, batches []*wire.SampleBatch) *wear.Partial {
	w.partial.Set(k.Start, sum.Samples, w.merger.Frame(k, batches).Readings, sum.Rate)
	if slices.ContainsFunc(batches, func(b *wire.SampleBatch) bool { return b.Charging.OK && b.Charging.Value && k.Holds(b) }) {
		w.partial.Reported = wear.Charging
	}
	return &w.partial
}

// minute takes the window of a minute that is handed out. The driver sees it at once
// if it is the next one; otherwise mend shows it again what is around it.
func (o *operator) minute(s *sensor, r *revision, sum *window.Sum, out stream.Output) error {
	w, m := &s.wearing, r.key.Start
	if o.wear == nil { // if it is asked for again, another recording begins
		w.Upto, w.Todo = window.MinTime, nil
		return nil
	}
	if m < 0 {
		return nil
	}
	if r.state >= window.Final {
		w.Sure = max(w.Sure, m)
	}
	switch {
	case m <= w.Upto && r.number > 1: // touch has noted what is new in it
		return nil
	case m <= w.Upto || len(w.Todo) > 0:
		w.later(m, o.time.Clock)
		return nil
	}
	w.Upto, o.wear.changed = m, true
	return o.answers(s, out, func(yield func(wear.Minute)) error {
		return o.wear.driver.Push(o.wear.of(r.key, sum, o.batchesOf(r.entries)), yield)
	}, m <= w.Sure)
}

// answers hands out what the driver says. sure is that nothing before what it has seen
// is missing.
func (o *operator) answers(s *sensor, out stream.Output, ask func(yield func(wear.Minute)) error, sure bool) (err error) {
	asked := ask(func(m wear.Minute) {
		if err == nil {
			err = o.verdict(s, m, sure, out)
		}
	})
	if err != nil {
		return err
	}
	return asked
}

// verdict hands out what is said of a minute, if that is new. What is final stays until
// something final says otherwise.
func (o *operator) verdict(s *sensor, m wear.Minute, sure bool, out stream.Output) error {
	was := s.own.of(m.Start)
	state := window.Provisional
	if m.Final && sure {
		state = window.Final
	}
	same := was.is == m.State && was.by == m.By
	switch was.State {
	case window.None:
	case window.Provisional:
		if same && state == window.Provisional {
			return nil
		}
	default:
		if same || !m.Final {
			return nil
		}
		state = window.Corrected
	}
	return o.say(s, s.own, m.Start, word{state, was.revision + 1, m.State, m.By}, out)
}

// settleWear hands out as final what only waited for something before it: minutes that
// the driver has decided long ago.
func (o *operator) settleWear(s *sensor, out stream.Output) error {
	if o.wear == nil {
		return nil
	}
	return o.decided(s, earlier(min(s.wearing.Sure, s.wearing.Upto), o.wear.driver.Lag()), out)
}

// decided hands out as final what is provisional up to a minute.
func (o *operator) decided(s *sensor, upto int64, out stream.Output) error {
	w := &s.wearing
	if w.Open > upto {
		return nil
	}
	var due []int64
	open := window.MaxTime
	for k := range s.own.from(w.Open, isProvisional) {
		if k.Start > upto {
			open = k.Start
			break
		}
		due = append(due, k.Start)
	}
	w.Open = open
	for _, m := range due {
		is := s.own.of(m)
		is.State, is.revision = window.Final, is.revision+1
		if err := o.say(s, s.own, m, is, out); err != nil {
			return err
		}
	}
	return nil
}

// endWear says what the minutes up to the last are if nothing follows. The device has
// said so; should there be more, minutes are corrected.
func (o *operator) endWear(ctx context.Context, s *sensor, out stream.Output) error {
	w := &s.wearing
	if err := o.take(ctx, s); err != nil {
		return err
	}
	w.Tail = w.Upto
	o.wear.leave() // it ends for good
	err := o.answers(s, out, func(yield func(wear.Minute)) error {
		o.wear.driver.End(yield)
		return nil
	}, true)
	if err != nil {
		return err
	}
	return o.decided(s, w.Upto, out)
}

// restateWear hands out again the minutes that an interval told to say otherwise has, and
// takes them back from whom they were. The words of now come last, as pairing takes the
// last word.
func (o *operator) restateWear(s *sensor, why cause, out stream.Output) error {
	if o.wear == nil { // they may be from when it was asked for
		return nil
	}
	all := slices.DeleteFunc(slices.Clone(s.words), func(w *words) bool { return w == s.own })
	all = append(all, s.own)
	for _, by := range all {
		for _, m := range s.dueOf(by, why) {
			if now := at(s.head.Assignments, m); isSide(*why.said) && !(isSide(now) && now.ofSame(*why.said)) {
				if err := o.takeBack(s, m, *why.said, out); err != nil {
					return err
				}
			}
		}
	}
	for _, by := range all {
		for _, m := range s.dueOf(by, why) {
			is := by.of(m)
			if is.revision++; is.State == window.Final {
				is.State = window.Corrected
			}
			if err := o.say(s, by, m, is, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// dueOf are the minutes that are to be said again. What the log no longer holds stands,
// like its windows.
func (s *sensor) dueOf(by *words, why cause) (due []int64) {
	for k := range by.from(why.said.From, isHandedOut) {
		if k.Start >= why.said.To {
			break
		}
		if k.Start > s.head.Gone && why.restated(s, k.Start) {
			due = append(due, k.Start)
		}
	}
	return due
}
