package device

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// entry is what is kept of a batch. From > To without event time.
type entry struct {
	_        struct{} `cbor:",toarray"`
	Offset   int64
	From, To int64  // first and last time of a sample or reading, ns
	End      int64  // end of its samples, MinTime where it has none; ns
	Hash     uint64 // first 8 bytes of SHA-256 of the payload

	name name
	raw  *raw // nil: in the log only
}

// raw is a batch as it was received.
type raw struct {
	*wire.SampleBatch
	received int64 // append time, ns
	size     int
}

// decode reads a record of samples. The payload is its own, the fetch buffer is not.
func decode(r stream.Record) (*entry, error) {
	value := slices.Clone(r.Value)
	b, err := wire.DecodeRecord(string(r.Header(wire.HeaderContentType)), value)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(value)
	e := &entry{
		name: name{b.Boot, b.Seq}, raw: &raw{b, r.AppendTime.UnixNano(), len(b.XYZ) + 4*len(b.TempMdegC)},
		Offset: r.Offset, From: window.MaxTime, To: window.MinTime, End: window.MinTime, Hash: binary.BigEndian.Uint64(sum[:]),
	}
	if flags, _ := strconv.Atoi(string(r.Header(wire.HeaderFlags))); flags&wire.FlagImpossibleTime != 0 || !plausible(b) {
		return e, nil
	}
	if b.N > 0 {
		e.From, e.To, e.End = b.SampleTime(0), b.End()-1, b.End()
	}
	if n := len(b.TempMdegC); n > 0 {
		e.From, e.To = min(e.From, b.ReadingTime(0)), max(e.To, b.ReadingTime(n-1))
	}
	return e, nil
}

// plausible keeps the arithmetic of time within 64 bits. The gateway's flag is far stricter.
func plausible(b *wire.SampleBatch) bool {
	const most = 1 << 52 // microseconds: 142 years
	out := func(us int64) bool { return us < -most || us > most }
	return !(b.N > 0 && out(b.T0us) || len(b.TempMdegC) > 0 && out(b.TempT0us))
}

// timed reports whether the batch has samples or readings in event time.
func (e *entry) timed() bool { return e.From <= e.To }

// touches reports whether the batch may hold a time of the window.
func (e *entry) touches(k window.Key) bool { return e.From < k.End() && k.Start <= e.To }

// spans are entries by the beginning of what they touch.
type spans struct {
	entries []*entry
	longest int64 // of any
}

func compareSpans(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.From, b.From), compareNames(a.name, b.name))
}

func (s *spans) insert(e *entry) {
	if !e.timed() {
		return
	}
	s.longest = max(s.longest, e.To-e.From)
	i, _ := slices.BinarySearchFunc(s.entries, e, compareSpans)
	s.entries = slices.Insert(s.entries, i, e)
}

// touching appends the entries that touch a window.
func (s *spans) touching(k window.Key, found []*entry) []*entry {
	i, _ := slices.BinarySearchFunc(s.entries, k.Start-s.longest, func(e *entry, t int64) int { return cmp.Compare(e.From, t) })
	for ; i < len(s.entries) && s.entries[i].From < k.End(); i++ {
		if s.entries[i].touches(k) {
			found = append(found, s.entries[i])
		}
	}
	return found
}

// name is the name of a batch within its sensor.
type name struct{ boot, seq uint64 }

func compareNames(a, b name) int {
	return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(a.seq, b.seq))
}
