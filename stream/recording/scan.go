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
	if r.coarse > 0 {
		r.Notes = append(slices.Clone(r.Notes), "timestamps have too few digits to place a sample: consecutive ones are taken as evenly spaced")
	}
	return r, nil
}

// against says why a rate that was asked for is not to be had of a device's file.
func against(h hint, asked float64) error {
	d := float64(h.rateMHz) / 1000
	switch {
	case !h.kept:
	case h.rateMHz > wire.MaxRateMHz:
		return fmt.Errorf("its device's rate of %v Hz is above %d Hz, which is not supported", d, wire.MaxRateMHz/1000)
	case asked != 0 && math.Abs(asked-d) > d/slack:
		return fmt.Errorf("--rate: %v Hz is not what the file says, %v Hz: leave --rate out", asked, d)
	}
	return nil
}

// setRate decides the nominal rate, the tolerance of times and the readings' step.
func (r *Recording) setRate(s *survey, o Options) error {
	h := r.src.hint()
	if err := against(h, o.RateHz); err != nil {
		return err
	}
	switch {
	case o.RateHz != 0:
		r.RateMHz = uint32(math.Round(o.RateHz * 1000))
	case h.rateMHz != 0:
		r.RateMHz = h.rateMHz
	default:
		r.RateMHz = cmp.Or(s.rate, nominal(s.spacings, digit(s.early)))
	}
	if r.RateMHz < wire.MinRateMHz || r.RateMHz > wire.MaxRateMHz {
		return errors.New("its timestamps show no rate from 1 to 1000 Hz: give --rate")
	}
	r.tol = h.tol
	if r.tol == 0 {
		r.tol = max(1000, digit(s.places)) // times were rounded to it when the file was written
	}
	each, unit := gridNS(1, r.RateMHz), digit(s.places)
	switch {
	case r.tol <= each/2:
	case h.tol == 0 && unit != each:
		r.coarse, r.tol = unit, each/4 // they are made even
	default:
		r.tol = each / 2
	}
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
