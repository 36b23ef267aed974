package window

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// Content is what a window holds: the samples and readings in event-time order,
// each time once, and what can be said of them without knowing any feature.
type Content struct {
	Samples  features.Samples
	Readings features.Readings
	Dup      uint32 // samples at a time that another sample of a lower name has
	Clip     uint32 // samples at the end of the device's range on any axis
	RateOff  bool   // a batch's rate is more than 2 % off its configured rate
	Jump     bool   // the device's clock was set between two batches that follow each other
	nominal  uint32 // the configured rate of all batches; 0: they differ
}

// Merger collects contents. It owns the memory of the last Content it gave.
type Merger struct {
	c     Content
	rank  []int32 // of the batch that a sample came from, by name
	clip  []bool
	order []int
	out   Content
	bare  Content // what Frame gave
}

// SortBatches puts batches into the order of their names, as Merge wants them.
func SortBatches(batches []*wire.SampleBatch) {
	slices.SortFunc(batches, func(a, b *wire.SampleBatch) int {
		return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Seq, b.Seq))
	})
}

// Merge collects what the batches, ordered by name, hold of a window. They may
// overlap; of samples at one time the one of the lowest (boot, seq, index) is
// kept. A sample of exactly (0, 0, 0) is a missing one.
func (m *Merger) Merge(k Key, batches []*wire.SampleBatch) *Content {
	m.frame(k, batches)
	s := &m.c.Samples
	s.T, s.X, s.Y, s.Z = s.T[:0], s.X[:0], s.Y[:0], s.Z[:0]
	m.rank, m.clip = m.rank[:0], m.clip[:0]
	sorted, clipped := true, false
	for rank, b := range batches {
		ascending, clip := m.take(k, b, int32(rank))
		sorted, clipped = sorted && ascending, clipped || clip
	}
	if !sorted {
		m.sortSamples()
	}
	if clipped {
		for _, c := range m.clip {
			if c {
				m.c.Clip++
			}
		}
	}
	return &m.c
}

// Frame collects the same, but for the samples.
func (m *Merger) Frame(k Key, batches []*wire.SampleBatch) *Content {
	m.frame(k, batches)
	m.bare = m.c
	m.bare.Samples = features.Samples{}
	return &m.bare
}

func (m *Merger) frame(k Key, batches []*wire.SampleBatch) {
	m.c = Content{Samples: m.c.Samples, Readings: m.c.Readings, nominal: common(batches)}
	r := &m.c.Readings
	r.T, r.MilliC = r.T[:0], r.MilliC[:0]
	var last *wire.SampleBatch
	for _, b := range batches {
		m.takeReadings(k, b)
		if from, to := inside(k, b); from == to {
			continue
		}
		rate, nominal := int64(b.RateMHz), int64(b.Nominal())
		m.c.RateOff = m.c.RateOff || 50*max(rate-nominal, nominal-rate) > nominal
		m.c.Jump = m.c.Jump || last != nil && jump(last, b)
		last = b
	}
	m.sortReadings()
}

// inside is the range of a batch's samples that a window holds.
func inside(k Key, b *wire.SampleBatch) (from, to int) {
	n := int(b.N)
	if n == 0 || b.SampleTime(0) >= k.Start && b.SampleTime(n-1) < k.End() {
		return 0, n
	}
	from = sort.Search(n, func(i int) bool { return b.SampleTime(i) >= k.Start })
	return from, from + sort.Search(n-from, func(i int) bool { return b.SampleTime(from+i) >= k.End() })
}

// clockTolerance is the offset below which a clock is not corrected, and so the
// step below which it is not said to have jumped.
const clockTolerance = int64(2_000_000) // microseconds

// jump reports whether the clock was set between two batches: their times
// overlap, or differ from what the device's monotonic clock says.
func jump(a, b *wire.SampleBatch) bool {
	if a.Boot != b.Boot || a.Seq+1 != b.Seq {
		return false
	}
	if a.End()-b.SampleTime(0) > limit(a.Nominal()) {
		return true
	}
	if !a.TicksUS.OK || !b.TicksUS.OK {
		return false
	}
	step := (b.T0us - a.T0us) - int64(b.TicksUS.Value-a.TicksUS.Value)
	return max(step, -step) > clockTolerance
}

// limit is the time that a sample stands for at most: 1.5 nominal spacings.
func limit(nominal uint32) int64 { return 1_500_000_000_000 / int64(nominal) }

// take appends the samples of one batch, and reports whether the times still
// ascend and whether one is at the end of the range.
func (m *Merger) take(k Key, b *wire.SampleBatch, rank int32) (ascending, clipped bool) {
	from, to := inside(k, b)
	if from == to {
		return true, false
	}
	s := &m.c.Samples
	at, n := len(s.T), to-from
	ascending = at == 0 || s.T[at-1] < b.SampleTime(from)
	part := *b
	width := len(b.XYZ) / int(b.N)
	part.XYZ = b.XYZ[from*width : to*width]
	s.X, s.Y, s.Z = slices.Grow(s.X, n), slices.Grow(s.Y, n), slices.Grow(s.Z, n)
	s.X, s.Y, s.Z = part.AppendMicroG(s.X, s.Y, s.Z)
	s.T, m.rank, m.clip = slices.Grow(s.T, n)[:at+n], slices.Grow(m.rank, n)[:at+n], slices.Grow(m.clip, n)[:at+n]
	least := clipLimit(b)
	j := at
	clock := newSpacing(b, from)
	for i := range n {
		t := clock.next()
		x, y, z := s.X[at+i], s.Y[at+i], s.Z[at+i]
		if x|y|z == 0 {
			continue
		}
		s.X[j], s.Y[j], s.Z[j] = x, y, z
		s.T[j], m.rank[j] = t, rank
		m.clip[j] = least > 0 && (beyond(x, least) || beyond(y, least) || beyond(z, least))
		clipped = clipped || m.clip[j]
		j++
	}
	s.X, s.Y, s.Z, s.T = s.X[:j], s.Y[:j], s.Z[:j], s.T[:j]
	m.rank, m.clip = m.rank[:j], m.clip[:j]
	return ascending, clipped
}

// spacing counts the times of a batch's samples up without a division for each:
// t is floor(i·10^12/rate) and rest what the floor took away, times rate.
type spacing struct {
	t, step          int64
	rest, more, rate uint64
}

func newSpacing(b *wire.SampleBatch, i int) spacing {
	const second = 1_000_000_000_000 // of nanoseconds at a rate in millihertz
	rate := uint64(b.RateMHz)
	return spacing{b.SampleTime(i), int64(second / rate), uint64(i) * second % rate, second % rate, rate}
}

func (s *spacing) next() int64 {
	t := s.t
	s.t += s.step
	if s.rest += s.more; s.rest >= s.rate {
		s.rest -= s.rate
		s.t++
	}
	return t
}

// clipLimit is the smallest magnitude in micro-g that means "at the end of the
// range": the largest count for integer scales, since the positive end of two's
// complement is one count short of it. 0: the range is unknown.
func clipLimit(b *wire.SampleBatch) int64 {
	limit := int64(b.RangeMG) * 1000
	if limit > 0 && b.Encoding == wire.Int16Counts {
		limit -= 1_000_000 / int64(b.LSBPerG)
	}
	return limit
}

func beyond(v int32, limit int64) bool { return int64(v) >= limit || int64(v) <= -limit }

// sortSamples puts the samples into order of time, then of name, and drops the
// repeats of a time.
func (m *Merger) sortSamples() {
	s := &m.c.Samples
	m.order = m.order[:0]
	for i := range s.T {
		m.order = append(m.order, i)
	}
	slices.SortStableFunc(m.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.T[a], s.T[b]), cmp.Compare(m.rank[a], m.rank[b]))
	})
	o := &m.out.Samples
	o.T, o.X, o.Y, o.Z = o.T[:0], o.X[:0], o.Y[:0], o.Z[:0]
	clip := make([]bool, 0, len(m.clip))
	for _, i := range m.order {
		if n := len(o.T); n > 0 && o.T[n-1] == s.T[i] {
			m.c.Dup++
			continue
		}
		o.T, o.X, o.Y, o.Z = append(o.T, s.T[i]), append(o.X, s.X[i]), append(o.Y, s.Y[i]), append(o.Z, s.Z[i])
		clip = append(clip, m.clip[i])
	}
	m.c.Samples, m.out.Samples = m.out.Samples, m.c.Samples
	m.clip = clip
}

func (m *Merger) takeReadings(k Key, b *wire.SampleBatch) {
	r, n := &m.c.Readings, len(b.TempMdegC)
	if n == 0 || b.ReadingTime(n-1) < k.Start || k.End() <= b.ReadingTime(0) {
		return
	}
	from := sort.Search(n, func(i int) bool { return b.ReadingTime(i) >= k.Start })
	for i := from; i < n; i++ {
		t := b.ReadingTime(i)
		if t >= k.End() {
			return
		}
		r.T, r.MilliC = append(r.T, t), append(r.MilliC, b.TempMdegC[i])
	}
}

// sortReadings orders readings by time; of one time the first by name stays.
func (m *Merger) sortReadings() {
	r := &m.c.Readings
	ascending := true
	for i := 1; i < len(r.T) && ascending; i++ {
		ascending = r.T[i-1] < r.T[i]
	}
	if ascending {
		return
	}
	m.order = m.order[:0]
	for i := range r.T {
		m.order = append(m.order, i)
	}
	slices.SortStableFunc(m.order, func(a, b int) int { return cmp.Compare(r.T[a], r.T[b]) })
	o := &m.out.Readings
	o.T, o.MilliC = o.T[:0], o.MilliC[:0]
	for _, i := range m.order {
		if n := len(o.T); n > 0 && o.T[n-1] == r.T[i] {
			continue
		}
		o.T, o.MilliC = append(o.T, r.T[i]), append(o.MilliC, r.MilliC[i])
	}
	m.c.Readings, m.out.Readings = m.out.Readings, m.c.Readings
}

// rateOf is the configured rate of the first batch by name that holds the first
// of some samples of a content; 0 where there are none.
func (c *Content) rateOf(s features.Samples, batches []*wire.SampleBatch) uint32 {
	switch {
	case len(s.T) == 0:
		return 0
	case c.nominal > 0:
		return c.nominal
	}
	for _, b := range batches {
		if b.N > 0 && b.SampleTime(0) <= s.T[0] && s.T[0] < b.End() {
			return b.Nominal()
		}
	}
	return 0
}

// common is the configured rate that all batches of samples share; 0: none.
func common(batches []*wire.SampleBatch) (rate uint32) {
	for _, b := range batches {
		switch {
		case b.N == 0:
		case rate == 0:
			rate = b.Nominal()
		case rate != b.Nominal():
			return 0
		}
	}
	return rate
}

// appendSamples appends what a digest is of: (t_ns, x, y, z), little-endian.
func appendSamples(p []byte, s features.Samples) []byte {
	for i := range s.T {
		p = binary.LittleEndian.AppendUint64(p, uint64(s.T[i]))
		p = binary.LittleEndian.AppendUint32(p, uint32(s.X[i]))
		p = binary.LittleEndian.AppendUint32(p, uint32(s.Y[i]))
		p = binary.LittleEndian.AppendUint32(p, uint32(s.Z[i]))
	}
	return p
}

// appendReadings appends the readings, (t_ns, m°C).
func appendReadings(p []byte, r features.Readings) []byte {
	for i := range r.T {
		p = binary.LittleEndian.AppendUint64(p, uint64(r.T[i]))
		p = binary.LittleEndian.AppendUint32(p, uint32(r.MilliC[i]))
	}
	return p
}
