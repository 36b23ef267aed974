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
	s = withoutMissing(s)
	p.cover(s.T, rate)
	p.thin(&s, rate)
	for i := 0; i < len(s.T); {
		k := (s.T[i] - start) / int64(time.Second)
		end := start + (k+1)*int64(time.Second)
		j := i + 1
		for j < len(s.T) && s.T[j] < end {
			j++
		}
		half := &p.halves[k/30]
		for a, v := range [3][]int32{s.X[i:j], s.Y[i:j], s.Z[i:j]} {
			least, most := p.seconds[k].axis(a, v)
			if half.n > 0 {
				least, most = min(least, half.least[a]), max(most, half.most[a])
			}
			half.least[a], half.most[a] = least, most
		}
		p.seconds[k].n = int32(j - i)
		half.add(&p.seconds[k])
		i = j
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

// withoutMissing are the samples that are not zero along all axes.
func withoutMissing(s features.Samples) features.Samples {
	ys, zs := s.Y[:len(s.X)], s.Z[:len(s.X)]
	i := 0
	for i < len(s.X) && s.X[i]|ys[i]|zs[i] != 0 {
		i++
	}
	if i == len(s.X) {
		return s
	}
	var some features.Samples
	for i, t := range s.T {
		if s.X[i]|s.Y[i]|s.Z[i] != 0 {
			some.T, some.X, some.Y, some.Z = append(some.T, t), append(some.X, s.X[i]), append(some.Y, s.Y[i]), append(some.Z, s.Z[i])
		}
	}
	return some
}

// cover adds up the time that the samples cover.
func (p *Partial) cover(times []int64, rate uint32) {
	if rate == 0 || len(times) == 0 {
		return
	}
	reach := features.Reach(rate)
	sum, before := int64(0), p.Start
	for _, t := range times {
		sum += min(t-before, reach)
		before = t
	}
	p.covered = sum + min(p.Start+minuteNS-before, reach)
}

// thin takes the first sample of each slot of a fifth of a second, or of a sample at
// lower rates.
func (p *Partial) thin(s *features.Samples, rate uint32) {
	if rate == 0 {
		return
	}
	slot := (int64(rate) + 4999) / 5000 * 1_000_000_000_000 // ns times rate
	next := p.Start
	for i, t := range s.T {
		if t < next {
			continue
		}
		k := (t - p.Start) * int64(rate) / slot
		next = p.Start + ((k+1)*slot+int64(rate)-1)/int64(rate)
		p.sparse.sample([3]int32{cut(s.X[i]), cut(s.Y[i]), cut(s.Z[i])})
	}
}

func cut(v int32) int32 { return max(-most, min(v, most)) }

// axis makes the sums of one axis, values cut off, and answers the least and the
// greatest.
func (s *second) axis(a int, values []int32) (low, high int32) {
	var sum, squares int64
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
		sum += int64(v)
		squares += int64(v) * int64(v)
	}
	if low < -most || high > most {
		sum, squares = 0, 0
		for _, v := range values {
			v := int64(cut(v))
			sum += v
			squares += v * v
		}
	}
	s.sum[a], s.squares[a] = sum, squares
	return cut(low), cut(high)
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
