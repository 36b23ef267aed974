package recording

import (
	"encoding/binary"
	"fmt"

	"github.com/wearstream/wearstream/stream/wire"
)

// batcher cuts rows into batches.
type batcher struct {
	r     *Recording
	seq   uint64
	cut   int // samples until the count since the beginning is a multiple of size
	read  int // samples until the next that may be a reading
	even  evener
	times grid // of the batch's samples
	reads grid // of the batch's readings
	xyz   []byte
	temp  []int32
}

func newBatcher(r *Recording) *batcher {
	b := &batcher{r: r, cut: r.size, even: evener{rate: r.RateMHz, unit: r.coarse}}
	b.begin()
	return b
}

func (b *batcher) begin() {
	b.times.begin(b.r.RateMHz, wire.MinRateMHz, b.r.tol)
	b.reads.begin(b.r.tempMHz, 1, b.r.readTol())
	b.xyz = make([]byte, 0, min(max(len(b.xyz), 512), b.r.size*b.width())) // as large as the batch before
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

// add takes rows and yields the batches that they complete by not belonging to
// them; more is what yield said.
func (b *batcher) add(r *rows, yield func(*wire.SampleBatch) bool) (more bool, err error) {
	for i, t := range r.t {
		if b.cut == 0 {
			if b.cut = b.r.size; !yield(b.flush()) {
				return false, nil
			}
		}
		if b.r.coarse > 0 {
			t = b.even.at(t)
		}
		t += b.r.shift
		read := false
		if b.read == 0 {
			read, b.read = r.temp[i] != noTemp, b.r.TempEvery
		}
		tempT := t
		if read && len(r.tempT) > 0 {
			tempT = r.tempT[i] + b.r.shift
		}
		for read && !b.reads.takes(tempT) || !b.times.add(t) {
			if !yield(b.flush()) {
				return false, nil
			}
		}
		if read {
			b.reads.add(tempT)
			b.temp = append(b.temp, r.temp[i])
		}
		b.cut--
		b.read--
		if err := b.append(r.xyz[3*i : 3*i+3]); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (b *batcher) append(xyz []int32) error {
	if b.r.Encoding == wire.Int32MicroG {
		for _, v := range xyz {
			b.xyz = binary.LittleEndian.AppendUint32(b.xyz, uint32(v))
		}
		return nil
	}
	for _, v := range xyz {
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
