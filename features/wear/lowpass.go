package wear

// warmup is how many minutes of temperature the filter sees on both sides of what
// is asked for: it then differs by less than 1e-9 degC from one over the whole.
const warmup = 15

// temperatures are the last minutes of a sensor's temperature, means of 4 s.
type temperatures struct {
	last int64
	bins [warmup + 1 + detachLag][binsPerMinute]int32 // micro-degrees, by minute
}

const missing = -1 << 31

func (t *temperatures) clear() {
	for m := range t.bins {
		for k := range t.bins[m] {
			t.bins[m][k] = missing
		}
	}
}

func (t *temperatures) push(m int64, p *Partial) {
	t.last = m
	for k := range binsPerMinute {
		at := &t.bins[m%int64(len(t.bins))][k]
		*at = missing
		if p != nil && p.temperature[k].n > 0 {
			*at = int32(p.temperature[k].sum * 1000 / int64(p.temperature[k].n))
		}
	}
}

// smooth is a filtered temperature, milli-degrees, at bins since the origin.
type smooth struct {
	from int64
	n    int64
	t    [(warmup + 1 + detachLag) * binsPerMinute]float64
}

func (s *smooth) at(k int64) (t float64, is bool) {
	if k < s.from || k >= s.from+s.n {
		return 0, false
	}
	return s.t[k-s.from], true
}

// next are bins from k on, all of which are known.
func (s *smooth) next(k, bins int64) []float64 { return s.t[k-s.from:][:bins] }

// smooth filters what is known of the minutes [from, to], as far as it hangs
// together with the minute anchor: bins without readings are on the line between
// their neighbours, and where there are none for 15 minutes it does not.
func (t *temperatures) smooth(s *smooth, from, to, anchor int64) {
	*s = smooth{}
	from = max(from, 0)
	first, last := int64(-1), int64(-1)
	for k := from * binsPerMinute; k < (to+1)*binsPerMinute; k++ {
		v := t.bins[k/binsPerMinute%int64(len(t.bins))][k%binsPerMinute]
		if v == missing {
			continue
		}
		switch {
		case first >= 0 && k-last <= hole*binsPerMinute:
			s.line(last-first, k-first, float64(v)/1000)
		case last >= anchor*binsPerMinute:
			s.from, s.n = first, last-first+1
			s.filter()
			return
		default:
			first = k
			s.t[0] = float64(v) / 1000
		}
		last = k
	}
	if first >= 0 {
		s.from, s.n = first, last-first+1
		s.filter()
	}
}

// line goes from what is at i to v at j.
func (s *smooth) line(i, j int64, v float64) {
	step := (v - s.t[i]) / float64(j-i)
	for k := i + 1; k < j; k++ {
		s.t[k] = s.t[i] + float64(step*float64(k-i))
	}
	s.t[j] = v
}

// The second-order Butterworth low-pass filter at 0.005 Hz for one value in 4 s,
// by the bilinear transform, and its state (direct form II transposed) after a
// constant 1.
const (
	lowpassB0 = 0.0036216815149286417
	lowpassB1 = 0.0072433630298572834
	lowpassB2 = 0.0036216815149286417
	lowpassA1 = -1.822694925196308
	lowpassA2 = 0.83718165125602262
	lowpassZ0 = 0.99637831848507219
	lowpassZ1 = -0.8335599697410947
)

// filter runs forwards and then backwards, each time from a constant as far
// beyond the first value as the second is on the other side.
func (s *smooth) filter() {
	x := s.t[:s.n]
	if len(x) < 2 {
		return
	}
	end := float64(2*x[len(x)-1]) - x[len(x)-2]
	z0, z1 := lowpassStart(float64(2*x[0]) - x[1])
	for i := range x {
		x[i], z0, z1 = lowpass(x[i], z0, z1)
	}
	end, _, _ = lowpass(end, z0, z1)
	z0, z1 = lowpassStart(end)
	for i := len(x) - 1; i >= 0; i-- {
		x[i], z0, z1 = lowpass(x[i], z0, z1)
	}
}

func lowpassStart(x float64) (z0, z1 float64) {
	return float64(lowpassZ0 * x), float64(lowpassZ1 * x)
}

func lowpass(x, z0, z1 float64) (y, next0, next1 float64) {
	y = float64(lowpassB0*x) + z0
	next0 = float64(lowpassB1*x) - float64(lowpassA1*y) + z1
	return y, next0, float64(lowpassB2*x) - float64(lowpassA2*y)
}
