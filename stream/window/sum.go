package window

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"sort"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// Sum is a window's content without its samples: everything that a row says.
type Sum struct {
	N, Dup, Clip uint32
	Expected     uint32  // samples that the configured rate gives
	Coverage     float64 // definitions, section 3
	RateOff      bool
	Jump         bool
	Digest       string // 16 hex digits, definitions, section 3
	Alone        uint64 // first 8 bytes, big-endian, of the SHA-256 over the samples, of epochs where Summer.Alone says so
	Rate         uint32 // the configured one, millihertz
	Epoch        features.Epoch
	Samples      features.Samples  // where Summer.SamplesAt says so; until the next sum
	Readings     features.Readings // likewise
}

// Same reports whether two sums are of the same content. How often a sample came
// is not content.
func (s *Sum) Same(o *Sum) bool {
	return s.N == o.N && s.Clip == o.Clip && s.Expected == o.Expected && s.Coverage == o.Coverage &&
		s.RateOff == o.RateOff && s.Jump == o.Jump && s.Digest == o.Digest
}

// Summer makes sums. A longer window that is made of the 5 s windows that were
// summed just before takes over their work: what Begun holds of a sensor. With or
// without it a sum has the same bytes.
type Summer struct {
	SamplesAt []time.Duration // window lengths whose sums hold the samples
	Origin    int64           // from which windows are counted; 0: the Unix-epoch grid
	Alone     bool            // sums of epochs have a digest of the samples alone

	merger Merger
	minute Merger // of Windows
	buf    []byte
	part   part

	block, here, own spanned // of Windows: batches of the block, of a minute, of a window
}

// Begun is what Summer keeps of a sensor from one window to the next: the
// beginnings of the longer windows. The zero value holds nothing. It is a cache.
type Begun struct{ parts [len(longer)]*part }

// longer are the lengths that are made of epochs.
var longer = [...]int{1, 2} // of features.Lengths

// Forget drops what holds a time in [from, to].
func (b *Begun) Forget(from, to int64) {
	for i, p := range b.parts {
		if p != nil && from < p.upto && p.key.Start <= to {
			b.parts[i] = nil
		}
	}
}

// take takes out what is whole of a window; nil: nothing is.
func (b *Begun) take(k Key) *part {
	if b == nil {
		return nil
	}
	for i, p := range b.parts {
		if p != nil && p.key == k && p.upto == k.End() {
			b.parts[i] = nil
			return p
		}
	}
	return nil
}

// part is the beginning of a window.
type part struct {
	key       Key
	upto      int64 // what lies before is in
	n         uint32
	dup, clip uint32
	nominal   uint32
	last      int64 // time of the last sample
	covered   int64
	epoch     features.Epoch
	samples   hash.Hash
}

func (p *part) begin(k Key) {
	if p.samples == nil {
		p.samples = sha256.New()
	}
	p.samples.Reset()
	*p = part{key: k, upto: k.Start, last: k.Start, samples: p.samples}
}

// add puts the samples between upto and until in. inner is the time that they cover
// among themselves at this nominal rate, and bytes are those of the digest.
func (p *part) add(until int64, c *Content, nominal uint32, inner int64, bytes []byte) {
	p.upto = until
	n := len(c.Samples.T)
	p.n, p.dup, p.clip = p.n+uint32(n), p.dup+c.Dup, p.clip+c.Clip
	if n == 0 {
		return
	}
	if p.nominal == 0 {
		p.nominal = nominal
	}
	if p.nominal != nominal {
		inner = covered(c.Samples.T, p.nominal)
	}
	p.covered += min(c.Samples.T[0]-p.last, features.Reach(p.nominal)) + inner
	p.last = c.Samples.T[n-1]
	p.samples.Write(bytes)
}

// covered is the time that samples cover up to the last one.
func covered(t []int64, nominal uint32) (sum int64) {
	if nominal == 0 || len(t) == 0 {
		return 0
	}
	most, last := features.Reach(nominal), t[0]
	for _, t := range t {
		sum += min(t-last, most)
		last = t
	}
	return sum
}

// sum closes the window, given what its batches say beside the samples.
func (p *part) sum(c *Content, buf []byte, alone bool) Sum {
	s := Sum{N: p.n, Dup: p.dup, Clip: p.clip, RateOff: c.RateOff, Jump: c.Jump, Rate: p.nominal, Epoch: p.epoch}
	if p.n == 0 {
		return s
	}
	k := p.key
	covered := p.covered + min(k.End()-p.last, features.Reach(p.nominal))
	s.Coverage = min(1, float64(covered)/float64(k.Length))
	s.Expected = uint32((uint64(k.Length)/1e6*uint64(p.nominal) + 500_000) / 1_000_000)
	var digest [sha256.Size]byte
	if alone {
		s.Alone = binary.BigEndian.Uint64(p.samples.Sum(digest[:0]))
	}
	p.samples.Write(appendReadings(buf, c.Readings))
	s.Digest = hex.EncodeToString(p.samples.Sum(digest[:0])[:8])
	return s
}

// Sum makes the sum of a window from its batches, which are ordered by name.
// begun may be nil.
func (s *Summer) Sum(k Key, batches []*wire.SampleBatch, begun *Begun) Sum {
	return s.sum(k, batches, begun, s.merger.Merge)
}

func (s *Summer) sum(k Key, batches []*wire.SampleBatch, begun *Begun, content func(Key, []*wire.SampleBatch) *Content) Sum {
	samples := slices.Contains(s.SamplesAt, k.Length)
	var c *Content
	p := begun.take(k)
	switch {
	case p == nil:
		c = content(k, batches)
		p = s.whole(k, c, batches, begun)
	case samples:
		c = content(k, batches)
	default:
		c = s.merger.Frame(k, batches)
	}
	sum := p.sum(c, s.buf[:0], s.Alone && k.Length == features.EpochLength)
	if samples {
		sum.Samples, sum.Readings = c.Samples, c.Readings
	}
	return sum
}

// whole makes a window that nothing was begun of.
func (s *Summer) whole(k Key, c *Content, batches []*wire.SampleBatch, begun *Begun) *part {
	p := &s.part
	p.begin(k)
	s.buf = appendSamples(s.buf[:0], c.Samples)
	rate := c.RateOf(c.Samples, batches)
	inner := covered(c.Samples.T, rate)
	p.add(k.End(), c, rate, inner, s.buf)
	for epoch := range epochs(k, c, batches) {
		p.epoch.Merge(&epoch)
	}
	if begun != nil && k.Length == features.EpochLength {
		begun.extend(s.Origin, k, c, rate, inner, s.buf, &p.epoch)
	}
	return p
}

// epochs cuts a content into epochs in the order of time.
func epochs(k Key, c *Content, batches []*wire.SampleBatch) func(yield func(features.Epoch) bool) {
	return func(yield func(features.Epoch) bool) {
		s, r := c.Samples, c.Readings
		for end := k.Start + int64(features.EpochLength); end <= k.End(); end += int64(features.EpochLength) {
			i := sort.Search(len(s.T), func(i int) bool { return s.T[i] >= end })
			j, _ := slices.BinarySearch(r.T, end)
			own := features.Samples{T: s.T[:i], X: s.X[:i], Y: s.Y[:i], Z: s.Z[:i]}
			if !yield(features.NewEpoch(end-int64(features.EpochLength), own, features.Readings{T: r.T[:j], MilliC: r.MilliC[:j]}, c.RateOf(own, batches))) {
				return
			}
			s = features.Samples{T: s.T[i:], X: s.X[i:], Y: s.Y[i:], Z: s.Z[i:]}
			r = features.Readings{T: r.T[j:], MilliC: r.MilliC[j:]}
		}
	}
}

// extend adds a 5 s window to the longer ones, where it is the next.
func (b *Begun) extend(origin int64, k Key, c *Content, rate uint32, inner int64, bytes []byte, epoch *features.Epoch) {
	for i, l := range longer {
		p := b.parts[i]
		if own := AtFrom(origin, features.Lengths[l], k.Start); own.Start == k.Start {
			if p == nil {
				p = &part{}
				b.parts[i] = p
			}
			p.begin(own)
		} else if p == nil || p.key != own || p.upto != k.Start {
			continue
		}
		p.add(k.End(), c, rate, inner, bytes)
		p.epoch.Merge(epoch)
	}
}
