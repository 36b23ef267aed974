package kafka

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Limits say where a cut ends: at the first that is reached.
type Limits struct {
	Records int           // records in the cut, ticks included
	Bytes   int           // bytes of its keys and values
	Age     time.Duration // append time since its first record that is no tick
	IdleAge time.Duration // append time since its first record, while it holds ticks only
}

// Cutter cuts one partition into ranges. It is for one goroutine.
//
// Age is measured as the distance between the earliest and the latest append
// time met, which is the age where append times rise, and stays finite where a
// clock was put back.
type Cutter struct {
	limits Limits
	at     stream.Range // First: where the range being collected begins
	until  int64        // where it ends whatever the limits say; 0: they decide
	buf    []stream.Record

	seen   int // of buf: considered
	bytes  int
	data   bool      // a record that is no tick was met
	lo, hi time.Time // append times since then, or since the first record
}

// NewCutter begins a range at at.First. The other fields of at name the log.
func NewCutter(at stream.Range, limits Limits) *Cutter {
	return &Cutter{limits: limits, at: at}
}

// Until makes the range being collected end at next, whatever the limits say.
func (c *Cutter) Until(next int64) {
	c.until = next
	c.restart()
}

// Again makes one cut anew, to end at next.
func (c *Cutter) Again(cut stream.Cut, next int64) {
	c.at.First = cut.First
	c.buf = slices.Concat(cut.Records, c.buf)
	c.Until(next)
}

// Push takes the next record of the partition.
func (c *Cutter) Push(r stream.Record) { c.buf = append(c.buf, r) }

// Next answers the next cut, if what was pushed decides where it ends.
func (c *Cutter) Next() (stream.Cut, bool) {
	for ; c.seen < len(c.buf); c.seen++ {
		r := &c.buf[c.seen]
		if c.until != 0 {
			if r.Offset >= c.until {
				return c.end(c.until), true
			}
			if r.Offset == c.until-1 {
				c.seen++
				return c.end(c.until), true
			}
			continue
		}
		if c.seen > 0 && c.aged(r) {
			return c.end(c.buf[c.seen-1].Offset + 1), true
		}
		c.take(r)
		if c.seen+1 >= c.limits.Records || c.bytes >= c.limits.Bytes {
			c.seen++
			return c.end(r.Offset + 1), true
		}
	}
	return stream.Cut{}, false
}

// aged reports whether the cut ends before r because of r's append time.
func (c *Cutter) aged(r *stream.Record) bool {
	limit := c.limits.IdleAge
	if c.data {
		limit = c.limits.Age
	}
	lo, hi := spread(c.lo, c.hi, r.AppendTime)
	return hi.Sub(lo) >= limit
}

func (c *Cutter) take(r *stream.Record) {
	c.bytes += len(r.Key) + len(r.Value)
	if data := !isTick(r); c.seen == 0 || data && !c.data {
		c.data = data
		c.lo, c.hi = r.AppendTime, r.AppendTime
		return
	}
	c.lo, c.hi = spread(c.lo, c.hi, r.AppendTime)
}

func spread(lo, hi, t time.Time) (time.Time, time.Time) {
	if t.Before(lo) {
		lo = t
	}
	if t.After(hi) {
		hi = t
	}
	return lo, hi
}

// end cuts before the record at seen.
func (c *Cutter) end(next int64) stream.Cut {
	cut := stream.Cut{Range: c.at, Records: c.buf[:c.seen:c.seen]}
	cut.Next = next
	c.at.First = next
	c.until = 0
	c.buf = slices.Clone(c.buf[c.seen:]) // or the cut's records would be kept alive
	c.restart()
	return cut
}

func (c *Cutter) restart() { c.seen, c.bytes, c.data = 0, 0, false }

func isTick(r *stream.Record) bool { return string(r.Header(wire.HeaderKind)) == wire.KindTick }

// digest names the records of a cut: 16 hex digits of SHA-256 over their
// offsets, append times and bytes.
func digest(records []stream.Record) string {
	h := sha256.New()
	var b []byte
	field := func(p []byte) {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	for i := range records {
		r := &records[i]
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(r.Offset))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.AppendTime.UnixMicro()))
		field(r.Key)
		field(r.Value)
		for _, kv := range r.Headers {
			field([]byte(kv.Key))
			field(kv.Value)
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(len(r.Headers)))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
