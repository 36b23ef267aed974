package features

import (
	"math"
	"testing"
)

func TestLog2(t *testing.T) {
	for x := 1e-300; x < 1e300; x *= 1.00917 {
		if got, want := log2(x), math.Log2(x); math.Abs(got-want) > 1e-15*max(1, math.Abs(want)) {
			t.Fatalf("log2(%g) is %.17g, want %.17g", x, got, want)
		}
	}
	for i := 1; i < 100_000; i++ {
		x := float64(i) / 65_536
		if got, want := log2(x), math.Log2(x); math.Abs(got-want) > 1e-15*max(1, math.Abs(want)) {
			t.Fatalf("log2(%g) is %.17g, want %.17g", x, got, want)
		}
	}
	if log2(1) != 0 || log2(8) != 3 || log2(0.25) != -2 {
		t.Error("a power of two")
	}
}
