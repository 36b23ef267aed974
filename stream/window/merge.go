package window

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
	Nominal  uint32 // configured rate of the first sample's batch, millihertz
	RateOff  bool   // a batch's rate is more than 2 % off its configured rate
}

// Merger collects contents. It owns the memory of the last Content it gave.
type Merger struct {
	c     Content
	rank  []int32 // of the batch that a sample came from, by (boot, seq)
	clip  []bool
	order []int
	out   Content
}

// Merge collects what the batches hold of a window. The batches may come in any
// order and overlap; of samples at one time the one of the lowest (boot, seq,
// index) is kept. A sample of exactly (0, 0, 0) is a missing one.
func (m *Merger) Merge(k Key, batches []*wire.SampleBatch) *Content {
	slices.SortFunc(batches, func(a, b *wire.SampleBatch) int {
		return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Seq, b.Seq))
	})
	m.reset()
	sorted := true
	for rank, b := range batches {
		sorted = m.take(k, b, int32(rank)) && sorted
		m.takeReadings(k, b)
	}
	if !sorted {
		m.sortSamples()
	}
	m.sortReadings()
	for i := range m.clip {
		if m.clip[i] {
			m.c.Clip++
		}
	}
	for _, b := range batches {
		if m.c.Nominal == 0 && len(m.c.Samples.T) > 0 && holds(b, m.c.Samples.T[0]) {
			m.c.Nominal = b.Nominal()
		}
	}
	return &m.c
}

func (m *Merger) reset() {
	s, r := &m.c.Samples, &m.c.Readings
	m.c = Content{
		Samples:  features.Samples{T: s.T[:0], X: s.X[:0], Y: s.Y[:0], Z: s.Z[:0]},
		Readings: features.Readings{T: r.T[:0], MilliC: r.MilliC[:0]},
	}
	m.rank, m.clip = m.rank[:0], m.clip[:0]
}

func holds(b *wire.SampleBatch, t int64) bool {
	return b.N > 0 && b.SampleTime(0) <= t && t < b.End()
}

// take appends the samples of one batch and reports whether the times still ascend.
func (m *Merger) take(k Key, b *wire.SampleBatch, rank int32) bool {
	n := int(b.N)
	from := sort.Search(n, func(i int) bool { return b.SampleTime(i) >= k.Start })
	to := from + sort.Search(n-from, func(i int) bool { return b.SampleTime(from+i) >= k.End() })
	if from == to {
		return true
	}
	s := &m.c.Samples
	ascending := len(s.T) == 0 || s.T[len(s.T)-1] < b.SampleTime(from)
	part := *b
	width := len(b.XYZ) / n
	part.XYZ = b.XYZ[from*width : to*width]
	at := len(s.T)
	s.X, s.Y, s.Z = part.AppendMicroG(s.X, s.Y, s.Z)
	limit := clipLimit(b)
	for i := from; i < to; i++ {
		x, y, z := s.X[at+i-from], s.Y[at+i-from], s.Z[at+i-from]
		if x == 0 && y == 0 && z == 0 {
			continue
		}
		j := len(s.T)
		s.X[j], s.Y[j], s.Z[j] = x, y, z
		s.T = append(s.T, b.SampleTime(i))
		m.rank = append(m.rank, rank)
		m.clip = append(m.clip, limit > 0 && (beyond(x, limit) || beyond(y, limit) || beyond(z, limit)))
	}
	s.X, s.Y, s.Z = s.X[:len(s.T)], s.Y[:len(s.T)], s.Z[:len(s.T)]
	rate, nominal := int64(b.RateMHz), int64(b.Nominal())
	m.c.RateOff = m.c.RateOff || 50*max(rate-nominal, nominal-rate) > nominal
	return ascending
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
	r := &m.c.Readings
	for i, v := range b.TempMdegC {
		if t := b.ReadingTime(i); k.Start <= t && t < k.End() {
			r.T, r.MilliC = append(r.T, t), append(r.MilliC, v)
		}
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

// Coverage is the share of the window that its samples cover (definitions,
// section 3): no sample stands for more than 1.5 nominal spacings.
func (c *Content) Coverage(k Key) float64 {
	t := c.Samples.T
	if len(t) == 0 {
		return 0
	}
	limit := int64(1_500_000_000_000) / int64(c.Nominal)
	covered := min(t[0]-k.Start, limit) + min(k.End()-t[len(t)-1], limit)
	for i := 1; i < len(t); i++ {
		covered += min(t[i]-t[i-1], limit)
	}
	return min(1, float64(covered)/float64(k.Length))
}

// Expected is the number of samples that the configured rate gives in the window.
func (c *Content) Expected(k Key) uint32 {
	ms := uint64(k.Length) / 1e6
	return uint32((ms*uint64(c.Nominal) + 500_000) / 1_000_000)
}

// Digest is the first 16 hex digits of SHA-256 over the samples in order, (t_ns,
// x, y, z) as little-endian int64 and int32 micro-g, then the readings (t_ns,
// m°C). It does not depend on how the samples were batched.
func (c *Content) Digest() string {
	h := sha256.New()
	buf := make([]byte, 0, 4096)
	flush := func(room int) {
		if len(buf)+room > cap(buf) {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	s, r := &c.Samples, &c.Readings
	for i := range s.T {
		flush(20)
		buf = binary.LittleEndian.AppendUint64(buf, uint64(s.T[i]))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(s.X[i]))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(s.Y[i]))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(s.Z[i]))
	}
	for i := range r.T {
		flush(12)
		buf = binary.LittleEndian.AppendUint64(buf, uint64(r.T[i]))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(r.MilliC[i]))
	}
	h.Write(buf)
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:8])
}
