package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestJerkKnowsGaps: however a minute with holes is cut into epochs, the same
// pairs count, and they are those that 1.5 spacings or less lie between.
func TestJerkKnowsGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	full, _ := wrist(60, 50)
	for range 200 {
		var s Samples
		hole := rng.Float64() * 0.2
		for i := range full.T {
			if rng.Float64() < hole {
				continue
			}
			jitter := rng.Int64N(12_000_000) // with 20 ms between: some pairs exceed 30 ms
			s.T, s.X, s.Y, s.Z = append(s.T, full.T[i]+jitter), append(s.X, full.X[i]), append(s.Y, full.Y[i]), append(s.Z, full.Z[i])
		}
		pairs, squares := int64(0), 0.0
		for i := 1; i < len(s.T); i++ {
			if s.T[i]-s.T[i-1] <= 30_000_000 {
				x, y, z := float64(s.X[i]-s.X[i-1]), float64(s.Y[i]-s.Y[i-1]), float64(s.Z[i]-s.Z[i-1])
				pairs, squares = pairs+1, squares+x*x+y*y+z*z // exact: below 2^53
			}
		}
		whole := newJerk(s, milli(50), math.MaxUint32)
		if whole.pairs != pairs || whole.squares.Float64() != squares {
			t.Fatalf("%d pairs and %v, want %d and %v", whole.pairs, whole.squares, pairs, squares)
		}
		var merged jerk
		for at := 0; at < len(s.T); {
			next := min(at+rng.IntN(400), len(s.T)) // some hold nothing
			part := newTestEpoch(s.slice(at, next), Readings{}, milli(50)).jerk
			merged.merge(&part)
			at = next
		}
		if merged != whole {
			t.Fatalf("merged %+v\nwhole  %+v", merged, whole)
		}
	}
	if j := newJerk(full, 0, math.MaxUint32); j.pairs != 0 {
		t.Errorf("%d pairs at an unknown rate", j.pairs)
	}
}
