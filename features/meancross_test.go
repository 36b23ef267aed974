package features

import (
	"math/rand/v2"
	"testing"
)

// TestTimesAcross: where no value is the mean, comparing values with its floor counts what
// comparing n v with the sum does.
func TestTimesAcross(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 20_000 {
		v, sum := make([]int32, 1+rng.IntN(9)), int64(0)
		for i := range v {
			if v[i] = int32(rng.IntN(7) - 3); round%5 == 0 {
				v[i] *= 700_000_000
			}
			sum += int64(v[i])
		}
		n := int64(len(v))
		rest := sum % n
		if rest == 0 {
			continue
		}
		last, want := side(int64(v[0])*n-sum), int64(0)
		for _, a := range v {
			now := side(int64(a)*n - sum)
			want += differ(last, now)
			last = now
		}
		if got := timesAcross(v, sum/n+rest>>63); got != want {
			t.Fatalf("%d across the mean of %v, want %d", got, v, want)
		}
	}
}
