package features

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestPercentilesOfFew: a minute with few samples, down to one, has the percentiles of
// the definition.
func TestPercentilesOfFew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 130; n++ {
		for range 5 {
			var s Samples
			for i := range n {
				s.T = append(s.T, int64(i)*4e8)
				s.X, s.Y, s.Z = append(s.X, random.Int32N(5)*1000-2000), append(s.Y, random.Int32N(4_000_000)-2_000_000), append(s.Z, int32(i%3))
			}
			var w Window
			w.Reset(time.Minute, 2500)
			w.Epoch, w.Samples = newTestEpoch(s, Readings{}, 2500), s
			for signal, of := range [][]int32{s.X, s.Y, s.Z} {
				sorted := slices.Sorted(slices.Values(of))
				for i, p := range shares {
					h := float64(n-1) * p
					k := int(h)
					a, b := float64(sorted[k])/1e6, float64(sorted[min(k+1, n-1)])/1e6
					if got, want := w.ordered.percentile(&w, signal, i), a+(h-float64(k))*(b-a); math.Abs(got-want) > 1e-15 {
						t.Fatalf("%d samples, axis %d, percentile %v is %v, want %v", n, signal, p, got, want)
					}
				}
			}
		}
	}
}
