package recording

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// scan looks through a file.
func scan(path string, src source, o Options) (*Recording, error) {
	s := newSurvey(src.hint(), o.LSBPerG)
	damage, err := src.rows(runtime.GOMAXPROCS(0), func(r *rows) bool {
		s.take(r)
		s.fit(r)
		return true
	})
	if err != nil {
		return nil, err
	}
	return conclude(path, src, o, s, damage)
}

// conclude says what a survey comes to.
func conclude(path string, src source, o Options, s *survey, damage Damage) (*Recording, error) {
	if s.n == 0 {
		switch {
		case damage.First != "":
			return nil, fmt.Errorf("no row can be read: %s", damage.First)
		case damage.End != nil:
			return nil, damage.End
		}
		return nil, errors.New("no samples")
	}
	r := &Recording{Path: path, Format: src.format(), Samples: s.n, Damage: damage, BatteryMV: s.mv, src: src}
	r.Device, r.Notes = src.hint().device.named(path), src.hint().notes
	if err := r.setRate(s, o); err != nil {
		return nil, err
	}
	if err := r.setScale(s, o); err != nil {
		return nil, err
	}
	r.First = time.Unix(0, s.first).UTC()
	if o.Start != nil {
		r.First, r.shift = o.Start.UTC(), o.Start.UnixNano()-s.first
	}
	at := func(t int64) time.Time { return r.First.Add(time.Duration(t - s.first)) } // may be beyond what nanoseconds since 1970 hold
	r.Earliest, r.Latest = at(s.span[0]), at(s.span[1])
	if o.Start != nil && r.Earliest.Before(minTime) {
		return nil, fmt.Errorf("--start: the recording, whose clock was set back, would begin in %d", r.Earliest.Year())
	}
	if o.Start != nil && r.Latest.After(maxTime) {
		return nil, fmt.Errorf("--start: the recording would end in %d", r.Latest.Year())
	}
	r.size = perBatch(o.BatchLength, r.RateMHz)
	return r, nil
}

// setRate decides the nominal rate, the tolerance of times and the readings' step.
func (r *Recording) setRate(s *survey, o Options) error {
	h := r.src.hint()
	switch {
	case o.RateHz != 0:
		r.RateMHz = uint32(math.Round(o.RateHz * 1000))
	case h.rateMHz != 0:
		r.RateMHz = h.rateMHz
	default:
		r.RateMHz = cmp.Or(s.rate, nominal(s.spacings))
	}
	if r.RateMHz < wire.MinRateMHz || r.RateMHz > wire.MaxRateMHz {
		return errors.New("its timestamps show no rate from 1 to 1000 Hz: give --rate")
	}
	r.tol = h.tol
	if r.tol == 0 {
		r.tol = max(1000, pow10[9-min(s.places, 9)]) // times were rounded to it when the file was written
	}
	r.tol = min(r.tol, gridNS(1, r.RateMHz)/2)
	if r.TempEvery = o.TempEvery; r.TempEvery == 0 {
		r.TempEvery = max(1, int(math.RoundToEven(float64(r.RateMHz)/4000)))
	}
	r.tempMHz = max(1, uint32(math.RoundToEven(float64(r.RateMHz)/float64(r.TempEvery))))
	if h.readings {
		r.TempEvery, r.tempMHz = 1, max(1, h.tempMHz)
	}
	return nil
}

// setScale decides the encoding.
func (r *Recording) setScale(s *survey, o Options) error {
	h := r.src.hint()
	if r.LSBPerG = o.LSBPerG; r.LSBPerG == 0 {
		r.LSBPerG = s.lsb()
	} else if s.misfits > 0 {
		return fmt.Errorf("%d values are no whole counts of 1/%d g in 16 bits: leave --lsb out", s.misfits, o.LSBPerG)
	}
	r.Encoding = wire.Int16Counts
	if r.LSBPerG == 0 {
		r.Encoding = wire.Int32MicroG
	}
	switch {
	case o.RangeMG != 0:
		r.RangeMG = o.RangeMG
	case h.rangeMG != 0:
		r.RangeMG = h.rangeMG
	case r.LSBPerG == e4LSB && s.low >= -2_000_000 && s.high <= 1_984_375:
		r.RangeMG = e4Range // the form and the bounds of an E4
	}
	return nil
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
