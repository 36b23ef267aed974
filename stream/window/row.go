package window

import (
	"math"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// partial is the coverage below which a window is flagged (definitions, section 3).
const partial = 0.8

// Rows makes rows of sums by one set. Not for concurrent use.
type Rows struct {
	set    *features.Set
	algo   string
	at     []int // of its columns in those of a row
	wide   int   // columns of a row
	window features.Window
	values []float64
	row    wire.WindowRow
}

// NewRows makes rows of this set, which have its columns and others that are NULL.
func NewRows(set *features.Set, columns []string) *Rows {
	r := &Rows{set: set, algo: set.Algo(), wide: len(columns), values: make([]float64, len(set.Features))}
	for _, id := range set.Columns() {
		r.at = append(r.at, slices.Index(columns, id))
	}
	return r
}

// Row is what a window's sum says and the set makes of it, until the next one:
// all but whose it is, its revision, status, reason and lane.
func (r *Rows) Row(k Key, s *Sum) *wire.WindowRow {
	if s.Coverage >= features.LeastCoverage {
		w := &r.window
		w.Reset(k.Length, s.Rate)
		w.Epoch, w.Samples = s.Epoch, s.Samples
		r.set.Values(w, r.values)
	}
	return r.RowOf(k, s, r.values)
}

// RowOf is the same where the values are known; without any they are NULL.
func (r *Rows) RowOf(k Key, s *Sum, values []float64) *wire.WindowRow {
	r.row = wire.WindowRow{
		Start: time.Unix(0, k.Start).UTC(), Length: k.Length, Algo: r.algo,
		N: s.N, NExpected: s.Expected, Coverage: float32(s.Coverage), DupN: s.Dup, ClipN: s.Clip,
		InputDigest: s.Digest, Flags: s.flags(), Features: r.row.Features[:0],
	}
	for range r.wide {
		r.row.Features = append(r.row.Features, float32(math.NaN()))
	}
	if s.Coverage >= features.LeastCoverage {
		for i, v := range values {
			r.row.Features[r.at[i]] = float32(v)
		}
	}
	return &r.row
}

func (s *Sum) flags() (flags uint32) {
	switch {
	case s.Coverage < features.LeastCoverage:
		flags |= wire.FlagTooFew
	case s.Coverage < partial:
		flags |= wire.FlagPartial
	}
	if s.Clip > 0 {
		flags |= wire.FlagClipped
	}
	if s.RateOff {
		flags |= wire.FlagRateOff
	}
	if s.Jump {
		flags |= wire.FlagClock
	}
	return flags
}
