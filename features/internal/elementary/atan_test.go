package elementary

import (
	"math"
	"testing"
)

// TestAtan: within two units in the last place of math.Atan, itself within one.
func TestAtan(t *testing.T) {
	worst := 0.0
	check := func(x float64) {
		got, want := Atan(x), math.Atan(x)
		ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
		if d := math.Abs(got-want) / ulp; !(d <= 2) {
			t.Errorf("atan(%g) = %.17g, want %.17g, %g units off", x, got, want, d)
		} else {
			worst = max(worst, d)
		}
		if Atan(-x) != -got {
			t.Errorf("atan(-%g) is not -atan(%g)", x, x)
		}
	}
	for i := range 200_000 {
		check(float64(i) / 65_536)
	}
	for x := 1e-300; x < 1e300; x *= 1.0123 {
		check(x)
	}
	if Atan(math.Inf(1)) != math.Pi/2 || Atan(math.Inf(-1)) != -math.Pi/2 || !math.IsNaN(Atan(math.NaN())) || Atan(0) != 0 {
		t.Error("infinite, undefined or zero")
	}
	t.Logf("at most %g units off", worst)
}
