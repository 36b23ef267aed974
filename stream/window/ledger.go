package window

import (
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"
)

// State of a window: what was handed out of it last.
type State uint8

// States of a window.
const (
	None State = iota
	Provisional
	Final
	Corrected
)

// Entry is the last revision of a window that was handed out.
type Entry struct {
	State    State
	Revision uint32
}

// Ledger remembers Entry for every window of a sensor. Neighbouring windows are
// nearly always alike, so a block of them is stored as runs of equal entries and
// takes a dozen bytes.
type Ledger struct {
	blocks map[blockKey][]byte
	open   map[blockKey]int // provisional entries of a block, where there are any
	dirty  map[blockKey]bool
}

type blockKey struct {
	length time.Duration
	block  int64
}

// blockLen is the number of windows in a block: an hour of them, a day of the
// 15-minute ones.
func blockLen(length time.Duration) int64 {
	if length >= 15*time.Minute {
		return int64(24 * time.Hour / length)
	}
	return int64(time.Hour / length)
}

// NewLedger is an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{map[blockKey][]byte{}, map[blockKey]int{}, map[blockKey]bool{}}
}

func locate(k Key) (blockKey, int) {
	i, n := k.Start/int64(k.Length), blockLen(k.Length)
	b := i / n
	if i%n < 0 {
		b--
	}
	return blockKey{k.Length, b}, int(i - b*n)
}

// Get is what was handed out of a window.
func (l *Ledger) Get(k Key) Entry {
	bk, at := locate(k)
	for n, e := range runs(l.blocks[bk]) {
		if at -= n; at < 0 {
			return e
		}
	}
	return Entry{}
}

// Set notes what was handed out of a window.
func (l *Ledger) Set(k Key, e Entry) {
	bk, at := locate(k)
	cells := make([]Entry, 0, blockLen(k.Length))
	for n, old := range runs(l.blocks[bk]) {
		for range n {
			cells = append(cells, old)
		}
	}
	for len(cells) <= at {
		cells = append(cells, Entry{})
	}
	cells[at] = e
	l.put(bk, encodeRuns(cells))
	l.dirty[bk] = true
}

func (l *Ledger) put(bk blockKey, block []byte) {
	l.blocks[bk] = block
	open := 0
	for n, e := range runs(block) {
		if e.State == Provisional {
			open += n
		}
	}
	if delete(l.open, bk); open > 0 {
		l.open[bk] = open
	}
}

// Open returns the provisional windows that start before until, as they become due.
func (l *Ledger) Open(until int64) []Key {
	var keys []Key
	for _, bk := range slices.Collect(maps.Keys(l.open)) {
		i := bk.block * blockLen(bk.length)
		for n, e := range runs(l.blocks[bk]) {
			for range n {
				k := Key{Length: bk.length, Start: i * int64(bk.length)}
				if e.State == Provisional && k.Start < until {
					keys = append(keys, k)
				}
				i++
			}
		}
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

// Changes yields the blocks that changed since the last call, by length and block.
func (l *Ledger) Changes(yield func(length time.Duration, block int64, value []byte) error) error {
	keys := slices.SortedFunc(maps.Keys(l.dirty), func(a, b blockKey) int {
		return Key{Length: a.length, Start: a.block * blockLen(a.length) * int64(a.length)}.
			Compare(Key{Length: b.length, Start: b.block * blockLen(b.length) * int64(b.length)})
	})
	for _, bk := range keys {
		if err := yield(bk.length, bk.block, l.blocks[bk]); err != nil {
			return err
		}
	}
	clear(l.dirty)
	return nil
}

// Restore puts a block back as Changes gave it.
func (l *Ledger) Restore(length time.Duration, block int64, value []byte) error {
	if length <= 0 {
		return errors.New("restore ledger: no window length")
	}
	n := int64(0)
	for run := range runs(value) {
		n += int64(run)
	}
	if n > blockLen(length) || !validRuns(value) {
		return errors.New("restore ledger: broken block")
	}
	l.put(blockKey{length, block}, value)
	return nil
}

// runs yields (count, entry) of an encoded block: uvarint count<<2|state, then
// uvarint revision where the state is not None.
func runs(b []byte) iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		for len(b) > 0 {
			head, n := binary.Uvarint(b)
			if n <= 0 || head>>2 > 1<<20 {
				return
			}
			b = b[n:]
			e := Entry{State: State(head & 3)}
			if e.State != None {
				rev, n := binary.Uvarint(b)
				if n <= 0 {
					return
				}
				b, e.Revision = b[n:], uint32(rev)
			}
			if !yield(int(head>>2), e) {
				return
			}
		}
	}
}

func validRuns(b []byte) bool {
	var cells []Entry
	for n, e := range runs(b) {
		cells = append(cells, slices.Repeat([]Entry{e}, n)...)
	}
	return slices.Equal(encodeRuns(cells), b)
}

func encodeRuns(cells []Entry) []byte {
	var b []byte
	for i := 0; i < len(cells); {
		j := i
		for j < len(cells) && cells[j] == cells[i] {
			j++
		}
		b = binary.AppendUvarint(b, uint64(j-i)<<2|uint64(cells[i].State))
		if cells[i].State != None {
			b = binary.AppendUvarint(b, uint64(cells[i].Revision))
		}
		i = j
	}
	return b
}

// HandedOut returns the windows that start in [from, to) and were handed out, by
// start: those of about the first most, and where the rest begins (to if none).
func (l *Ledger) HandedOut(from, to int64, most int) (keys []Key, next int64) {
	for bk, block := range l.blocks {
		i := bk.block * blockLen(bk.length)
		for n, e := range runs(block) {
			for range n {
				k := Key{Length: bk.length, Start: i * int64(bk.length)}
				if e.State != None && from <= k.Start && k.Start < to {
					keys = append(keys, k)
				}
				i++
			}
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Length, b.Length))
	})
	for i := most; i < len(keys); i++ {
		if keys[i].Start != keys[i-1].Start {
			return keys[:i], keys[i].Start
		}
	}
	return keys, to
}
