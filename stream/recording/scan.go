package recording

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// survey is what the first pass gathers.
type survey struct {
	n           int64
	first, last int64
	low, high   int32 // of the values, micro-g
	places      int   // most digits after the point of a time
	scale       int   // index into scales of the coarsest that fits so far
	spacings    []int64
	fixed       uint32 // scale asked for
	misfits     int64  // values that do not fit it
}

// scales are the counts per g that a CSV is tried with. Each is twice the one
// before, so what fits one fits all that follow.
var scales = []uint32{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}

// maxSpacings is how many distances of rows the rate is taken from.
const maxSpacings = 65_536

func scan(path string, src source, o Options) (*Recording, error) {
	s := survey{low: math.MaxInt32, high: math.MinInt32, fixed: o.LSBPerG}
	damage, err := src.rows(func(r *row) bool { s.take(r); return true })
	if err != nil {
		return nil, err
	}
	if s.n == 0 {
		switch {
		case damage.First != "":
			return nil, fmt.Errorf("no row can be read: %s", damage.First)
		case damage.End != nil:
			return nil, damage.End
		}
		return nil, errors.New("no samples")
	}
	r := &Recording{Path: path, Format: src.format(), Samples: s.n, Damage: damage, src: src}
	if err := r.setRate(&s, o); err != nil {
		return nil, err
	}
	if err := r.setScale(&s, o); err != nil {
		return nil, err
	}
	if o.Start != nil {
		r.shift = o.Start.UnixNano() - s.first
		if end := o.Start.Add(time.Duration(s.last - s.first)); end.After(maxTime) {
			return nil, fmt.Errorf("--start: the recording would end in %d", end.Year())
		}
	}
	r.First, r.Last = time.Unix(0, s.first+r.shift).UTC(), time.Unix(0, s.last+r.shift).UTC()
	r.size = perBatch(o.BatchLength, r.RateMHz)
	return r, nil
}

func (s *survey) take(r *row) {
	if s.n == 0 {
		s.first = r.t
	} else if len(s.spacings) < maxSpacings {
		s.spacings = append(s.spacings, r.t-s.last)
	}
	s.n++
	s.last = r.t
	s.places = max(s.places, r.places)
	for _, v := range [3]int32{r.x, r.y, r.z} {
		s.low, s.high = min(s.low, v), max(s.high, v)
		if s.fixed != 0 {
			if _, ok := counts(v, s.fixed); !ok {
				s.misfits++
			}
			continue
		}
		for s.scale < len(scales) {
			if _, ok := counts(v, scales[s.scale]); ok {
				break
			}
			s.scale++
		}
	}
}

// setRate decides the nominal rate, the tolerance of times and the readings' step.
func (r *Recording) setRate(s *survey, o Options) error {
	h := r.src.hint()
	switch {
	case o.RateHz != 0:
		r.RateMHz = uint32(math.Round(o.RateHz * 1000))
	case h.native:
		r.RateMHz = h.rateMHz
	default:
		r.RateMHz = nominal(s.spacings)
	}
	if r.RateMHz < wire.MinRateMHz || r.RateMHz > wire.MaxRateMHz {
		return errors.New("its timestamps show no rate from 1 to 1000 Hz: give --rate")
	}
	digit := pow10[9-min(s.places, 9)] // times were rounded to it when the file was written
	r.tol = min(max(digit, 1000), gridNS(1, r.RateMHz)/2)
	if r.TempEvery = o.TempEvery; r.TempEvery == 0 {
		r.TempEvery = max(1, int(math.RoundToEven(float64(r.RateMHz)/4000)))
	}
	r.tempMHz = max(1, uint32(math.RoundToEven(float64(r.RateMHz)/float64(r.TempEvery))))
	if h.native {
		r.TempEvery, r.tempMHz = 1, max(1, h.tempMHz)
	}
	return nil
}

// setScale decides the encoding.
func (r *Recording) setScale(s *survey, o Options) error {
	h := r.src.hint()
	switch {
	case o.LSBPerG != 0:
		if s.misfits > 0 {
			return fmt.Errorf("%d values are no whole counts of 1/%d g in 16 bits: leave --lsb out", s.misfits, o.LSBPerG)
		}
		r.LSBPerG = o.LSBPerG
	case h.native:
		r.LSBPerG = h.lsbPerG
	case s.scale < len(scales):
		r.LSBPerG = scales[s.scale]
	}
	r.Encoding = wire.Int16Counts
	if r.LSBPerG == 0 {
		r.Encoding = wire.Int32MicroG
	}
	switch {
	case o.RangeMG != 0:
		r.RangeMG = o.RangeMG
	case h.native:
		r.RangeMG = h.rangeMG
	case r.LSBPerG == e4LSB && s.low >= -2_000_000 && s.high <= 1_984_375:
		r.RangeMG = e4Range // the form and the bounds of an E4
	}
	return nil
}

// counts is the number of 1/lsb g that v micro-g is, where it is exactly one that
// 16 bits hold.
func counts(v int32, lsb uint32) (int16, bool) {
	c := divEven(int64(v)*int64(lsb), 1_000_000)
	return int16(c), math.MinInt16 <= c && c <= math.MaxInt16 && microG(c, int64(lsb)) == int64(v)
}

// microG is count/lsb g as the definitions round it.
func microG(count, lsb int64) int64 { return divEven(count*1_000_000, lsb) }

// divEven is a/b rounded half to even, b > 0.
func divEven(a, b int64) int64 {
	q, r := a/b, a%b
	if r < 0 {
		r = -r
	}
	if 2*r > b || 2*r == b && q&1 != 0 {
		if a < 0 {
			return q - 1
		}
		return q + 1
	}
	return q
}

// common are the rates that devices are sold with, mHz.
var common = []uint32{
	1_000, 5_000, 8_000, 10_000, 12_500, 16_000, 20_000, 25_000, 26_000, 30_000, 31_250, 32_000, 40_000, 50_000, 52_000,
	60_000, 62_500, 64_000, 66_700, 75_000, 80_000, 85_700, 90_000, 100_000, 104_000, 120_000, 125_000, 128_000,
	150_000, 200_000, 208_000, 250_000, 256_000, 400_000, 416_000, 500_000, 512_000, 800_000, 1_000_000,
}

// nominal is the rate that a device was set to, told from the median distance of
// its rows: the nearest common rate within 2.5 %, else the rate itself.
func nominal(spacings []int64) uint32 {
	if len(spacings) == 0 {
		return 0
	}
	slices.Sort(spacings)
	median := spacings[len(spacings)/2]
	if median <= 0 {
		return 0
	}
	rate := float64(1e12) / float64(median)
	best := math.Round(rate/100) * 100
	off := 0.025
	for _, c := range common {
		if d := math.Abs(rate/float64(c) - 1); d < off {
			best, off = float64(c), d
		}
	}
	return uint32(min(best, math.MaxUint32))
}
