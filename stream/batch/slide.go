package batch

import (
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// blockLength is a whole number of windows of every length.
const blockLength = int64(features.BlockLength)

// part is a batch and the times that it holds, first and last.
type part struct {
	*wire.SampleBatch
	from, to int64
}

func partOf(b *wire.SampleBatch) (p part, ok bool) {
	p = part{b, math.MaxInt64, math.MinInt64}
	if b.N > 0 {
		p.from, p.to = b.SampleTime(0), b.End()-1
	}
	if n := len(b.TempMdegC); n > 0 {
		p.from, p.to = min(p.from, b.ReadingTime(0)), max(p.to, b.ReadingTime(n-1))
	}
	return p, p.from <= p.to
}

// block is an interval of windows and what they depend on, in order of names.
type block struct {
	start int64
	parts []part
}

// slide gathers blocks from the batches of a recording.
type slide struct {
	origin, lead, trail int64
	blocks              map[int64]*block // that are not whole, by start
	past                int64            // blocks that start before it are whole; of batches that ascend in time
	count               map[int64]int    // how many batches a block waits for; nil: batches ascend in time
}

// errBack is the answer to a batch that belongs to a block that was taken for whole.
var errBack = errors.New("time goes back")

func newSlide(origin int64, sets []*features.Set) *slide {
	s := &slide{origin: origin, blocks: map[int64]*block{}, past: math.MinInt64}
	for _, set := range sets {
		s.lead, s.trail = max(s.lead, int64(set.Lead)), max(s.trail, int64(set.Trail))
	}
	return s
}

// touched yields the starts of the blocks that depend on a part.
func (s *slide) touched(p part) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for start := s.first(p); start <= p.to+s.lead && yield(start); start += blockLength {
		}
	}
}

func (s *slide) first(p part) int64 {
	return window.AtFrom(s.origin, features.BlockLength, p.from-s.trail).Start
}

// expect counts a batch, for a recording whose batches do not ascend.
func (s *slide) expect(p part) {
	if s.count == nil {
		s.count = map[int64]int{}
	}
	for start := range s.touched(p) {
		s.count[start]++
	}
}

// order is that of the blocks in time, where they become whole in another; else nil.
func (s *slide) order() []int64 {
	if s.count == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.count))
}

// add takes the next batch and answers the blocks that are whole by now.
func (s *slide) add(p part) (whole []*block, err error) {
	if s.count == nil {
		if whole, err = s.pass(s.first(p)); err != nil {
			return nil, err
		}
	}
	for start := range s.touched(p) {
		b := s.blocks[start]
		if b == nil {
			b = &block{start: start}
			s.blocks[start] = b
		}
		b.parts = append(b.parts, p)
		if s.count != nil && len(b.parts) == s.count[start] {
			whole = append(whole, b)
			delete(s.blocks, start)
		}
	}
	return whole, nil
}

// pass answers what starts before a time, since nothing more can belong to it.
func (s *slide) pass(start int64) ([]*block, error) {
	switch {
	case start < s.past:
		return nil, errBack
	case start == s.past:
		return nil, nil
	}
	s.past = start
	return s.rest(start), nil
}

// rest answers the blocks that start before a time.
func (s *slide) rest(before int64) (whole []*block) {
	for _, start := range slices.Sorted(maps.Keys(s.blocks)) {
		if start < before {
			whole = append(whole, s.blocks[start])
			delete(s.blocks, start)
		}
	}
	return whole
}
