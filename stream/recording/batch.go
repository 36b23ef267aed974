package recording

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/wearstream/wearstream/stream/wire"
)

// batcher cuts rows into batches.
type batcher struct {
	r     *Recording
	i     int64 // samples before this one, of the whole recording
	seq   uint64
	times grid // of the batch's samples
	reads grid // of the batch's readings
	xyz   []byte
	temp  []int32
}

func newBatcher(r *Recording) *batcher {
	b := &batcher{r: r}
	b.begin()
	return b
}

func (b *batcher) begin() {
	b.times, b.reads = newGrid(b.r.RateMHz, wire.MinRateMHz, b.r.tol), newGrid(b.r.tempMHz, 1, b.r.readTol())
	b.xyz = make([]byte, 0, min(b.r.size, 512)*b.width())
	b.temp = nil
}

func (b *batcher) width() int {
	if b.r.Encoding == wire.Int32MicroG {
		return 12
	}
	return 6
}

// readTol is the tolerance of readings' times: a quarter of a sample, so that
// the sample at which a reading was taken stays known.
func (r *Recording) readTol() int64 { return max(r.tol, gridNS(1, r.RateMHz)/4) }

// add takes a row and answers the batch that it completes by not belonging to it.
func (b *batcher) add(row *row) (full *wire.SampleBatch, err error) {
	read := row.hasTemp && b.i%int64(b.r.TempEvery) == 0
	t, tempT := row.t+b.r.shift, row.tempT+b.r.shift
	if b.times.n > 0 && (b.i%int64(b.r.size) == 0 || !b.times.takes(t) || read && !b.reads.takes(tempT)) {
		full = b.flush()
	}
	b.times.add(t)
	if read {
		b.reads.add(tempT)
		b.temp = append(b.temp, row.temp)
	}
	b.i++
	return full, b.append(row)
}

func (b *batcher) append(row *row) error {
	for _, v := range [3]int32{row.x, row.y, row.z} {
		if b.r.Encoding == wire.Int32MicroG {
			b.xyz = binary.LittleEndian.AppendUint32(b.xyz, uint32(v))
			continue
		}
		c, ok := counts(v, b.r.LSBPerG)
		if !ok {
			return fmt.Errorf("value %d µg is no count of 1/%d g: the file changed while it was read", v, b.r.LSBPerG)
		}
		b.xyz = binary.LittleEndian.AppendUint16(b.xyz, uint16(c))
	}
	return nil
}

// flush answers the batch so far and begins the next; nil where there is none.
func (b *batcher) flush() *wire.SampleBatch {
	if b.times.n == 0 {
		return nil
	}
	out := &wire.SampleBatch{
		Seq:      b.seq,
		T0us:     b.times.t0 / 1000,
		RateMHz:  b.times.rate(),
		Encoding: b.r.Encoding,
		LSBPerG:  b.r.LSBPerG,
		RangeMG:  b.r.RangeMG,
		N:        uint32(b.times.n),
		XYZ:      b.xyz,
	}
	if out.RateMHz != b.r.RateMHz {
		out.NominalRateMHz = b.r.RateMHz
	}
	if b.reads.n > 0 {
		out.TempT0us, out.TempRateMHz, out.TempMdegC = b.reads.t0/1000, b.reads.rate(), b.temp
	}
	b.seq++
	b.begin()
	return out
}

// grid is a run of times that one start, in whole microseconds, and one rate, in
// whole millihertz, describe to within a tolerance. It knows which rates do.
type grid struct {
	nominal  uint64
	tol      int64
	t0       int64 // ns
	n        uint64
	low, top uint64 // rates that fit, mHz
}

// slack is by how much the rate of a run may differ from the nominal one: 1/10.
// A gap after a single sample is no rate.
const slack = 10

func newGrid(nominal, least uint32, tol int64) grid {
	n := uint64(nominal)
	return grid{nominal: n, tol: tol, low: max(n-n/slack, uint64(least)), top: min(n+n/slack, wire.MaxRateMHz)}
}

// fit narrows the rates to those that put the next time, t, right:
// |floor(n·10^12/rate) - (t-t0)| ≤ tol, solved for rate in integers.
func (g *grid) fit(t int64) (low, top uint64) {
	d := t - g.t0
	if g.n == 0 || d+g.tol < 0 {
		return 1, 0
	}
	ticks := g.n * 1_000_000_000_000
	low, top = max(g.low, ticks/uint64(d+g.tol+1)+1), g.top
	if d > g.tol {
		top = min(top, ticks/uint64(d-g.tol))
	}
	return low, top
}

// takes reports whether t can be the next time of the run.
func (g *grid) takes(t int64) bool {
	if g.n == 0 {
		return true
	}
	low, top := g.fit(t)
	return low <= top
}

// add takes the next time, for which takes said yes.
func (g *grid) add(t int64) {
	if g.n == 0 {
		g.t0 = t - t%1000
	} else {
		g.low, g.top = g.fit(t)
	}
	g.n++
}

// rate is the nominal one where it fits, else the middle of those that do.
func (g *grid) rate() uint32 {
	if g.low <= g.nominal && g.nominal <= g.top {
		return uint32(g.nominal)
	}
	return uint32((g.low + g.top) / 2)
}

// gridNS is floor(i·10^12/rate) ns, as the definitions have it, for any i.
func gridNS(i uint64, rateMHz uint32) int64 {
	if i < math.MaxUint64/1_000_000_000_000 {
		return int64(i * 1_000_000_000_000 / uint64(rateMHz))
	}
	// i = q·rate + r: the whole part is exact, and r·10^12 fits.
	q, r := i/uint64(rateMHz), i%uint64(rateMHz)
	return int64(q*1_000_000_000_000 + r*1_000_000_000_000/uint64(rateMHz))
}
