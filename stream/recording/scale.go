package recording

import (
	"math"
	"slices"
)

// scales are the counts per g that a CSV is tried with. Each is twice the one
// before, so what fits one fits all that follow, but for 16 bits.
var scales = []uint32{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}

// counts is the number of 1/lsb g that v micro-g is, where it is exactly one that
// 16 bits hold. exact says that microG(count, lsb) is v.
//
// The count is v·lsb/10^6, rounded; with remainder m, microG of it is v - m/lsb
// rounded half to even, so v itself where |m| is less than half of lsb, or half
// of it and v even.
func counts(v int32, lsb uint32) (count int16, exact bool) {
	const lift = 1 << 32 // makes the dividend positive: |v·lsb| < 2^31·10^6
	p := uint64(int64(v)*int64(lsb) + lift*1_000_000 + 500_000)
	c := int64(p/1_000_000) - lift
	m := int64(p%1_000_000) - 500_000
	twice := 2 * max(m, -m)
	fits := twice < int64(lsb) || twice == int64(lsb) && v&1 == 0
	return int16(c), fits && c == int64(int16(c))
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

// survey is what is gathered of a file that is read for the first time: rows are given
// to take, and, unless all their values are known to fit the scale, to fit.
type survey struct {
	n           int64
	first, last int64    // in the order of the file
	span        [2]int64 // earliest and latest
	low, high   int32    // of the values, micro-g
	places      int      // most digits after the point of a time
	scale       int      // index into scales of the coarsest that fits so far
	spacings    []int64
	early       int    // places, until there were all of those
	rate        uint32 // nominal, mHz, where it is known already
	fixed       uint32 // scale asked for
	misfits     int64  // values that do not fit it
	mv          [2]int // battery, first and last told
}

// maxSpacings is how many distances of rows the rate is taken from.
const maxSpacings = 65_536

func newSurvey(h hint, lsb uint32) *survey {
	s := &survey{low: math.MaxInt32, high: math.MinInt32, fixed: lsb}
	if h.microG {
		s.scale = len(scales)
	}
	for s.scale < len(scales) && scales[s.scale] < h.lsbPerG {
		s.scale++
	}
	return s
}

func (s *survey) take(r *rows) {
	if r.mv != 0 {
		if s.mv[0] == 0 {
			s.mv[0] = r.mv
		}
		s.mv[1] = r.mv
	}
	if len(r.t) == 0 {
		return
	}
	s.places = max(s.places, r.places)
	if len(s.spacings) < maxSpacings {
		s.early = s.places
	}
	last := s.last
	if s.n == 0 {
		s.first, last = r.t[0], r.t[0]
		s.span = [2]int64{last, last}
	}
	for i, t := range r.t {
		if s.rate != 0 || len(s.spacings) == maxSpacings {
			break
		}
		if s.n+int64(i) > 0 {
			s.spacings = append(s.spacings, t-last)
		}
		last = t
	}
	s.n += int64(len(r.t))
	s.last = r.t[len(r.t)-1]
	s.span = [2]int64{min(s.span[0], slices.Min(r.t)), max(s.span[1], slices.Max(r.t))}
	low, high := s.low, s.high
	for _, v := range r.xyz {
		low, high = min(low, v), max(high, v)
	}
	s.low, s.high = low, high
}

// digit is the last of times that have so many after the point, ns.
func digit(places int) int64 { return pow10[9-min(places, 9)] }

// fit goes on to the first scale that the rows fit.
func (s *survey) fit(r *rows) {
	if s.fixed != 0 {
		for _, v := range r.xyz {
			if _, ok := counts(v, s.fixed); !ok {
				s.misfits++
			}
		}
		return
	}
	for i := 0; i < len(r.xyz) && s.scale < len(scales); {
		if _, ok := counts(r.xyz[i], scales[s.scale]); ok {
			i++
			continue
		}
		s.scale++
	}
}

// lsb is the coarsest scale in which all values are exact, 0 where none is.
func (s *survey) lsb() uint32 {
	for ; s.scale < len(scales); s.scale++ {
		lsb := scales[s.scale]
		_, low := counts(s.low, lsb)
		_, high := counts(s.high, lsb)
		if low && high {
			return lsb
		}
	}
	return 0
}
