package wear

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/wearstream/wearstream/features/internal/int128"
)

var errSnapshot = errors.New("a snapshot of wear that is broken, or of other algorithms")

// Append appends what the Driver knows, some 4 KB with the algorithms of
// DefaultOrder. Another Driver of the same Config goes on from there after Restore.
func (d *Driver) Append(b []byte) []byte {
	c := &codec{b: b}
	d.code(c)
	return c.b
}

// Restore makes the Driver what the one was that Append was asked of. After an error
// it is as new: the bytes are no snapshot, or of another Config.
func (d *Driver) Restore(b []byte) error {
	d.Reset()
	c := &codec{b: b, reading: true}
	d.code(c)
	waiting := d.last + 1 - d.due
	if c.bad || c.at < len(c.b) || d.begun && (d.first < 0 || d.due < d.first || waiting < 0 || waiting > ring) {
		d.Reset()
		return errSnapshot
	}
	return nil
}

// codec writes a state, or reads it: there is one walk for both, so that they cannot
// differ. Numbers are varints, and of equal neighbours one is written.
type codec struct {
	b       []byte
	at      int // of what is read next
	reading bool
	bad     bool
}

func (c *codec) broken() { c.bad, c.at = true, len(c.b) }

func (c *codec) uint64(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	if c.at < len(c.b) && c.b[c.at] < 0x80 { // most are
		*v = uint64(c.b[c.at])
		c.at++
		return
	}
	u, n := binary.Uvarint(c.b[c.at:])
	if *v = u; n <= 0 {
		c.broken()
		return
	}
	c.at += n
}

func number[T ~int | ~int32 | ~int64](c *codec, v *T) {
	u := uint64(*v)<<1 ^ uint64(int64(*v)>>63)
	c.uint64(&u)
	if i := int64(u>>1) ^ -int64(u&1); c.reading {
		*v = T(i)
		c.bad = c.bad || int64(*v) != i
	}
}

func small[T ~uint8](c *codec, v *T) {
	u := uint64(*v)
	c.uint64(&u)
	if c.reading {
		*v = T(u)
		c.bad = c.bad || u > 255
	}
}

func (c *codec) bool(v *bool) {
	var u uint8
	if *v {
		u = 1
	}
	small(c, &u)
	*v = u == 1
	c.bad = c.bad || u > 1
}

// runs are neighbours, of which those that are equal count as one.
func runs[T comparable](c *codec, all []T, one func(*codec, *T)) {
	for i := 0; i < len(all); {
		n := 1
		for !c.reading && i+n < len(all) && all[i+n] == all[i] {
			n++
		}
		number(c, &n)
		if n < 1 || n > len(all)-i {
			c.broken()
			return
		}
		one(c, &all[i])
		for k := i + 1; k < i+n; k++ {
			all[k] = all[i]
		}
		i += n
	}
}

func (d *Driver) code(c *codec) {
	algo := []byte(d.algo)
	runs(c, algo, small)
	if string(algo) != d.algo {
		c.broken()
		return
	}
	c.bool(&d.begun)
	number(c, &d.first)
	number(c, &d.last)
	number(c, &d.due)
	runs(c, d.facts[:], small)
	for i := range d.detectors {
		p := &d.detectors[i]
		runs(c, p.opinions[:], small)
		p.code(c)
	}
}

func (d *device) code(c *codec) { small(c, &d.reported) }

func (t *cta) code(c *codec) {
	t.last.code(c)
	small(c, &t.state)
	number(c, &t.ties)
}

func (b *bin) code(c *codec) {
	number(c, &b.sum)
	number(c, &b.n)
}

func (a *accelThreshold) code(c *codec) { a.blocks.code(c) }
func (g *ggir2013) code(c *codec)       { g.blocks.code(c) }
func (g *ggir2023) code(c *codec)       { g.blocks.code(c) }

func (b *blocks) code(c *codec) {
	number(c, &b.last)
	for i := range b.units {
		b.units[i].code(c)
	}
}

func (s *spread) code(c *codec) {
	number(c, &s.halves)
	number(c, &s.n)
	if s.n == 0 {
		return
	}
	for a := range 3 {
		number(c, &s.sum[a])
		wide(c, &s.squares[a])
		number(c, &s.least[a])
		number(c, &s.most[a])
	}
}

func wide(c *codec, v *int128.Int) {
	c.uint64(&v.Hi)
	c.uint64(&v.Lo)
}

func (a *actipy) code(c *codec) {
	number(c, &a.last)
	runs(c, a.still[:], small)
}

func (h *choi) code(c *codec) {
	number(c, &h.last)
	runs(c, h.counts[:], small)
}

func (d *detach) code(c *codec) {
	number(c, &d.last)
	number(c, &d.absent)
	for i := range d.seconds {
		d.seconds[i].code(c)
	}
	runs(c, d.windows[:], func(c *codec, w *windows) {
		full(c, &w.known)
		full(c, &w.still)
		c.uint64(&w.moving)
		c.bool(&w.anew)
	})
	d.bins.code(c)
	runs(c, d.kept[:], func(c *codec, m *marks) {
		begins := bits.RotateLeft64(m.begins, 4) // the flags are seldom without a second
		c.uint64(&begins)
		m.begins = bits.RotateLeft64(begins, -4)
		c.uint64(&m.ends)
	})
}

// full is a mask of which most bits are set.
func full(c *codec, v *uint64) {
	rest := *v ^ wholeMinute
	c.uint64(&rest)
	*v = rest ^ wholeMinute
}

func (s *second) code(c *codec) {
	number(c, &s.n)
	if s.n == 0 {
		return
	}
	for a := range 3 {
		number(c, &s.sum[a])
		number(c, &s.squares[a])
	}
}

func (t *temperatures) code(c *codec) {
	number(c, &t.last)
	before := int64(0)
	for m := range t.bins {
		for k := range t.bins[m] { // 0 is none, and else one more than the step from the one before
			v, u := &t.bins[m][k], uint64(0)
			if step := int64(*v) - before; *v != missing {
				u = 1 + (uint64(step)<<1 ^ uint64(step>>63))
			}
			if c.uint64(&u); u == 0 {
				*v = missing
				continue
			}
			u--
			*v = int32(before + (int64(u>>1) ^ -int64(u&1)))
			before = int64(*v)
		}
	}
}
