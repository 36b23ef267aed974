package device

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// Config is what the numbers and the times of rows depend on.
type Config struct {
	Cell   string
	Set    *features.Set
	Memory time.Duration // how long a device's memory lasts: after it a hole is assumed lost
}

// DefaultMemory is the memory horizon of a device (definitions, section 3).
const DefaultMemory = 14 * 24 * time.Hour

type operator struct {
	cfg       Config
	metrics   *metrics
	partition int32
	history   stream.History

	sensors   map[string]*sensor
	touched   map[string]*sensor           // since the last Commit
	committed map[string]map[string][]byte // by sensor: what the changelog holds
	clock     int64                        // largest tick, ns; 0 before the first
	ticked    bool                         // a tick came since the last Commit
	cold      bool                         // raw samples of waiting windows are still in the log only

	rows     [wire.FeaturesPartitions]*wire.WindowRows
	merger   window.Merger
	algo     string
	whole    features.Epoch // of the window being computed; here so that it is not allocated
	values   []float64
	handed   map[string]int // rows by status since the last Commit
	conflict int
	refused  int
	staged   []change
}

// New makes operators of the device topic.
func New(cfg Config, reg prometheus.Registerer) stream.NewOperator {
	m := newMetrics(reg)
	return func(partition int32, state map[string][]byte, history stream.History) (stream.Operator, error) {
		o := &operator{
			cfg: cfg, metrics: m, partition: partition, history: history,
			sensors: map[string]*sensor{}, touched: map[string]*sensor{}, committed: map[string]map[string][]byte{},
			algo: cfg.Set.Algo(), values: make([]float64, len(cfg.Set.Features)), handed: map[string]int{}, cold: len(state) > 0,
		}
		o.newRows()
		return o, o.restore(state)
	}
}

func (o *operator) newRows() {
	schema := wire.WindowSchema(o.cfg.Set.Columns())
	for i := range o.rows {
		o.rows[i] = wire.NewWindowRows(schema)
	}
}

// clockSensor is the owner of the partition's own keys; no sensor has this name.
const clockSensor = ""

func (o *operator) restore(state map[string][]byte) error {
	for key, value := range state {
		_, name, _, err := splitKey(key)
		if err != nil {
			return err
		}
		if o.committed[name] == nil {
			o.committed[name] = map[string][]byte{}
		}
		o.committed[name][key] = value
	}
	for name, keys := range o.committed {
		if name == clockSensor {
			o.clock = decodeClock(keys[stateKey(kindClock, clockSensor)])
			continue
		}
		s, err := restoreSensor(name, keys)
		if err != nil {
			return err
		}
		o.sensors[name] = s
	}
	return nil
}

func decodeClock(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
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

// sensor returns the state of a sensor, made where it is new, and notes that it changes.
func (o *operator) sensor(name string) *sensor {
	s := o.sensors[name]
	if s == nil {
		s = newSensor(name)
		o.sensors[name] = s
	}
	o.touched[name] = s
	return s
}

func (o *operator) samples(ctx context.Context, r stream.Record, out stream.Output) error {
	b, err := decode(r)
	if err != nil {
		o.refused++
		o.quarantine(r, wire.RefusalReason(err), out)
		return nil
	}
	thing := string(r.Header(wire.HeaderThing))
	s := o.sensor(string(r.Key))
	sum := sha256.Sum256(r.Value)
	if old := s.entries[name{b.Boot, b.Seq}]; old != nil {
		if string(old.Hash) != string(sum[:8]) {
			o.conflict++
			o.quarantine(r, wire.ReasonConflict, out)
		}
		return nil // an exact repeat says nothing new
	}
	s.head.Thing = thing
	e := newEntry(b, sum[:8], r)
	touched, err := o.touch(ctx, s, e)
	if err != nil {
		return err
	}
	s.insert(e)
	s.fresh = append(s.fresh, e)
	s.cached = append(s.cached, e)
	s.head.Sequence.Add(b, e.To)
	return o.settle(ctx, s, touched, out)
}

// decode reads a batch. Its samples are kept, the fetch buffer is not.
func decode(r stream.Record) (*wire.SampleBatch, error) {
	return wire.DecodeRecord(string(r.Header(wire.HeaderContentType)), slices.Clone(r.Value))
}

func newEntry(b *wire.SampleBatch, hash []byte, r stream.Record) *entry {
	e := &entry{
		name: name{b.Boot, b.Seq}, raw: b, Offset: r.Offset, Hash: hash,
		Received: r.AppendTime.UnixMicro(),
	}
	if flags, _ := strconv.Atoi(string(r.Header(wire.HeaderFlags))); flags&wire.FlagImpossibleTime != 0 {
		return e
	}
	if b.N > 0 {
		e.From, e.To = b.SampleTime(0), b.End()
	}
	if n := len(b.TempMdegC); n > 0 {
		e.TempFrom, e.TempTo = b.ReadingTime(0), b.ReadingTime(n-1)
	}
	return e
}

// touch notes the windows that an entry is about to change. What was handed out
// of them is hashed before it does.
func (o *operator) touch(ctx context.Context, s *sensor, e *entry) (map[window.Key]bool, error) {
	touched := map[window.Key]bool{}
	mark := func(from, to int64) {
		for _, length := range features.Lengths {
			window.Touching(length, from, to, func(k window.Key) { touched[k] = true })
		}
	}
	if e.To != 0 {
		mark(e.From, e.To-1)
	}
	if e.TempTo != 0 {
		mark(e.TempFrom, e.TempTo)
	}
	for _, k := range slices.SortedFunc(maps.Keys(touched), window.Key.Compare) {
		p := s.pending[k]
		if p == nil {
			p = &pending{Key: k}
			if s.ledger.Get(k).State != window.None {
				row, err := o.evaluate(ctx, s, k)
				if err != nil {
					return nil, err
				}
				p.Old = contentHash(row)
			}
			s.pending[k] = p
		}
		p.Boot, p.Since = max(p.Boot, e.name.boot), o.clock
	}
	return touched, nil
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
	s.head.Sequence.End(st.Boot, next)
	return o.settle(ctx, s, nil, out)
}

// quarantine keeps what cannot be used beside the reason; the record itself stays
// in the device topic and in landing.
func (o *operator) quarantine(r stream.Record, reason string, out stream.Output) {
	sum := sha256.Sum256(r.Value)
	out.Emit(wire.TopicName(o.cfg.Cell, wire.TopicQuarantine), -1, r.Header(wire.HeaderThing), r.Value,
		stream.Header{Key: wire.HeaderKind, Value: []byte(wire.KindSamples)},
		stream.Header{Key: wire.HeaderReason, Value: []byte(reason)},
		stream.Header{Key: wire.HeaderThing, Value: r.Header(wire.HeaderThing)},
		stream.Header{Key: wire.HeaderReceived, Value: r.Header(wire.HeaderReceived)},
		stream.Header{Key: wire.HeaderSize, Value: []byte(strconv.Itoa(len(r.Value)))},
		stream.Header{Key: wire.HeaderSHA256, Value: []byte(hex.EncodeToString(sum[:]))},
		stream.Header{Key: wire.HeaderTopic, Value: []byte(r.Topic)},
		stream.Header{Key: wire.HeaderSource, Value: fmt.Appendf(nil, "%s/%d/%d", r.Topic, r.Partition, r.Offset)},
	)
}

// Flush hands out the rows collected since the last Commit, and the clock.
func (o *operator) Flush(out stream.Output) error {
	for p := range o.rows {
		if err := o.flushRows(int32(p), out); err != nil {
			return err
		}
	}
	if !o.ticked {
		return nil
	}
	value, err := json.Marshal(wire.Tick{UTC: o.clock / 1000})
	if err != nil {
		return err
	}
	source := fmt.Appendf(nil, "%s/%d", wire.TopicName(o.cfg.Cell, wire.TopicDevice), o.partition)
	for p := range int32(wire.FeaturesPartitions) {
		out.Emit(wire.TopicName(o.cfg.Cell, wire.TopicFeatures), p, nil, value,
			stream.Header{Key: wire.HeaderKind, Value: []byte(wire.KindTick)},
			stream.Header{Key: wire.HeaderSource, Value: source})
	}
	return nil
}

func (o *operator) flushRows(p int32, out stream.Output) error {
	if o.rows[p].Len() == 0 {
		return nil
	}
	value, err := o.rows[p].Encode()
	if err != nil {
		return err
	}
	out.Emit(wire.TopicName(o.cfg.Cell, wire.TopicFeatures), p, nil, value,
		stream.Header{Key: wire.HeaderKind, Value: []byte(wire.KindRows)},
		stream.Header{Key: wire.HeaderSchema, Value: []byte(wire.RowsWindows)})
	return nil
}

// Changes yields what changed in the state since the last Commit.
func (o *operator) Changes(yield func(key, value []byte) error) error {
	note := func(name string) func(string, []byte) error {
		if o.committed[name] == nil {
			o.committed[name] = map[string][]byte{}
		}
		return func(key string, value []byte) error {
			o.staged = append(o.staged, change{name, key, value})
			return yield([]byte(key), value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.touched)) {
		if err := o.touched[name].changes(note(name)); err != nil {
			return err
		}
	}
	if o.ticked {
		return note(clockSensor)(stateKey(kindClock, clockSensor), binary.BigEndian.AppendUint64(nil, uint64(o.clock)))
	}
	return nil
}

// Commit makes the changes the new state.
func (o *operator) Commit() {
	for _, c := range o.staged {
		o.committed[c.sensor][c.key] = c.value
	}
	o.metrics.conflicts.Add(float64(o.conflict))
	o.metrics.refused.Add(float64(o.refused))
	for status, n := range o.handed {
		o.metrics.rows.WithLabelValues(status).Add(float64(n))
	}
	o.reset()
}

func (o *operator) reset() {
	o.staged, o.ticked, o.conflict, o.refused = nil, false, 0, 0
	clear(o.touched)
	clear(o.handed)
}

// Rollback goes back to the last Commit: touched sensors are built again from
// what the changelog holds of them.
func (o *operator) Rollback() {
	for name := range o.touched {
		s, err := restoreSensor(name, o.committed[name])
		if err != nil {
			panic(fmt.Sprintf("state of sensor %q that was read before cannot be read again: %v", name, err))
		}
		if len(s.entries) == 0 && len(o.committed[name]) == 0 {
			delete(o.sensors, name)
			continue
		}
		o.sensors[name] = s
	}
	o.clock = decodeClock(o.committed[clockSensor][stateKey(kindClock, clockSensor)])
	o.cold = true
	o.newRows()
	o.reset()
}

// change is one key of the state between Changes and Commit.
type change struct {
	sensor, key string
	value       []byte
}
