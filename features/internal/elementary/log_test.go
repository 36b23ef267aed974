package elementary

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// TestLog: within two units in the last place of math.Log, itself within one.
func TestLog(t *testing.T) {
	worst, digest := 0.0, sha256.New()
	check := func(x float64) {
		got, want := Log(x), math.Log(x)
		binary.Write(digest, binary.LittleEndian, got)
		if got == want {
			return
		}
		ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
		if d := math.Abs(got-want) / ulp; !(d <= 2) {
			t.Fatalf("log(%g) = %.17g, want %.17g, %g units off", x, got, want, d)
		} else {
			worst = max(worst, d)
		}
	}
	for i := range 200_000 {
		check(0.4 + float64(i)/65_536)
	}
	for x := 3e-308; x < 1e308; x *= 1.0123 { // below, math.Log itself is wrong on amd64
		check(x)
	}
	for d := 1.0; d > 1e-17; d *= 0.9 {
		check(1 + d)
		check(1 - d/2)
	}
	t.Logf("at most %g units off", worst)
	if got := Log(5e-324); got != -744.4400719213812 {
		t.Errorf("the least number: %.17g", got)
	}
	if !math.IsNaN(Log(-1)) || !math.IsNaN(Log(math.NaN())) || !math.IsInf(Log(0), -1) || !math.IsInf(Log(math.Inf(1)), 1) || Log(1) != 0 {
		t.Error("negative, undefined, zero, infinite or one")
	}
	const golden = "486f49bb42d4c7b9"
	if got := fmt.Sprintf("%x", digest.Sum(nil)[:8]); got != golden {
		t.Errorf("other bytes: %s, want %s", got, golden)
	}
}
