package features

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRolling(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, steps := range []int32{1, 2, 5, 1 << 30} {
		for _, width := range []int{1, 3, 51} {
			r := rolling{last: make([]int32, width), sorted: make([]int32, width)}
			for n := range 3000 {
				v := rng.Int32N(steps) - steps/2 + int32(n/500)%2*steps/3
				if n < width {
					r.last[n] = v
				}
				if n == width-1 {
					r.begin()
				}
				if n < width {
					continue
				}
				from, to := r.places(n%width, v)
				r.put(n%width, v, from, to)
				if want := slices.Sorted(slices.Values(r.last))[width/2]; r.median != want {
					t.Fatalf("%d steps, %d wide, after %d: %d, want %d", steps, width, n, r.median, want)
				}
			}
		}
	}
}
