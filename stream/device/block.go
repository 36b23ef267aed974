package device

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/wearstream/wearstream/stream/window"
)

// blockLen is the number of sequences whose entries become one block.
const blockLen = 256

// member is a batch in a block.
type member struct {
	seq    uint64
	offset int64
}

// block stands for the entries of neighbouring sequences that are not looked at
// any more: where they are in the log, and when they are in time. What else is
// known of them is read there again.
type block struct {
	first    name  // its sequences are first.seq to first.seq+blockLen-1
	from, to int64 // what the batches touch in time, ends included, ns; from > to: nothing
	code     string
}

// The code of a block: uvarint place of the last batch that has an end in event
// time, plus one, 0 for none, and varint that end; uvarint lowest offset; uvarint
// number of runs of sequences that are here, each as uvarint skipped, uvarint
// count; uvarint offset of the first above the lowest; varint usual distance of offsets; then how
// far every further one is from that, as a Rice code.
//
// Sensors of a partition take turns, so that distances are alike and cost a few
// bits each.

// blockHead is the part of the code before the offsets.
type blockHead struct {
	last uint64 // sequence of the last batch with an end
	end  int64
	ends bool  // there is one
	low  int64 // lowest offset
	runs []window.Interval
}

// newBlock makes a block of members ascending by sequence, at least one.
func newBlock(first name, from, to int64, h blockHead, members []member) block {
	var b []byte
	if h.ends {
		b = binary.AppendUvarint(b, h.last-first.seq+1)
		b = binary.AppendVarint(b, h.end)
	} else {
		b = binary.AppendUvarint(b, 0)
	}
	low := members[0].offset
	var runs window.Intervals
	for _, m := range members {
		low = min(low, m.offset)
		runs.Add(m.seq, m.seq+1)
	}
	b = binary.AppendUvarint(b, uint64(low))
	b = binary.AppendUvarint(b, uint64(len(runs)))
	at := first.seq
	for _, r := range runs {
		b = binary.AppendUvarint(b, r.From-at)
		b = binary.AppendUvarint(b, r.To-r.From)
		at = r.To
	}
	b = binary.AppendUvarint(b, uint64(members[0].offset-low))
	distances := make([]int64, 0, len(members))
	for i := 1; i < len(members); i++ {
		distances = append(distances, members[i].offset-members[i-1].offset)
	}
	usual := int64(0)
	if len(distances) > 0 {
		sorted := slices.Sorted(slices.Values(distances))
		usual = sorted[len(sorted)/2]
	}
	b = binary.AppendVarint(b, usual)
	for i := range distances {
		distances[i] -= usual
	}
	return block{first, from, to, string(appendRice(b, distances))}
}

var errBlock = errors.New("a block that is broken")

// head reads the code up to the offsets and answers the rest.
func (b *block) head() (h blockHead, rest []byte, err error) {
	p := []byte(b.code)
	bad := false
	u := func() uint64 {
		v, n := binary.Uvarint(p)
		if bad = bad || n <= 0; bad {
			return 0
		}
		p = p[n:]
		return v
	}
	i := func() int64 {
		v, n := binary.Varint(p)
		if bad = bad || n <= 0; bad {
			return 0
		}
		p = p[n:]
		return v
	}
	if last := u(); last > 0 {
		h.last, h.ends, h.end = b.first.seq+last-1, true, i()
	}
	h.low = int64(u())
	at, end := b.first.seq, b.first.seq+blockLen
	if end < at {
		return h, nil, errBlock
	}
	for range u() {
		skip, n := u(), u()
		if bad || n == 0 || skip > blockLen || n > blockLen || at+skip+n > end {
			return h, nil, errBlock
		}
		h.runs = append(h.runs, window.Interval{From: at + skip, To: at + skip + n})
		at += skip + n
	}
	if bad || len(h.runs) == 0 || h.low < 0 {
		return h, nil, errBlock
	}
	return h, p, nil
}

// members are the batches of a block, by sequence.
func (b *block) members() ([]member, error) {
	h, p, err := b.head()
	if err != nil {
		return nil, err
	}
	var all []member
	for _, r := range h.runs {
		for seq := r.From; seq < r.To; seq++ {
			all = append(all, member{seq: seq})
		}
	}
	above, n := binary.Uvarint(p)
	if n <= 0 {
		return nil, errBlock
	}
	offset := h.low + int64(above)
	usual, m := binary.Varint(p[n:])
	if m <= 0 {
		return nil, errBlock
	}
	distances, err := readRice(p[n+m:], len(all)-1)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if i > 0 {
			offset += usual + distances[i-1]
		}
		if offset < h.low {
			return nil, errBlock
		}
		all[i].offset = offset
	}
	return all, nil
}

// A Rice code of parameter k writes v, signs folded in, as v>>k ones, a zero and
// the low k bits. From escape ones on there is no zero and v follows as 64 bits.
const escape = 24

func fold(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unfold(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func riceSize(v uint64, k int) int {
	if v>>k >= escape {
		return escape + 64
	}
	return int(v>>k) + 1 + k
}

// appendRice appends k and the code of the values, in as few bits as k allows.
// Where all are zero it is k = 255 and nothing.
func appendRice(b []byte, values []int64) []byte {
	best, size, zero := 0, 1<<62, true
	for k := range 40 {
		total := 0
		for _, v := range values {
			total += riceSize(fold(v), k)
			zero = zero && v == 0
		}
		if total < size {
			best, size = k, total
		}
	}
	if zero {
		return append(b, 255)
	}
	w := bitWriter{b: append(b, byte(best))}
	for _, v := range values {
		u := fold(v)
		q := u >> best
		if q >= escape {
			w.put(1<<escape-1, escape)
			w.put(u>>32, 32)
			w.put(u&(1<<32-1), 32)
			continue
		}
		w.put(1<<q-1, int(q))
		w.put(0, 1)
		w.put(u&(1<<best-1), best)
	}
	return w.b
}

func readRice(b []byte, n int) ([]int64, error) {
	values := make([]int64, n)
	if len(b) == 0 || b[0] != 255 && b[0] >= 40 {
		return nil, errBlock
	}
	if b[0] == 255 {
		return values, nil
	}
	k, r := int(b[0]), bitReader{b: b[1:]}
	for i := range values {
		q := uint64(0)
		for q < escape && r.get(1) == 1 {
			q++
		}
		if q == escape {
			values[i] = unfold(r.get(32)<<32 | r.get(32))
		} else {
			values[i] = unfold(q<<k | r.get(k))
		}
	}
	if r.at > 8*len(r.b) {
		return nil, errBlock
	}
	return values, nil
}

// bitWriter writes numbers of at most 40 bits, lowest bit first.
type bitWriter struct {
	b    []byte
	free int // bits in the last byte
}

func (w *bitWriter) put(v uint64, n int) {
	for n > 0 {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		take := min(n, w.free)
		w.b[len(w.b)-1] |= byte(v&(1<<take-1)) << (8 - w.free)
		v, n, w.free = v>>take, n-take, w.free-take
	}
}

type bitReader struct {
	b  []byte
	at int
}

// get answers zeros behind the end; the caller looks at where it got to.
func (r *bitReader) get(n int) (v uint64) {
	for i := range n {
		if at := r.at + i; at < 8*len(r.b) {
			v |= uint64(r.b[at/8]>>(at%8)&1) << i
		}
	}
	r.at += n
	return v
}
