package participant

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/wearstream/wearstream/features/pair"
)

const (
	pageLength    = 2 * time.Hour
	quartersAPage = int(pageLength / pair.Length)
	minutes       = int(pair.Length / time.Minute)
	everyMinute   = 1<<minutes - 1
)

// page is two hours of a participant from a time on, ns, as the changelog has them.
type page struct {
	at   int64
	code string
}

// opened is a page to work on.
type opened struct {
	last     int64 // offset of the last record that changed it
	quarters [quartersAPage]quarter
}

// quarter is what is known of a quarter of an hour.
type quarter struct {
	sides []side // by sensor
	said  []said // by left and right
}

// side is what is known of one sensor's quarter.
type side struct {
	sensor  string
	wrist   pair.Wrist // Unknown: there is no side row, and the next four say nothing
	covered bool       // enough to be compared
	final   bool       // or corrected
	offset  int64      // of the record
	row     int        // in it

	has, worn, settled uint16 // minutes with a word on wear, those worn, and those with a final one
}

// said is what was said of a pair last.
type said struct {
	left, right string
	revision    uint32
	there       bool   // it was not retracted
	settled     bool   // it was final once
	content     uint64 // hash
}

// side is that of a sensor; one that is not known says nothing.
func (q *quarter) side(sensor string) side {
	if i, ok := q.find(sensor); ok {
		return q.sides[i]
	}
	return side{sensor: sensor}
}

func (q *quarter) find(sensor string) (int, bool) {
	return slices.BinarySearchFunc(q.sides, sensor, func(s side, name string) int { return strings.Compare(s.sensor, name) })
}

func (q *quarter) put(s side) {
	i, there := q.find(s.sensor)
	if !there {
		q.sides = slices.Insert(q.sides, i, s)
	}
	q.sides[i] = s
}

// was is what was said of a pair last.
func (q *quarter) was(left, right string) said {
	if i, ok := q.findSaid(left, right); ok {
		return q.said[i]
	}
	return said{left: left, right: right}
}

func (q *quarter) findSaid(left, right string) (int, bool) {
	return slices.BinarySearchFunc(q.said, right, func(s said, right string) int {
		return cmp.Or(strings.Compare(s.left, left), strings.Compare(s.right, right))
	})
}

func (q *quarter) say(s said) {
	i, there := q.findSaid(s.left, s.right)
	if !there {
		q.said = slices.Insert(q.said, i, s)
	}
	q.said[i] = s
}

// pairsOf are the pairs of a sensor that can be or were said, in order.
func (q *quarter) pairsOf(sensor string) (pairs [][2]string) {
	for _, s := range q.said {
		if s.left == sensor || s.right == sensor {
			pairs = append(pairs, [2]string{s.left, s.right})
		}
	}
	own := q.side(sensor)
	for _, other := range q.sides {
		switch {
		case own.wrist == pair.Left && other.wrist == pair.Right:
			pairs = append(pairs, [2]string{sensor, other.sensor})
		case own.wrist == pair.Right && other.wrist == pair.Left:
			pairs = append(pairs, [2]string{other.sensor, sensor})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(pairs)
}

// Bits of a side and of what was said.
const (
	sideWrist   = 1<<0 | 1<<1
	sideCovered = 1 << 2
	sideFinal   = 1 << 3
	sideWhole   = 1 << 4 // every minute was worn, and that is settled

	saidThere   = 1 << 0
	saidSettled = 1 << 1
)

// encode is the code of a page: the last offset and the names of its sensors, then its
// quarters. Numbers are as short as they can be.
func (o *opened) encode() string {
	var names []string
	for i := range o.quarters {
		for _, s := range o.quarters[i].sides {
			names = append(names, s.sensor)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	name := func(b []byte, of string) []byte {
		i, _ := slices.BinarySearch(names, of)
		return binary.AppendUvarint(b, uint64(i))
	}
	b := binary.AppendUvarint(make([]byte, 0, 512), uint64(o.last))
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		b = append(binary.AppendUvarint(b, uint64(len(n))), n...)
	}
	for i := range o.quarters {
		q := &o.quarters[i]
		b = binary.AppendUvarint(b, uint64(len(q.sides)))
		for k := range q.sides {
			b = q.sides[k].append(name(b, q.sides[k].sensor))
		}
		b = binary.AppendUvarint(b, uint64(len(q.said)))
		for _, s := range q.said {
			b = name(name(b, s.left), s.right)
			b = binary.AppendUvarint(b, uint64(s.revision))
			b = append(b, flag(s.there, saidThere)|flag(s.settled, saidSettled))
			b = binary.LittleEndian.AppendUint64(b, s.content)
		}
	}
	return string(b)
}

func (s *side) append(b []byte) []byte {
	whole := s.has&s.worn&s.settled == everyMinute
	b = append(b, byte(s.wrist)|flag(s.covered, sideCovered)|flag(s.final, sideFinal)|flag(whole, sideWhole))
	if s.wrist != pair.Unknown {
		b = binary.AppendUvarint(b, uint64(s.offset))
		b = binary.AppendUvarint(b, uint64(s.row))
	}
	if !whole {
		for _, v := range []uint16{s.has, s.worn, s.settled} {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	return b
}

func flag(is bool, bit byte) byte {
	if is {
		return bit
	}
	return 0
}

// lastOf is the last offset of a page's code.
func lastOf(code string) int64 {
	r := reader{rest: code}
	return int64(r.number())
}

// decode opens a page. The names in it are parts of the code.
func decode(code string) (*opened, error) {
	r := reader{rest: code}
	o := &opened{last: int64(r.number())}
	names := make([]string, r.count())
	for i := range names {
		names[i] = r.text(r.count())
	}
	name := func() string {
		i := r.number()
		if i >= uint64(len(names)) {
			r.broken = true
			return ""
		}
		return names[i]
	}
	for i := range o.quarters {
		q := &o.quarters[i]
		if n := r.count(); n > 0 {
			q.sides = make([]side, 0, n+1)
			for range n {
				s := side{sensor: name()}
				r.side(&s)
				q.sides = append(q.sides, s)
			}
		}
		if n := r.count(); n > 0 {
			q.said = make([]said, 0, n+1)
			for range n {
				s := said{left: name(), right: name(), revision: uint32(r.number())}
				flags := r.text(1)
				s.there, s.settled = r.bit(flags, saidThere), r.bit(flags, saidSettled)
				s.content = r.word()
				q.said = append(q.said, s)
			}
		}
	}
	if r.broken || r.rest != "" {
		return nil, errors.New("the page is broken")
	}
	return o, nil
}

// reader takes numbers and texts from the front of a text.
type reader struct {
	rest   string
	broken bool // it was too short, or said what cannot be
}

func (r *reader) number() (v uint64) {
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.broken, r.rest = true, ""
	return 0
}

// count is a number of things of which each takes a byte or more.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.broken = true
		return 0
	}
	return int(n)
}

func (r *reader) text(n int) (s string) {
	if n > len(r.rest) {
		r.broken, r.rest = true, ""
		return ""
	}
	s, r.rest = r.rest[:n], r.rest[n:]
	return s
}

func (r *reader) word() (v uint64) {
	for i, c := range []byte(r.text(8)) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (r *reader) bit(flags string, bit byte) bool { return flags != "" && flags[0]&bit != 0 }

func (r *reader) side(s *side) {
	flags := r.text(1)
	if flags == "" {
		return
	}
	s.wrist = pair.Wrist(flags[0] & sideWrist)
	s.covered, s.final = r.bit(flags, sideCovered), r.bit(flags, sideFinal)
	if s.wrist > pair.Right {
		r.broken = true
	}
	if s.wrist != pair.Unknown {
		s.offset, s.row = int64(r.number()), int(r.number())
	}
	if r.bit(flags, sideWhole) {
		s.has, s.worn, s.settled = everyMinute, everyMinute, everyMinute
		return
	}
	for _, to := range []*uint16{&s.has, &s.worn, &s.settled} {
		v := r.number()
		if bits.Len64(v) > minutes {
			r.broken = true
		}
		*to = uint16(v)
	}
}
