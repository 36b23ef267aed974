package device

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/emit"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// Config is what the numbers and the times of rows depend on.
type Config struct {
	Cell   string
	Sets   []*features.Set // default: core.v1 and ref.v1
	Wear   *wear.Config    // nil: of minutes of wear nothing is said
	Memory time.Duration   // how long a device's memory lasts: after it a hole is assumed lost
}

// DefaultMemory is the memory horizon of a device (definitions, section 3).
const DefaultMemory = 14 * 24 * time.Hour

type operator struct {
	cfg       Config
	metrics   *metrics
	partition int32
	history   stream.History

	sensors map[string]*sensor
	touched map[string]*sensor // since the last Commit
	time    times
	was     times // at the last Commit
	ticked  bool  // a tick came since the last Commit
	cold    bool  // raw samples of pending windows are still in the log only

	rows     [wire.FeaturesPartitions]*wire.WindowRows
	columns  []string         // of all sets: one schema, so that readers need no option
	live     []*window.Rows   // of the sets that look at the window alone
	around   []*window.Around // of those that look beyond it
	summer   window.Summer
	quarters window.Summer
	wear     *wearer // nil: it is not asked for
	sides    *sides
	tally    tally
	devices  atomic.Int64 // len(sensors) at the last Commit

	recalling map[*sensor]bool // that hold blocks read again
	found     []*entry         // and what else is used again and again
	batches   []*wire.SampleBatch
	inside    []*wire.SampleBatch
	sums      []window.Summed
}

// New makes operators of the device topic.
func New(cfg Config, reg prometheus.Registerer) stream.NewOperator {
	m := newMetrics(reg)
	if len(cfg.Sets) == 0 {
		cfg.Sets = []*features.Set{features.Core, features.Ref}
	}
	return func(partition int32, stored map[string][]byte, history stream.History) (stream.Operator, error) {
		o := &operator{
			cfg: cfg, metrics: m, partition: partition, history: history,
			sensors: map[string]*sensor{}, touched: map[string]*sensor{}, recalling: map[*sensor]bool{},
			columns: features.Columns(cfg.Sets...), tally: newTally(), cold: len(stored) > 0,
		}
		for _, set := range cfg.Sets {
			if set.LooksAround() {
				o.around = append(o.around, window.NewAround(set, o.columns))
				continue
			}
			o.live = append(o.live, window.NewRows(set, o.columns))
			o.summer.SamplesAt = append(o.summer.SamplesAt, set.SampleLengths()...)
		}
		if cfg.Wear != nil {
			var err error
			if o.wear, err = newWearer(*cfg.Wear); err != nil {
				return nil, err
			}
			o.summer.SamplesAt = append(o.summer.SamplesAt, time.Minute)
			o.sides = newSides()
		}
		o.newRows()
		err := o.restore(stored)
		o.devices.Store(int64(len(o.sensors)))
		return o, err
	}
}

func (o *operator) newRows() {
	schema := wire.WindowSchema(o.columns)
	for i := range o.rows {
		o.rows[i] = wire.NewWindowRows(schema)
	}
	if o.wear != nil {
		o.wear.clear()
		o.sides.clear()
	}
}

// nobody owns the partition's own keys; no sensor has this name.
const nobody = ""

func (o *operator) restore(stored map[string][]byte) error {
	bySensor := map[string]map[string][]byte{}
	for key, value := range stored {
		_, name, _, err := state.SplitKey(key)
		if err != nil {
			return err
		}
		if bySensor[name] == nil {
			bySensor[name] = map[string][]byte{}
		}
		bySensor[name][key] = value
	}
	if err := o.time.restore(bySensor[nobody]); err != nil {
		return err
	}
	o.was = o.time
	delete(bySensor, nobody)
	for name, keys := range bySensor {
		s, err := restoreSensor(name, keys)
		if err != nil {
			return err
		}
		o.sensors[name] = s
	}
	return nil
}

// Apply takes one record of the device topic.
func (o *operator) Apply(ctx context.Context, r stream.Record, out stream.Output) error {
	switch string(r.Header(wire.HeaderKind)) {
	case wire.KindSamples:
		return o.samples(ctx, r, out)
	case wire.KindStatus:
		return o.status(ctx, r, out)
	case wire.KindAssignment:
		return o.assign(ctx, r, out)
	case wire.KindTick:
		return o.tick(ctx, r, out)
	}
	return nil // kept in landing; nothing here depends on it
}

// sensor returns the state of a sensor, made where it is new, for a change.
func (o *operator) sensor(name string) *sensor {
	s := o.sensors[name]
	if s == nil {
		s = newSensor(name)
		s.fresh = true
		o.sensors[name] = s
	}
	o.begin(s)
	return s
}

func (o *operator) begin(s *sensor) {
	s.begin()
	if o.wear != nil && s.wearing.Algo != o.wear.algo {
		s.sayBy(o.wear.algo, o.time.Clock)
	}
	o.touched[s.name] = s
}

func (o *operator) samples(ctx context.Context, r stream.Record, out stream.Output) error {
	e, err := decode(r)
	if err != nil {
		o.quarantine(r, wire.RefusalReason(err), out)
		return nil
	}
	if s := o.sensors[string(r.Key)]; s != nil && s.head.Sequence.Has(e.name.boot, e.name.seq) {
		return o.repeat(ctx, s, e, r, out)
	}
	s := o.sensor(string(r.Key))
	seq := &s.head.Sequence
	s.head.Thing = string(r.Header(wire.HeaderThing))
	seen, until := seq.Seen(e.name.boot), e.End
	if e.timed() {
		until = max(until, e.To)
	}
	s.entries.Set(e)
	s.spans.insert(e)
	s.cached = append(s.cached, e)
	seq.Add(e.raw.SampleBatch, until, o.time.Clock)
	o.tally.batch(e)
	touched := o.touch(s, e)
	if slices.ContainsFunc(touched, func(k window.Key) bool { return s.handed(k).State >= window.Final }) {
		o.tally.late++
	}
	if err := o.settle(ctx, s, touched, e.name.boot, seen, out); err != nil {
		return err
	}
	if e.name.seq%sealEvery == sealEvery-1 {
		return s.seal()
	}
	return nil
}

// repeat takes a batch whose name is here: an exact repeat says nothing new, other
// bytes are a conflict. What the log no longer holds cannot be compared and counts
// as a repeat.
func (o *operator) repeat(ctx context.Context, s *sensor, e *entry, r stream.Record, out stream.Output) error {
	old, ok := s.entries.Get(e.name)
	if b, sealed := s.blocks.Get(blockOf(e.name)); !ok && sealed {
		entries, _, err := o.recall(ctx, s, &b)
		if err != nil {
			return err
		}
		for _, again := range entries {
			if again.name == e.name {
				old, ok = again, true
			}
		}
	}
	if ok && old.Hash != e.Hash {
		o.quarantine(r, wire.ReasonConflict, out)
		return nil
	}
	o.tally.duplicates++
	return nil
}

func (o *operator) status(ctx context.Context, r stream.Record, out stream.Output) error {
	st, err := wire.DecodeStatus(r.Value)
	if err != nil || st.Kind != wire.StatusEnd {
		return nil
	}
	s := o.sensor(string(r.Key))
	next := uint64(0)
	if st.LastSeq != nil {
		next = *st.LastSeq + 1
	}
	s.head.Sequence.End(st.Boot, next, o.time.Clock)
	return o.settle(ctx, s, nil, st.Boot, window.MinTime, out)
}

// quarantine keeps what cannot be used beside the reason; the record itself stays
// in the device topic and in landing.
func (o *operator) quarantine(r stream.Record, reason string, out stream.Output) {
	o.tally.quarantined[reason]++
	sum := sha256.Sum256(r.Value)
	headers := []stream.Header{
		{Key: wire.HeaderKind, Value: []byte(wire.KindSamples)},
		{Key: wire.HeaderReason, Value: []byte(reason)},
		{Key: wire.HeaderThing, Value: r.Header(wire.HeaderThing)},
		{Key: wire.HeaderReceived, Value: r.Header(wire.HeaderReceived)},
		{Key: wire.HeaderSize, Value: []byte(strconv.Itoa(len(r.Value)))},
		{Key: wire.HeaderSHA256, Value: []byte(hex.EncodeToString(sum[:]))},
		{Key: wire.HeaderTopic, Value: []byte(r.Topic)},
		{Key: wire.HeaderSource, Value: fmt.Appendf(nil, "%s/%d/%d", r.Topic, r.Partition, r.Offset)},
	}
	if form := r.Header(wire.HeaderContentType); form != nil {
		headers = append(headers, stream.Header{Key: wire.HeaderContentType, Value: form})
	}
	out.Emit(wire.TopicName(o.cfg.Cell, wire.TopicQuarantine), -1, r.Header(wire.HeaderThing), r.Value, headers...)
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
	if !o.ticked {
		return nil
	}
	return emit.Clock(out, o.time.Clock, wire.TopicName(o.cfg.Cell, wire.TopicDevice), o.partition,
		wire.TopicName(o.cfg.Cell, wire.TopicFeatures), wire.FeaturesPartitions)
}

// flushRows hands out what is collected for a partition: minutes of wear before the
// windows that they lie in.
func (o *operator) flushRows(p int32, out stream.Output) error {
	if o.wear != nil {
		if err := o.flush(p, wire.RowsWear, o.wear.rows[p], out); err != nil {
			return err
		}
		if err := o.flush(p, wire.RowsSides, o.sides.rows[p], out); err != nil {
			return err
		}
		o.sides.taken[p] = false
	}
	return o.flush(p, wire.RowsWindows, o.rows[p], out)
}

func (o *operator) flush(p int32, schema string, rows emit.Collected, out stream.Output) error {
	return emit.Rows(out, wire.TopicName(o.cfg.Cell, wire.TopicFeatures), p, schema, rows)
}

// Changes yields what changed in the state since the last Commit.
func (o *operator) Changes(yield func(key, value []byte) error) error {
	if o.wear != nil {
		o.wear.park()
	}
	put := func(key string, value []byte) error { return yield([]byte(key), value) }
	for _, name := range slices.Sorted(maps.Keys(o.touched)) {
		if err := o.touched[name].changes(put); err != nil {
			return err
		}
	}
	if !o.ticked {
		return nil
	}
	return o.time.changes(o.was, put)
}

// Commit makes the changes the new state.
func (o *operator) Commit() {
	for _, s := range o.touched {
		s.commit()
	}
	o.was = o.time
	o.metrics.count(&o.tally)
	o.devices.Store(int64(len(o.sensors)))
	o.reset()
}

func (o *operator) reset() {
	o.ticked = false
	clear(o.touched)
	o.tally.reset()
}

// Rollback goes back to the last Commit.
func (o *operator) Rollback() {
	for name, s := range o.touched {
		if s.fresh {
			delete(o.sensors, name)
			delete(o.recalling, s)
			continue
		}
		s.rollback()
	}
	o.time = o.was
	if o.wear != nil {
		o.wear.sensor, o.wear.changed = nil, false
	}
	o.newRows()
	o.reset()
}
