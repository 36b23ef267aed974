package device

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// Keys of the changelog: a kind, the sensor, a zero byte, and what is named below
// it. The clock belongs to the partition.
const (
	kindClock  = 'c'
	kindHead   = 'h'
	kindEntry  = 'e' // + boot, seq, big-endian
	kindLedger = 'l' // + length in seconds, block, big-endian
)

func stateKey(kind byte, sensor string, numbers ...uint64) string {
	k := append([]byte{kind}, sensor...)
	k = append(k, 0)
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return string(k)
}

// splitKey takes a key of the changelog apart.
func splitKey(key string) (kind byte, sensor string, numbers []uint64, err error) {
	i := bytes.IndexByte([]byte(key), 0)
	if i < 1 || (len(key)-i-1)%8 != 0 {
		return 0, "", nil, fmt.Errorf("state key %q is broken", key)
	}
	for rest := []byte(key[i+1:]); len(rest) > 0; rest = rest[8:] {
		numbers = append(numbers, binary.BigEndian.Uint64(rest))
	}
	return key[0], key[1:i], numbers, nil
}

// name is the name of a batch within its sensor.
type name struct{ boot, seq uint64 }

func (n name) compare(o name) int {
	return cmp.Or(cmp.Compare(n.boot, o.boot), cmp.Compare(n.seq, o.seq))
}

// entry is what is kept of a batch.
type entry struct {
	_        struct{} `cbor:",toarray"`
	Offset   int64
	From, To int64  // first sample, end of the batch; ns. To is 0 without samples or with impossible time
	TempFrom int64  // first
	TempTo   int64  // and last reading; ns. 0 without readings
	Hash     []byte // first 8 bytes of SHA-256 of the payload
	Received int64  // append time, microseconds

	name name
	raw  *wire.SampleBatch // nil: read it from the log again
}

// span is the interval of time, ends included, that the entry touches.
func (e *entry) span() (from, to int64, ok bool) {
	switch {
	case e.To == 0 && e.TempTo == 0:
		return 0, 0, false
	case e.To == 0:
		return e.TempFrom, e.TempTo, true
	case e.TempTo == 0:
		return e.From, e.To - 1, true
	}
	return min(e.From, e.TempFrom), max(e.To-1, e.TempTo), true
}

// pending is a window that changed since it was last handed out.
type pending struct {
	_     struct{} `cbor:",toarray"`
	Key   window.Key
	Boot  uint64 // highest boot with data in it that came since
	Since int64  // tick time of the last change, ns
	Old   uint64 // hash of the content that was handed out; 0: none was
	Force bool   // its assignment changed: hand it out whatever the hash says
}

// assignment is an assignment record in the order of the log.
type assignment struct {
	_                        struct{} `cbor:",toarray"`
	Study, Participant, Side string
	From, To                 int64 // ns; To is window.MaxTime where open
}

// restated is an interval whose assignment changed and whose windows are being
// handed out again, a bounded number at a time.
type restated struct {
	_        struct{} `cbor:",toarray"`
	From, To int64
}

// head is the part of a sensor's state that changes with nearly every record.
type head struct {
	_           struct{} `cbor:",toarray"`
	Thing       string
	Sequence    window.Sequence
	Assignments []assignment
	Restated    []restated
	Pending     []pending
}

// sensor is the state of one sensor.
type sensor struct {
	name    string
	head    head // Pending is kept in pending below
	pending map[window.Key]*pending
	ledger  *window.Ledger
	entries map[name]*entry
	byTime  []*entry // those with a span, by its beginning
	maxSpan int64    // longest span of any
	cached  []*entry // those with raw
	fresh   []*entry // not in the changelog yet
}

func newSensor(name_ string) *sensor {
	return &sensor{
		name: name_, pending: map[window.Key]*pending{}, ledger: window.NewLedger(), entries: map[name]*entry{},
	}
}

// insert puts an entry into the indexes.
func (s *sensor) insert(e *entry) {
	s.entries[e.name] = e
	from, to, ok := e.span()
	if !ok {
		return
	}
	s.maxSpan = max(s.maxSpan, to-from+1)
	i := len(s.byTime)
	for i > 0 && compareSpan(s.byTime[i-1], e) > 0 {
		i--
	}
	s.byTime = slices.Insert(s.byTime, i, e)
}

func compareSpan(a, b *entry) int {
	af, _, _ := a.span()
	bf, _, _ := b.span()
	return cmp.Or(cmp.Compare(af, bf), a.name.compare(b.name))
}

// overlapping are the entries that hold a time of the window, by their beginning.
func (s *sensor) overlapping(k window.Key) []*entry {
	i, _ := slices.BinarySearchFunc(s.byTime, k.Start-s.maxSpan, func(e *entry, t int64) int {
		from, _, _ := e.span()
		return cmp.Compare(from, t)
	})
	var found []*entry
	for ; i < len(s.byTime); i++ {
		from, to, _ := s.byTime[i].span()
		if from >= k.End() {
			break
		}
		if to >= k.Start {
			found = append(found, s.byTime[i])
		}
	}
	return found
}

// endOf serves window.Sequence.
func (s *sensor) endOf(boot, seq uint64) (first, end int64, ok bool) {
	e := s.entries[name{boot, seq}]
	if e == nil || e.To == 0 {
		return 0, 0, false
	}
	return e.From, e.To, true
}

var encoding = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// changes yields the sensor's keys that changed.
func (s *sensor) changes(yield func(key string, value []byte) error) error {
	s.head.Pending = s.head.Pending[:0]
	for _, k := range slices.SortedFunc(maps.Keys(s.pending), window.Key.Compare) {
		s.head.Pending = append(s.head.Pending, *s.pending[k])
	}
	h, err := encoding.Marshal(&s.head)
	if err != nil {
		return fmt.Errorf("encode state of sensor %q: %w", s.name, err)
	}
	if err := yield(stateKey(kindHead, s.name), h); err != nil {
		return err
	}
	for _, e := range s.fresh {
		v, err := encoding.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode state of sensor %q: %w", s.name, err)
		}
		if err := yield(stateKey(kindEntry, s.name, e.name.boot, e.name.seq), v); err != nil {
			return err
		}
	}
	s.fresh = s.fresh[:0]
	return s.ledger.Changes(func(length time.Duration, block int64, v []byte) error {
		return yield(stateKey(kindLedger, s.name, uint64(length/time.Second), uint64(block)), v)
	})
}

// restoreSensor builds a sensor from its keys in the changelog.
func restoreSensor(name_ string, state map[string][]byte) (*sensor, error) {
	s := newSensor(name_)
	for _, key := range slices.Sorted(maps.Keys(state)) {
		if err := s.restore(key, state[key]); err != nil {
			return nil, fmt.Errorf("restore sensor %q: %w", name_, err)
		}
	}
	slices.SortFunc(s.byTime, compareSpan)
	return s, nil
}

func (s *sensor) restore(key string, value []byte) error {
	kind, _, n, err := splitKey(key)
	if err != nil {
		return err
	}
	switch {
	case kind == kindHead && len(n) == 0:
		if err := cbor.Unmarshal(value, &s.head); err != nil {
			return err
		}
		for i := range s.head.Pending {
			p := s.head.Pending[i]
			s.pending[p.Key] = &p
		}
	case kind == kindEntry && len(n) == 2:
		e := &entry{name: name{n[0], n[1]}}
		if err := cbor.Unmarshal(value, e); err != nil {
			return err
		}
		s.entries[e.name] = e
		if from, to, ok := e.span(); ok {
			s.maxSpan = max(s.maxSpan, to-from+1)
			s.byTime = append(s.byTime, e) // sorted once all are here
		}
	case kind == kindLedger && len(n) == 2:
		return s.ledger.Restore(time.Duration(n[0])*time.Second, int64(n[1]), value)
	default:
		return fmt.Errorf("state key %q is unknown", key)
	}
	return nil
}
