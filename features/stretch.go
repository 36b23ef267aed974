package features

import (
	"sort"
	"time"
)

// resetGap is the hole in event time after which filters begin anew. A shorter one
// is bridged for them: they see a straight line at the nominal spacing.
const resetGap = 250 * time.Millisecond

// chunk is the most samples that a listener is given at once.
const chunk = 256

// listener takes a stretch of samples in order, a part of at most chunk at a time:
// those of one part are next to each other, lie in one epoch, and are either real
// or all of them bridge a gap.
type listener interface {
	begin()                               // a segment
	take(s Samples, epoch int, real bool) // epoch since the start of the block
	end()                                 // of the segment
}

// stretch cuts samples into segments and parts. It goes on where it was.
type stretch struct {
	start  int64 // of the block
	near   int64 // samples at most so far apart are next to each other
	far    int64 // more is a new segment
	rate   int64
	next   int // index of the first sample that was not taken
	open   bool
	ends   bool  // segments end at to
	last   int64 // time of the last sample
	bridge Samples
}

func (c *stretch) reset(start int64, rate uint32) {
	near := Reach(rate)
	*c = stretch{start: start, near: near, far: max(near, int64(resetGap)), rate: int64(rate), bridge: c.bridge}
}

// feed gives l the samples in [from, to) that it has not had. All before until are
// in s.
func (c *stretch) feed(s Samples, from, to, until int64, l listener) {
	if c.next < len(s.T) && s.T[c.next] < from {
		rest := s.T[c.next:]
		c.next += sort.Search(len(rest), func(i int) bool { return rest[i] >= from })
	}
	for c.next < len(s.T) && s.T[c.next] < to {
		i := c.next
		t := s.T[i]
		if c.open && t-c.last > c.far {
			l.end()
			c.open = false
		}
		if !c.open {
			l.begin()
			c.open = true
		} else if t-c.last > c.near {
			c.span(s, i, l)
		}
		epoch := c.epoch(t)
		end := min(c.start+int64(epoch+1)*int64(EpochLength), to)
		j := i + 1
		for last, next := t, s.T[:min(i+chunk, len(s.T))]; j < len(next) && next[j] < end && next[j]-last <= c.near; j++ {
			last = next[j]
		}
		l.take(Samples{s.T[i:j], s.X[i:j], s.Y[i:j], s.Z[i:j]}, epoch, true)
		c.next, c.last = j, s.T[j-1]
	}
	after := until // the next sample is not before
	if c.next < len(s.T) {
		after = s.T[c.next]
	}
	if c.open && (after-c.last > c.far || c.ends && until >= to) {
		l.end()
		c.open = false
	}
}

// epoch is the number of the epoch that holds t, negative before the block.
func (c *stretch) epoch(t int64) int {
	d := t - c.start
	if d < 0 {
		d -= int64(EpochLength) - 1
	}
	return int(d / int64(EpochLength))
}

// span bridges the gap before sample i.
func (c *stretch) span(s Samples, i int, l listener) {
	dt := s.T[i] - s.T[i-1]
	m := (dt*c.rate + 500_000_000_000) / 1_000_000_000_000
	b := &c.bridge
	for k := int64(1); k < m; k++ {
		line := func(v []int32) int32 { return v[i-1] + int32((int64(v[i])-int64(v[i-1]))*k/m) }
		t := s.T[i-1] + dt*k/m
		b.T, b.X, b.Y, b.Z = append(b.T[:0], t), append(b.X[:0], line(s.X)), append(b.Y[:0], line(s.Y)), append(b.Z[:0], line(s.Z))
		l.take(*b, c.epoch(t), false)
	}
}
