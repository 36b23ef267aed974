package batch

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// errKnown ends a reading early.
var errKnown = errors.New("known")

// attempt reads the recording for its still moments alone, as far as it takes, and the
// first time to its end; and answers the last attempt to calibrate it: what is told
// where it is not applied.
func (f *file) attempt(ctx context.Context) (*calibrate.Record, error) {
	last, err := f.attemptOf(ctx, newSlide(0, nil))
	if errors.Is(err, errBack) {
		s := newSlide(0, nil)
		if err = f.count(ctx, s); err == nil {
			last, err = f.attemptOf(ctx, s)
		}
	}
	return last, err
}

func (f *file) attemptOf(ctx context.Context, s *slide) (last *calibrate.Record, err error) {
	log := calibrate.NewLog(f.first, calibrate.Default)
	var merger window.Merger
	end := int64(math.MinInt64)
	seal := func(blocks []*block, ascend bool) error {
		for _, b := range blocks {
			until := b.start + blockLength
			if end = max(end, until); !ascend {
				until = math.MinInt64 // not yet
			}
			for _, r := range log.Seal(b.still(&merger, f.rate), until) {
				last = &r
			}
		}
		if log.Done && f.recording.Whole() != nil {
			return errKnown
		}
		return nil
	}
	err = f.parts(ctx, func(p part) error {
		if log.Done { // but its end is not known yet
			return nil
		}
		whole, err := s.add(p)
		return errors.Join(err, seal(whole, s.count == nil))
	})
	if err == nil {
		err = seal(s.rest(math.MaxInt64), true)
	}
	for _, r := range log.Seal(nil, end) {
		last = &r
	}
	if errors.Is(err, errKnown) {
		err = nil
	}
	return last, err
}

// still are the still epochs of a block.
func (b *block) still(merger *window.Merger, rate uint32) (epochs []calibrate.Still) {
	var batches []*wire.SampleBatch
	for _, p := range b.parts {
		batches = append(batches, p.SampleBatch)
	}
	for start := b.start; start < b.start+blockLength; start += int64(time.Minute) {
		c := merger.Merge(window.Key{Start: start, Length: time.Minute}, batches)
		a := calibrate.NewAssembler(calibrate.Default, rate)
		a.Add(c.Samples, c.Readings)
		epochs = append(epochs, a.Seal(start+int64(time.Minute))...)
	}
	return epochs
}

// corrector puts a calibration on the batches of a recording, in their order: counts
// become micro-g once. A missing sample stays one.
type corrector struct {
	*calibrate.Record
	t        []int64
	from, to [3][]int32
	held     struct { // the last reading
		at     int64
		milliC int32
		ok     bool
	}
}

func (c *corrector) batch(b *wire.SampleBatch) *wire.SampleBatch {
	out, perG, n := *b, int32(1_000_000), int(b.N)
	out.Encoding, out.LSBPerG, out.RangeMG = wire.Int32MicroG, 0, c.reach(b)
	out.XYZ = make([]byte, 0, 12*n)
	for k := range c.from {
		c.from[k], c.to[k] = c.from[k][:0], append(c.to[k][:0], make([]int32, n)...)
	}
	if b.Encoding == wire.Int16Counts {
		perG = int32(b.LSBPerG)
		for i := range 3 * n {
			c.from[i%3] = append(c.from[i%3], int32(int16(binary.LittleEndian.Uint16(b.XYZ[2*i:]))))
		}
	} else {
		c.from[0], c.from[1], c.from[2] = b.AppendMicroG(c.from[0], c.from[1], c.from[2])
	}
	c.t = c.t[:0]
	for i := range n {
		c.t = append(c.t, b.SampleTime(i))
	}
	axes := func(v *[3][]int32) calibrate.Axes { return calibrate.Axes{X: v[0], Y: v[1], Z: v[2]} }
	c.Apply(axes(&c.to), axes(&c.from), c.t, perG, c.readings(b))
	for i := range n {
		missing := c.from[0][i]|c.from[1][i]|c.from[2][i] == 0
		for k := range c.to {
			v := c.to[k][i]
			if missing {
				v = 0
			}
			out.XYZ = binary.LittleEndian.AppendUint32(out.XYZ, uint32(v))
		}
	}
	return &out
}

// readings are those of a batch, after the one that held before it.
func (c *corrector) readings(b *wire.SampleBatch) (r features.Readings) {
	if c.held.ok && b.N > 0 && c.held.at <= b.SampleTime(0) { // not where a clock was set back
		r.T, r.MilliC = append(r.T, c.held.at), append(r.MilliC, c.held.milliC)
	}
	for i, v := range b.TempMdegC {
		at := b.ReadingTime(i)
		r.T, r.MilliC = append(r.T, at), append(r.MilliC, v)
		c.held.at, c.held.milliC, c.held.ok = at, v, true
	}
	return r
}

// reach is the least magnitude, in milli-g, that an end of the device's range has after
// correction, along any axis and within 40 degrees of the temperature that the
// calibration is about: what is at an end is still counted as clipped, with what comes
// within some hundredths of a g of it.
func (c *corrector) reach(b *wire.SampleBatch) uint32 {
	if b.RangeMG == 0 || !c.Accepted {
		return b.RangeMG
	}
	end := float64(b.RangeMG) / 1000
	if b.Encoding == wire.Int16Counts {
		end -= 1 / float64(b.LSBPerG)
	}
	least := math.Inf(1)
	for k := range 3 {
		for _, v := range []float64{-end, end} {
			least = min(least, math.Abs((v+c.Offset[k])*c.Scale[k])-math.Abs(c.TempScale[k])*40)
		}
	}
	return uint32(max(1000*least, 1))
}
