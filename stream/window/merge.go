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
	RateOff  bool   // the rate within stretches without a gap is more than 2 % off the configured one
	Jump     bool   // the device's clock was set within a boot
	nominal  uint32 // the configured rate of all batches; 0: they differ
}

// Merger collects contents. It owns the memory of the last Content that each of its
// methods gave.
type Merger struct {
	c     Content
	clips []int32 // which samples are at the end of the range
	dups  []int64 // times of which another sample was left out
	order []int
	out   Content
	part  Content // what Frame and Within gave
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
	m.frame(&m.c, k, batches)
	s := &m.c.Samples
	s.T, s.X, s.Y, s.Z = s.T[:0], s.X[:0], s.Y[:0], s.Z[:0]
	m.clips, m.dups = m.clips[:0], m.dups[:0]
	sorted := true
	for _, b := range batches {
		sorted = m.take(k, b) && sorted
	}
	if !sorted {
		m.sortSamples()
	}
	m.c.Clip, m.c.Dup = uint32(len(m.clips)), uint32(len(m.dups))
	return &m.c
}

// Frame collects the same, but for the samples.
func (m *Merger) Frame(k Key, batches []*wire.SampleBatch) *Content {
	m.frame(&m.part, k, batches)
	m.part.Samples = features.Samples{}
	return &m.part
}

// Within is what Merge gives of a window inside the one that was merged last, given
// those of its batches that may hold a time of it.
func (m *Merger) Within(k Key, batches []*wire.SampleBatch) *Content {
	m.frame(&m.part, k, batches)
	s := m.c.Samples
	i, _ := slices.BinarySearch(s.T, k.Start)
	n, _ := slices.BinarySearch(s.T[i:], k.End())
	m.part.Samples = features.Samples{T: s.T[i : i+n], X: s.X[i : i+n], Y: s.Y[i : i+n], Z: s.Z[i : i+n]}
	m.part.Clip, m.part.Dup = within(m.clips, int32(i), int32(i+n)), within(m.dups, k.Start, k.End())
	return &m.part
}

// within counts the values in [from, to).
func within[T cmp.Ordered](sorted []T, from, to T) uint32 {
	i, _ := slices.BinarySearch(sorted, from)
	j, _ := slices.BinarySearch(sorted, to)
	return uint32(j - i)
}

func (m *Merger) frame(c *Content, k Key, batches []*wire.SampleBatch) {
	*c = Content{Samples: c.Samples, Readings: c.Readings, nominal: common(batches)}
	r := &c.Readings
	r.T, r.MilliC = r.T[:0], r.MilliC[:0]
	var last *wire.SampleBatch
	var until int64 // how far the batches of its boot go
	var p pace
	for _, b := range batches {
		takeReadings(r, k, b)
		from, to := inside(k, b)
		if from == to {
			continue
		}
		p.add(b, from, to)
		if last == nil || last.Boot != b.Boot {
			until = b.End()
		} else {
			c.Jump = c.Jump || until-b.SampleTime(0) > features.Reach(last.Nominal()) || stepped(last, b)
			until = max(until, b.End())
		}
		last = b
	}
	c.RateOff = p.off()
	m.sortReadings(r)
}

// pace compares the time between samples that follow each other without a gap with what
// the configured rate makes it. A batch alone may be too short to tell: where times are
// unsteady it is a few samples.
type pace struct {
	any        bool
	last       int64 // time of the last sample
	took, want int64 // ns
}

// add takes the samples [from, to) of a batch.
func (p *pace) add(b *wire.SampleBatch, from, to int) {
	nominal := b.Nominal()
	first, steps := b.SampleTime(from), uint64(to-from-1)
	if d := first - p.last; p.any && 0 < d && d <= features.Reach(nominal) {
		p.took += d
		steps++
	}
	p.any, p.last = true, b.SampleTime(to-1)
	p.took += p.last - first
	p.want += int64(steps * 1_000_000_000_000 / uint64(nominal))
}

// off reports whether they are more than 2 % apart; times are floors, so by a little more.
func (p *pace) off() bool {
	const floors = 1000
	return 50*max(p.took-p.want, p.want-p.took) > p.took+floors
}

// inside is the range of a batch's samples that a window holds.
func inside(k Key, b *wire.SampleBatch) (from, to int) {
	return rangeIn(k, int(b.N), b.SampleTime)
}

// readingsInside is the range of a batch's readings that a window holds.
func readingsInside(k Key, b *wire.SampleBatch) (from, to int) {
	return rangeIn(k, len(b.TempMdegC), b.ReadingTime)
}

// rangeIn is the range of n ascending times that a window holds.
func rangeIn(k Key, n int, at func(i int) int64) (from, to int) {
	if n == 0 || at(0) >= k.Start && at(n-1) < k.End() {
		return 0, n
	}
	from = sort.Search(n, func(i int) bool { return at(i) >= k.Start })
	return from, from + sort.Search(n-from, func(i int) bool { return at(from+i) >= k.End() })
}

// Holds reports whether a window holds a sample or a reading of a batch. Readings may be
// days from samples.
func (k Key) Holds(b *wire.SampleBatch) bool {
	from, to := readingsInside(k, b)
	return from < to || holdsSample(k, b)
}

// holdsSample reports whether a window holds a sample of a batch.
func holdsSample(k Key, b *wire.SampleBatch) bool {
	from, to := inside(k, b)
	return from < to
}

// clockTolerance is the offset below which a clock is not corrected, and so the
// step below which it is not said to have jumped.
const clockTolerance = int64(2_000_000) // microseconds

// stepped reports whether the times of two batches of a boot that follow each other
// differ from what the device's monotonic clock says.
func stepped(a, b *wire.SampleBatch) bool {
	if a.Seq+1 != b.Seq || !a.TicksUS.OK || !b.TicksUS.OK {
		return false
	}
	step := (b.T0us - a.T0us) - int64(b.TicksUS.Value-a.TicksUS.Value)
	return max(step, -step) > clockTolerance
}

// take appends the samples of one batch, and reports whether the times still ascend.
func (m *Merger) take(k Key, b *wire.SampleBatch) (ascending bool) {
	from, to := inside(k, b)
	if from == to {
		return true
	}
	s := &m.c.Samples
	at, n := len(s.T), to-from
	ascending = at == 0 || s.T[at-1] < b.SampleTime(from)
	part := *b
	width := len(b.XYZ) / int(b.N)
	part.XYZ = b.XYZ[from*width : to*width]
	s.X, s.Y, s.Z = part.AppendMicroG(s.X, s.Y, s.Z)
	s.T = slices.Grow(s.T, n)[:at+n]
	newSpacing(b, from).times(s.T[at:])
	x, y, z := s.X[at:], s.Y[at:][:n], s.Z[at:][:n]
	missing, bits := false, int32(0) // of all values, negative ones as -1-v
	for i, x := range x {
		y, z := y[i], z[i]
		missing = missing || x|y|z == 0
		bits |= (x ^ x>>31) | (y ^ y>>31) | (z ^ z>>31)
	}
	if missing {
		m.dropMissing(at)
	}
	if least := clipLimit(b); least > 0 && int64(bits)+1 >= least {
		m.clipped(at, least)
	}
	return ascending
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

func (s spacing) times(to []int64) {
	for i := range to {
		to[i] = s.t
		s.t += s.step
		if s.rest += s.more; s.rest >= s.rate {
			s.rest -= s.rate
			s.t++
		}
	}
}

// dropMissing takes out the samples of (0, 0, 0) from the i-th on.
func (m *Merger) dropMissing(i int) {
	s := &m.c.Samples
	j := i
	for ; i < len(s.T); i++ {
		if s.X[i]|s.Y[i]|s.Z[i] != 0 {
			s.T[j], s.X[j], s.Y[j], s.Z[j] = s.T[i], s.X[i], s.Y[i], s.Z[i]
			j++
		}
	}
	s.T, s.X, s.Y, s.Z = s.T[:j], s.X[:j], s.Y[:j], s.Z[:j]
}

// clipped notes the samples from the i-th on of which a value is at the end of the range.
func (m *Merger) clipped(i int, least int64) {
	s := &m.c.Samples
	for ; i < len(s.T); i++ {
		if beyond(s.X[i], least) || beyond(s.Y[i], least) || beyond(s.Z[i], least) {
			m.clips = append(m.clips, int32(i))
		}
	}
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
	for i := range s.T { // in order of names
		m.order = append(m.order, i)
	}
	slices.SortStableFunc(m.order, func(a, b int) int { return cmp.Compare(s.T[a], s.T[b]) })
	o := &m.out.Samples
	o.T, o.X, o.Y, o.Z = o.T[:0], o.X[:0], o.Y[:0], o.Z[:0]
	var clips []int32
	for _, i := range m.order {
		n := len(o.T)
		if n > 0 && o.T[n-1] == s.T[i] {
			m.dups = append(m.dups, s.T[i])
			continue
		}
		if _, clipped := slices.BinarySearch(m.clips, int32(i)); clipped {
			clips = append(clips, int32(n))
		}
		o.T, o.X, o.Y, o.Z = append(o.T, s.T[i]), append(o.X, s.X[i]), append(o.Y, s.Y[i]), append(o.Z, s.Z[i])
	}
	m.c.Samples, m.out.Samples = m.out.Samples, m.c.Samples
	m.clips = clips
}

func takeReadings(r *features.Readings, k Key, b *wire.SampleBatch) {
	from, to := readingsInside(k, b)
	for i := from; i < to; i++ {
		r.T, r.MilliC = append(r.T, b.ReadingTime(i)), append(r.MilliC, b.TempMdegC[i])
	}
}

// sortReadings orders readings by time; of one time the first by name stays.
func (m *Merger) sortReadings(r *features.Readings) {
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
	*r, m.out.Readings = m.out.Readings, *r
}

// RateOf is the configured rate of the first batch by name that holds the first
// of some samples of a content; 0 where there are none.
func (c *Content) RateOf(s features.Samples, batches []*wire.SampleBatch) uint32 {
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
	const each = 8 + 3*4
	at := len(p)
	p = slices.Grow(p, each*len(s.T))[:at+each*len(s.T)]
	x, y, z := s.X[:len(s.T)], s.Y[:len(s.T)], s.Z[:len(s.T)]
	for i, t := range s.T {
		b := p[at+each*i:][:each]
		binary.LittleEndian.PutUint64(b, uint64(t))
		binary.LittleEndian.PutUint64(b[8:], uint64(uint32(x[i]))|uint64(y[i])<<32)
		binary.LittleEndian.PutUint32(b[16:], uint32(z[i]))
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
