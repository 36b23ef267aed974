package wear

import (
	"time"

	"github.com/wearstream/wearstream/features"
)

const (
	minuteNS = int64(time.Minute)
	// binsPerMinute is how many means the temperature of a minute becomes: one in 4 s.
	binsPerMinute = 15
	binNS         = minuteNS / binsPerMinute
	// most is where an acceleration is cut off, about 33 g. It is beyond any
	// device, and squares of a second then fit 63 bits at up to 8,191 samples.
	most = 1<<25 - 1
	// hottest is where a temperature is cut off, so that micro-degrees fit 32 bits.
	hottest = 1_000_000
)

// second are the sums of one second, per axis, in micro-g.
type second struct {
	n            int32
	sum, squares [3]int64
}

// bin is a sum of temperature readings, milli-degrees.
type bin struct {
	sum int64
	n   int32
}

// Partial is what the algorithms know of one minute of one sensor. Use it again
// from minute to minute: Set overwrites it.
type Partial struct {
	Start    int64 // ns since 1970
	Reported State // what the device itself says: Wear, NonWear, Charging; else Unknown
	Counts   int32 // activity counts of the minute, rounded up, of all axes together; -1: not known

	covered     int64 // ns
	seconds     [60]second
	halves      [2]spread
	sparse      spread // of about five samples per second
	temperature [binsPerMinute]bin
}

// Set makes p the partial of the minute that begins at start, of which s and r
// are the samples and readings in order of time, at the configured rate in
// millihertz. A sample of zero along all axes is a missing one. Reported and
// Counts are what is not known.
func (p *Partial) Set(start int64, s features.Samples, r features.Readings, rate uint32) {
	*p = Partial{Start: start, Counts: -1}
	spacing := int64(0) // the longest time that one sample covers
	slot := int64(1)    // of which the first sample is sparse, ns times rate
	if rate > 0 {
		spacing = 1_500_000_000_000 / int64(rate)
		slot = (int64(rate) + 4999) / 5000 * 1_000_000_000_000
	}
	var sums *second
	var half *spread
	before, second, next := start, start, start // next: when a second and a slot end
	for i, t := range s.T {
		v := [3]int32{s.X[i], s.Y[i], s.Z[i]}
		if v == [3]int32{} {
			continue
		}
		p.covered += min(t-before, spacing)
		before = t
		if t >= second {
			k := (t - start) / int64(time.Second)
			sums, half = &p.seconds[k], &p.halves[k/30]
			second = start + (k+1)*int64(time.Second)
		}
		sums.sample(&v)
		half.extend(v)
		if t >= next && rate > 0 {
			k := (t - start) * int64(rate) / slot
			next = start + ((k+1)*slot+int64(rate)-1)/int64(rate)
			p.sparse.sample(v)
		}
	}
	if p.seen() {
		p.covered += min(start+minuteNS-before, spacing)
	}
	p.halves[0].n, p.halves[1].n = 0, 0 // extend counted; the seconds bring n with their sums
	for i := range p.seconds {
		p.halves[i/30].add(&p.seconds[i])
	}
	if p.enough() {
		p.halves[0].halves, p.halves[1].halves, p.sparse.halves = 1, 1, 2
	}
	for i, t := range r.T {
		b := &p.temperature[(t-start)/binNS]
		b.sum += int64(max(-hottest, min(r.MilliC[i], hottest)))
		b.n++
	}
}

// sample adds one, cut off at most, which v is too afterwards.
func (s *second) sample(v *[3]int32) {
	s.n++
	for a := range v {
		v[a] = max(-most, min(v[a], most))
		s.sum[a] += int64(v[a])
		s.squares[a] += int64(v[a]) * int64(v[a])
	}
}

// extend takes a sample's least and greatest values; the sums come by the second.
func (s *spread) extend(v [3]int32) {
	if s.n == 0 {
		s.least, s.most = v, v
	}
	s.n++
	for a, value := range v {
		s.least[a] = min(s.least[a], value)
		s.most[a] = max(s.most[a], value)
	}
}

func (p *Partial) seen() bool { return p.halves[0].n+p.halves[1].n > 0 }

// enough reports whether at least half of the minute is recorded.
func (p *Partial) enough() bool { return 2*p.covered >= minuteNS }

// moments are those of the minute.
func (p *Partial) moments() moments {
	m := p.halves[0].moments
	m.n += p.halves[1].n
	for a := range 3 {
		m.sum[a] += p.halves[1].sum[a]
		m.squares[a] = m.squares[a].Add(p.halves[1].squares[a])
	}
	return m
}

// readings are the sum and number of the minute's temperature readings.
func (p *Partial) readings() bin {
	var all bin
	for _, b := range p.temperature {
		all.sum += b.sum
		all.n += b.n
	}
	return all
}
