package recording

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/wearstream/wearstream/stream/wire"
)

// ErrAgain is how Batches ends where the end of a file does not say what its beginning
// did: of scale, range or the digits of times. Whole knows what all of it says.
var ErrAgain = errors.New("the file's end says otherwise than its beginning: read it again as all of it says")

// first is what is known of a recording whose end was not read yet, and becomes known
// as it is read.
type first struct {
	options  Options
	begun    survey // what any of its rows says that the beginning has
	expected atomic.Int64
	whole    atomic.Pointer[Recording]
}

// begin looks at the beginning of a file, of at least so many distances of rows.
func begin(path string, src source, o Options, n int) (*Recording, error) {
	s, more := newSurvey(src.hint(), o.LSBPerG), false
	damage, err := src.rows(1, func(r *rows) bool {
		s.take(r)
		s.fit(r)
		more = len(s.spacings) >= n
		return !more
	})
	if err != nil {
		return nil, err
	}
	r, err := conclude(path, src, o, s, damage)
	switch {
	case !more: // that was all
		return r, err
	case err != nil: // as all of it says it
		return scan(path, src, o)
	}
	r.first = &first{options: o, begun: survey{low: s.low, high: s.high, places: s.places, scale: s.scale, fixed: s.fixed, rate: r.RateMHz}}
	r.expect(s.n)
	return r, nil
}

// firstBatches reads the file for the first time.
func (r *Recording) firstBatches(workers int, yield func(*wire.SampleBatch, error) bool) {
	b, s := newBatcher(r), new(r.first.begun)
	more, again := true, false
	damage, err := r.src.rows(workers, func(rows *rows) bool {
		s.take(rows)
		if again = again || !r.holds(s); !again {
			wanted, misfit := b.add(rows, func(full *wire.SampleBatch) bool { return yield(full, nil) })
			again = misfit != nil
			more = wanted || again
		}
		if again {
			s.fit(rows)
		}
		if s.n > r.Samples {
			r.expect(s.n)
		}
		return more
	})
	if !more {
		return
	}
	whole, fault := (*Recording)(nil), err
	if err == nil {
		whole, fault = conclude(r.Path, r.src, r.first.options, s, damage)
	}
	switch r.first.whole.Store(whole); {
	case fault != nil:
		yield(nil, fmt.Errorf("read %s: %w", r.Path, fault))
	case again:
		yield(nil, fmt.Errorf("read %s: %w", r.Path, ErrAgain))
	default:
		if last := b.flush(); last != nil {
			yield(last, nil)
		}
	}
}

// holds reports whether what batches are made by is what a survey says as well: but for
// values that are no counts, which show when they are put into one.
func (r *Recording) holds(s *survey) bool {
	w := Recording{src: r.src}
	return w.setRate(s, r.first.options) == nil && w.setScale(s, r.first.options) == nil &&
		w.tol == r.tol && w.coarse == r.coarse && w.LSBPerG == r.LSBPerG && w.RangeMG == r.RangeMG
}

// Whole is the recording as all of it says: nil for one that Begin answered until
// its Batches came to their end, or to ErrAgain.
func (r *Recording) Whole() *Recording {
	if r.first == nil {
		return r
	}
	return r.first.whole.Load()
}

// Expected is Samples, or, until all was read, how many they will be if what is to come
// of the file's bytes has as many as what was read.
func (r *Recording) Expected() int64 {
	if whole := r.Whole(); whole != nil {
		return whole.Samples
	}
	return r.first.expected.Load()
}

// expect takes n samples for those of what was read.
func (r *Recording) expect(n int64) {
	var at, size int64
	for _, f := range r.src.files() {
		if f.at != nil {
			at, size = at+f.at.Load(), size+f.size
		}
	}
	r.first.expected.Store(max(n, int64(float64(n)*float64(size)/float64(cmp.Or(at, 1)))))
}
