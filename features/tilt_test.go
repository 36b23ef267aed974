package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAbove: every direction to 4e-16, on an axis exactly, none of none.
func TestAbove(t *testing.T) {
	worst := 0.0
	check := func(up, along float64) {
		got, want := above(up, along, 1/math.Sqrt(up*up+along*along)), math.Atan2(up, along)
		if d := math.Abs(got - want); !(d <= 4e-16) {
			t.Errorf("above(%g, %g) = %.17g, want %.17g", up, along, got, want)
		} else {
			worst = max(worst, d)
		}
	}
	for i := range 100_001 {
		sin, cos := math.Sincos(math.Pi / 2 * float64(i) / 100_000)
		check(math.Abs(sin)*1e6, math.Abs(cos)*1e6)
	}
	rng := rand.New(rand.NewPCG(13, 14))
	for range 100_000 {
		x, y, z := rng.Int64N(1<<24), rng.Int64N(1<<24), rng.Int64N(1<<20)
		check(float64(x), math.Sqrt(float64(y*y+z*z)))
	}
	t.Logf("at most %g off", worst)
	if above(0, 7, 1.0/7) != 0 || above(7, 0, 1.0/7) != math.Pi/2 {
		t.Error("on an axis")
	}
	if v := above(0, 0, math.Inf(1)); !math.IsNaN(v) {
		t.Errorf("no direction is %g", v)
	}
}
