package device

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
)

// Keys of the changelog: a kind, the sensor, a zero byte, and what is named
// behind it as big-endian numbers. The clock and the marks belong to the
// partition.
const (
	kindClock   = 'c'
	kindMarks   = 'm'
	kindHead    = 'h'
	kindBoot    = 'o' // + number
	kindEntry   = 'e' // + boot, seq
	kindBlock   = 'b' // + boot, first seq
	kindLedger  = 'l' // + length in seconds, page
	kindQuarter = 'q' // + page
	kindPending = 'p' // + hour
	kindWearing = 'w'
	kindDriver  = 's' // its last minute, and the snapshot
	kindOrders  = 'a' // of algorithms, by whose places words are kept
	kindWords   = 'v' // + place, of the first left out; + page
)

// assignment says whose sensor it is in [From, To), ns.
type assignment struct {
	_                        struct{} `cbor:",toarray"`
	Study, Participant, Side string
	From, To                 int64
}

// head is the part of a sensor's state that changes with nearly every record.
type head struct {
	_           struct{} `cbor:",toarray"`
	Thing       string
	Sequence    window.Sequence
	Assignments []assignment  // disjoint, ascending
	Restated    []assignment  // what the windows of these intervals still say
	Sweeps      []window.Span // in which windows may have become final
	Late        []window.Key  // that the last batch changed after they were final
	Gone        int64         // up to here the log no longer holds everything; MinTime: it does
}

// ledgerPage is what was handed out of neighbouring windows.
type ledgerPage struct {
	key  window.PageKey
	page window.Page
}

// sensor is the state of one sensor, in tables that a rollback takes back, and
// what is made from them.
type sensor struct {
	name     string
	head     head
	entries  state.Table[name, *entry]
	blocks   state.Table[name, block]
	ledger   state.Table[window.PageKey, ledgerPage]
	quarters state.Table[window.PageKey, ledgerPage] // the ledger of these
	words    []*words                                // by the orders of algorithms that said something
	own      *words                                  // those of the order that says what comes; nil: none does
	pending  state.Table[int64, agenda]
	wearing  wearing

	undo  *undone // as last committed, while this transaction has touched the sensor
	fresh bool    // there was no such sensor then

	spans    spans        // entries in the order of time
	cached   []*entry     // entries with raw
	recalled []*recall    // blocks that were read again, the latest first
	begun    window.Begun // windows that are being summed
}

func newSensor(name_ string) *sensor {
	return &sensor{
		name: name_,
		head: head{Gone: window.MinTime},
		entries: state.Table[name, *entry]{
			Key:     func(e *entry) name { return e.name },
			Compare: compareNames,
		},
		blocks: state.Table[name, block]{
			Key:     func(b block) name { return b.first },
			Compare: compareNames,
		},
		ledger:   newLedger(),
		quarters: newLedger(),
		wearing:  newWearing(),
		pending: state.Table[int64, agenda]{
			Key:     func(a agenda) int64 { return a.hour },
			Compare: cmp.Compare[int64],
		},
	}
}

func newLedger() state.Table[window.PageKey, ledgerPage] {
	return state.Table[window.PageKey, ledgerPage]{
		Key: func(p ledgerPage) window.PageKey { return p.key },
		Compare: func(a, b window.PageKey) int {
			return cmp.Or(cmp.Compare(a.Length, b.Length), cmp.Compare(a.Index, b.Index))
		},
	}
}

// undone is what a rollback goes back to beside tables.
type undone struct {
	head
	wearing wearing
	orders  int // how many have words
	own     *words
}

// begin makes what follows part of the open transaction.
func (s *sensor) begin() {
	if s.undo != nil {
		return
	}
	h := s.head
	h.Sequence = s.head.Sequence.Clone()
	h.Assignments = slices.Clone(h.Assignments)
	h.Restated = slices.Clone(h.Restated)
	h.Sweeps = slices.Clone(h.Sweeps)
	w := s.wearing
	w.Todo = slices.Clone(w.Todo)
	s.undo = &undone{h, w, len(s.words), s.own}
}

func (s *sensor) commit() {
	s.entries.Commit()
	s.blocks.Commit()
	s.ledger.Commit()
	s.quarters.Commit()
	for _, w := range s.words {
		w.Commit()
	}
	s.pending.Commit()
	s.head.Sequence.Commit()
	s.undo, s.fresh = nil, false
}

func (s *sensor) rollback() {
	s.entries.Rollback()
	s.blocks.Rollback()
	s.ledger.Rollback()
	s.quarters.Rollback()
	s.words, s.own = s.words[:s.undo.orders], s.undo.own
	for _, w := range s.words {
		w.Rollback()
	}
	s.pending.Rollback()
	s.head, s.wearing, s.undo = s.undo.head, s.undo.wearing, nil
	s.index()
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool {
		there, ok := s.entries.Get(e.name)
		return !ok || there != e
	})
	s.recalled, s.begun = nil, window.Begun{}
}

// index makes the order in time from the entries.
func (s *sensor) index() {
	s.spans = spans{}
	for _, e := range s.entries.Rows() {
		s.spans.insert(e)
	}
}

// changes yields the keys that changed since the last commit.
func (s *sensor) changes(yield func(key string, value []byte) error) error {
	put := func(key string, v any, there bool) error {
		if !there {
			return yield(key, nil)
		}
		b, err := state.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode state of sensor %q: %w", s.name, err)
		}
		return yield(key, b)
	}
	if err := put(state.Key(kindHead, s.name), &s.head, true); err != nil {
		return err
	}
	for b := range s.head.Sequence.Changed {
		if err := put(state.Key(kindBoot, s.name, b.Number), b, true); err != nil {
			return err
		}
	}
	err := s.entries.Changed(func(k name, e *entry, there bool) error {
		return put(state.Key(kindEntry, s.name, k.boot, k.seq), e, there)
	})
	if err != nil {
		return err
	}
	err = s.blocks.Changed(func(k name, b block, there bool) error {
		return put(state.Key(kindBlock, s.name, k.boot, k.seq), storedBlock{From: b.from, To: b.to, Code: []byte(b.code)}, there)
	})
	if err != nil {
		return err
	}
	page := func(key string, p ledgerPage, there bool) error {
		if !there {
			return yield(key, nil)
		}
		return yield(key, []byte(p.page))
	}
	err = s.ledger.Changed(func(k window.PageKey, p ledgerPage, there bool) error {
		return page(state.Key(kindLedger, s.name, uint64(k.Length/time.Second), uint64(k.Index)), p, there)
	})
	if err != nil {
		return err
	}
	err = s.quarters.Changed(func(k window.PageKey, p ledgerPage, there bool) error {
		return page(state.Key(kindQuarter, s.name, uint64(k.Index)), p, there)
	})
	if err != nil {
		return err
	}
	if len(s.words) > s.undo.orders {
		if err := put(state.Key(kindOrders, s.name), s.orders(), true); err != nil {
			return err
		}
	}
	for place, w := range s.words {
		err := w.Changed(func(k window.PageKey, p ledgerPage, there bool) error {
			return page(wordsKey(s.name, place, k), p, there)
		})
		if err != nil {
			return err
		}
	}
	if err := s.changesOfWear(put, yield); err != nil {
		return err
	}
	return s.pending.Changed(func(hour int64, a agenda, there bool) error {
		return put(state.Key(kindPending, s.name, uint64(hour)), a.items, there)
	})
}

type storedBlock struct {
	_        struct{} `cbor:",toarray"`
	From, To int64
	Code     []byte
}

// restoreSensor builds a sensor from its keys in the changelog.
func restoreSensor(name string, stored map[string][]byte) (*sensor, error) {
	s := newSensor(name)
	keys := make([]string, 0, len(stored))
	for key := range stored {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(order(a[0]), order(b[0])), cmp.Compare(a, b))
	})
	for _, key := range keys {
		if err := s.restore(key, stored[key]); err != nil {
			return nil, fmt.Errorf("restore sensor %q: %w", name, err)
		}
	}
	s.ownWords()
	s.index()
	s.commit()
	return s, nil
}

// order puts the head first and boots before what is of them.
func order(kind byte) int {
	switch kind {
	case kindHead:
		return 0
	case kindBoot:
		return 1
	}
	return 2
}

// restore takes one key. Keys of a kind come in ascending order, which is that of
// their rows, but for numbers below zero.
func (s *sensor) restore(key string, value []byte) error {
	kind, _, n, err := state.SplitKey(key)
	if err != nil {
		return err
	}
	switch {
	case kind == kindHead && len(n) == 0:
		return cbor.Unmarshal(value, &s.head)
	case kind == kindBoot && len(n) == 1:
		var b window.Boot
		if err := cbor.Unmarshal(value, &b); err != nil {
			return err
		}
		if b.Number != n[0] {
			return fmt.Errorf("state key %q holds boot %d", key, b.Number)
		}
		s.head.Sequence.Restore(b)
	case kind == kindEntry && len(n) == 2:
		e := &entry{name: name{n[0], n[1]}}
		if err := cbor.Unmarshal(value, e); err != nil {
			return err
		}
		s.entries.Set(e)
		return s.hold(n[0], n[1], n[1]+1)
	case kind == kindBlock && len(n) == 2:
		return s.restoreBlock(name{n[0], n[1]}, value)
	case kind == kindLedger && len(n) == 2:
		return restorePage(&s.ledger, window.PageKey{Length: time.Duration(n[0]) * time.Second, Index: int64(n[1])}, value)
	case kind == kindQuarter && len(n) == 1:
		return restorePage(&s.quarters, window.PageKey{Length: quarterLength, Index: int64(n[0])}, value)
	case kind == kindOrders && len(n) == 0:
		var orders []string
		err := cbor.Unmarshal(value, &orders)
		for _, algo := range orders {
			s.wordsBy(algo)
		}
		return err
	case kind == kindWords && (len(n) == 1 || len(n) == 2):
		return s.restoreWords(n, value)
	case kind == kindWearing && len(n) == 0:
		return cbor.Unmarshal(value, &s.wearing)
	case kind == kindDriver && len(n) == 0 && len(value) >= 8:
		at := int64(binary.BigEndian.Uint64(value))
		s.wearing.driver, s.wearing.at, s.wearing.stored = string(value[8:]), at, at
	case kind == kindPending && len(n) == 1:
		a := agenda{hour: int64(n[0])}
		err := cbor.Unmarshal(value, &a.items)
		s.pending.Set(a)
		return err
	default:
		return fmt.Errorf("state key %q is unknown", key)
	}
	return nil
}

func restorePage(ledger *state.Table[window.PageKey, ledgerPage], k window.PageKey, value []byte) error {
	page, err := window.ParsePage(k, value)
	ledger.Set(ledgerPage{k, page})
	return err
}

func (s *sensor) restoreBlock(first name, value []byte) error {
	var stored storedBlock
	if err := cbor.Unmarshal(value, &stored); err != nil {
		return err
	}
	b := block{first, stored.From, stored.To, string(stored.Code)}
	h, _, err := b.head()
	if err != nil {
		return err
	}
	s.blocks.Set(b)
	for _, r := range h.runs {
		if err := s.hold(first.boot, r.From, r.To); err != nil {
			return err
		}
	}
	return nil
}

func (s *sensor) hold(boot, from, to uint64) error {
	if !s.head.Sequence.Hold(boot, from, to, false) {
		return fmt.Errorf("batches of boot %d and no boot", boot)
	}
	return nil
}
