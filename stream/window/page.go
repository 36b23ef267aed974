package window

import (
	"encoding/binary"
	"errors"
	"iter"
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

// PageKey names a page: pageLen windows of one length.
type PageKey struct {
	Length time.Duration
	Index  int64
}

// Page holds the entries of neighbouring windows as runs of equal ones: for each
// run uvarint count<<2|state, then uvarint revision where the state is not None.
// Neighbours are nearly always alike, so a page takes a dozen bytes. It is a
// value; the empty one says that nothing was handed out.
type Page string

// pageLen is two hours of 5 s windows, a day of minutes.
const pageLen = 1440

// Locate is the page of a window and its place there.
func Locate(k Key) (PageKey, int) {
	i := k.Start / int64(k.Length)
	page := i / pageLen
	if i%pageLen < 0 {
		page--
	}
	return PageKey{k.Length, page}, int(i - page*pageLen)
}

// Start is where the first window of a page starts.
func (k PageKey) Start() int64 { return k.Index * k.span() }

// End is where the last window of a page ends.
func (k PageKey) End() int64 { return (k.Index + 1) * k.span() }

func (k PageKey) span() int64 { return pageLen * int64(k.Length) }

// Window is the window at a place of a page.
func (k PageKey) Window(at int) Key {
	return Key{Length: k.Length, Start: k.Start() + int64(at)*int64(k.Length)}
}

// run is a number of neighbours with the same entry.
type run struct {
	n int
	Entry
}

// Runs yields how many neighbours have which entry, from the first window on.
func (p Page) Runs() iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		for len(p) > 0 {
			r, rest, ok := p.next()
			if !ok || !yield(r.n, r.Entry) {
				return
			}
			p = rest
		}
	}
}

func (p Page) next() (r run, rest Page, ok bool) {
	head, p, ok := uvarint(p)
	if !ok || head>>2 > 1<<20 {
		return run{}, "", false
	}
	r = run{int(head >> 2), Entry{State: State(head & 3)}}
	if r.State != None {
		var revision uint64
		if revision, p, ok = uvarint(p); !ok || revision > 1<<32-1 {
			return run{}, "", false
		}
		r.Revision = uint32(revision)
	}
	return r, p, true
}

// uvarint is binary.Uvarint of a string.
func uvarint(p Page) (uint64, Page, bool) {
	var v uint64
	for i := 0; i < len(p) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i] < 0x80 {
			return v, p[i+1:], i == 0 || p[i] != 0 // the shortest form only
		}
	}
	return 0, "", false
}

// Get is the entry at a place.
func (p Page) Get(at int) Entry {
	for n, e := range p.Runs() {
		if at -= n; at < 0 {
			return e
		}
	}
	return Entry{}
}

// Set is the page with another entry at a place.
func (p Page) Set(at int, e Entry) Page {
	b := make([]byte, 0, len(p)+12)
	var last run
	put := func(n int, e Entry) {
		switch {
		case n <= 0:
		case last.n > 0 && last.Entry == e:
			last.n += n
		default:
			b = last.append(b)
			last = run{n, e}
		}
	}
	i := 0
	for n, old := range p.Runs() {
		if at < i || i+n <= at {
			put(n, old)
		} else {
			put(at-i, old)
			put(1, e)
			put(i+n-at-1, old)
		}
		i += n
	}
	if i <= at {
		put(at-i, Entry{})
		put(1, e)
	}
	return Page(last.append(b))
}

func (r run) append(b []byte) []byte {
	if r.n == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(r.n)<<2|uint64(r.State))
	if r.State != None {
		b = binary.AppendUvarint(b, uint64(r.Revision))
	}
	return b
}

// ParsePage reads a page as it was stored.
func ParsePage(k PageKey, b []byte) (Page, error) {
	if k.Length < time.Second || k.Length > 24*time.Hour {
		return "", errors.New("a page of windows of no length")
	}
	p, total := Page(b), int64(0)
	last := run{}
	for rest := p; len(rest) > 0; {
		var r run
		var ok bool
		if r, rest, ok = rest.next(); !ok || r.n == 0 || last.n > 0 && r.Entry == last.Entry {
			return "", errors.New("a page that is broken")
		}
		last, total = r, total+int64(r.n)
	}
	if total > pageLen {
		return "", errors.New("a page with too many windows")
	}
	return p, nil
}
