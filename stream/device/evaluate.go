package device

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	tooFew  = 0.5 // coverage below it: features are NULL
	partial = 0.8
	liveFor = 10 * time.Minute
)

// evaluate computes a window from everything that is known of it: a row without
// revision, status and reason.
func (o *operator) evaluate(ctx context.Context, s *sensor, k window.Key) (*wire.WindowRow, error) {
	entries := s.overlapping(k)
	if err := o.load(ctx, s, entries); err != nil {
		return nil, err
	}
	batches := make([]*wire.SampleBatch, len(entries))
	received := int64(math.MinInt64)
	for i, e := range entries {
		batches[i] = e.raw
		received = max(received, e.Received)
	}
	c := o.merger.Merge(k, batches)
	a := s.assigned(k.Start)
	row := &wire.WindowRow{
		Study: a.Study, Participant: a.Participant, Side: a.Side, Thing: s.head.Thing, Sensor: s.name,
		Start: time.Unix(0, k.Start).UTC(), Length: k.Length, Algo: o.algo,
		Lane: wire.LaneBacklog, N: uint32(len(c.Samples.T)), DupN: c.Dup, ClipN: c.Clip,
		Features: make([]float32, len(o.cfg.Set.Features)),
	}
	if row.N == 0 {
		return row, nil
	}
	if received*1000 <= k.End()+int64(liveFor) {
		row.Lane = wire.LaneLive
	}
	coverage := c.Coverage(k)
	row.NExpected, row.Coverage, row.InputDigest = c.Expected(k), float32(coverage), c.Digest()
	row.Flags = flagsOf(c, coverage)
	o.fill(row, c, k, coverage)
	return row, nil
}

func flagsOf(c *window.Content, coverage float64) (flags uint32) {
	switch {
	case coverage < tooFew:
		flags |= wire.FlagTooFew
	case coverage < partial:
		flags |= wire.FlagPartial
	}
	if c.Clip > 0 {
		flags |= wire.FlagClipped
	}
	if c.RateOff {
		flags |= wire.FlagRateOff
	}
	return flags
}

// fill computes the features: the window's epochs in the order of time.
func (o *operator) fill(row *wire.WindowRow, c *window.Content, k window.Key, coverage float64) {
	if coverage < tooFew {
		for i := range row.Features {
			row.Features[i] = float32(math.NaN())
		}
		return
	}
	o.whole = features.Epoch{}
	s, r := c.Samples, c.Readings
	for end := k.Start + int64(features.EpochLength); end <= k.End(); end += int64(features.EpochLength) {
		i, _ := slices.BinarySearch(s.T, end)
		j, _ := slices.BinarySearch(r.T, end)
		epoch := features.NewEpoch(
			features.Samples{T: s.T[:i], X: s.X[:i], Y: s.Y[:i], Z: s.Z[:i]},
			features.Readings{T: r.T[:j], MilliC: r.MilliC[:j]})
		o.whole.Merge(&epoch)
		s = features.Samples{T: s.T[i:], X: s.X[i:], Y: s.Y[i:], Z: s.Z[i:]}
		r = features.Readings{T: r.T[j:], MilliC: r.MilliC[j:]}
	}
	o.cfg.Set.Values(&o.whole, k.Length, o.values)
	for i, v := range o.values {
		row.Features[i] = float32(v)
	}
}

// contentHash names what a row says, without revision and without what makes no
// revision by itself. It is never 0.
func contentHash(r *wire.WindowRow) uint64 {
	h := fnv.New64a()
	for _, s := range []string{r.Study, r.Participant, r.Side, r.Algo, r.CalID, r.InputDigest} {
		h.Write(append([]byte(s), 0))
	}
	b := binary.LittleEndian.AppendUint32(nil, r.N)
	b = binary.LittleEndian.AppendUint32(b, r.NExpected)
	b = binary.LittleEndian.AppendUint32(b, r.ClipN)
	b = binary.LittleEndian.AppendUint32(b, r.Flags)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.Coverage))
	for _, f := range r.Features {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	h.Write(b)
	return max(1, h.Sum64())
}

// load brings the samples of the entries into memory, from the log where needed.
// After a restart it brings those of all windows that wait, in one pass.
func (o *operator) load(ctx context.Context, s *sensor, entries []*entry) error {
	missing := map[int64]*entry{}
	owner := map[int64]*sensor{}
	want := func(s *sensor, entries []*entry) {
		for _, e := range entries {
			if e.raw == nil {
				missing[e.Offset], owner[e.Offset] = e, s
			}
		}
	}
	if want(s, entries); len(missing) == 0 {
		return nil
	}
	if o.cold {
		for _, other := range o.sensors {
			for k := range other.pending {
				want(other, other.overlapping(k))
			}
		}
		o.cold = false
	}
	offsets := make([]int64, 0, len(missing))
	for at := range missing {
		offsets = append(offsets, at)
	}
	slices.Sort(offsets)
	read := 0
	err := o.history.Read(ctx, offsets, func(r stream.Record) error {
		e := missing[r.Offset]
		if e == nil {
			return fmt.Errorf("offset %d was not asked for", r.Offset)
		}
		b, err := decode(r)
		if err != nil {
			return fmt.Errorf("decode offset %d again: %w", r.Offset, err)
		}
		e.raw = b
		owner[r.Offset].cached = append(owner[r.Offset].cached, e)
		read++
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %d batches of sensor %q again: %w", len(offsets), s.name, err)
	}
	if read != len(offsets) {
		return fmt.Errorf("read batches of sensor %q again: the log gave %d of %d", s.name, read, len(offsets))
	}
	return nil
}

// maxCached bounds the samples that a sensor keeps in memory, in bytes. What is
// beyond it is read again from the log when its window is due.
const maxCached = 1 << 20

// evict lets go of samples that no waiting window needs.
func (o *operator) evict(s *sensor) error {
	keep := int64(math.MaxInt64)
	for k := range s.pending {
		keep = min(keep, k.Start)
	}
	size := 0
	for i := len(s.cached) - 1; i >= 0; i-- {
		e := s.cached[i]
		_, to, ok := e.span()
		if size += len(e.raw.XYZ); !ok || to < keep || size > maxCached {
			e.raw = nil
		}
	}
	s.cached = slices.DeleteFunc(s.cached, func(e *entry) bool { return e.raw == nil })
	return nil
}
