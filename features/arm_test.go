package features

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestArms counts, of epochs with arms in random directions, some empty or thin, those
// whose angle of the mean is beyond 30 degrees.
func TestArms(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		var whole Epoch
		want, n := map[string]float64{}, 0.0
		for range 12 {
			var s Samples
			toward := [3]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
			if rng.IntN(5) == 0 {
				toward = [3]float64{}
			}
			var mean [3]float64
			for i := range rng.IntN(4) * 40 {
				var v [3]int32
				for k := range v {
					v[k] = int32(1e6*toward[k] + 3e5*rng.NormFloat64())
					mean[k] += float64(v[k])
				}
				s.T = append(s.T, int64(i)*int64(time.Second)/32)
				s.X, s.Y, s.Z = append(s.X, v[0]), append(s.Y, v[1]), append(s.Z, v[2])
			}
			e := newTestEpoch(s, Readings{}, 32_000)
			whole.Merge(&e)
			if len(s.T) < 80 { // of 160
				continue
			}
			n++
			for k, axis := range []string{"x", "y", "z"} {
				angle := math.Atan2(mean[k], math.Hypot(mean[(k+1)%3], mean[(k+2)%3])) * 180 / math.Pi
				if angle > 30 {
					want["arm_up_"+axis]++
				} else if angle < -30 {
					want["arm_down_"+axis]++
				}
			}
		}
		var w Window
		w.Reset(time.Minute, 32_000)
		w.Epoch = whole
		for _, f := range arms {
			if got := f.Value(&w); !(got == want[f.ID]/n || n == 0 && math.IsNaN(got)) {
				t.Errorf("%s is %v, want %v", f.ID, got, want[f.ID]/n)
			}
		}
	}
	// 3 k^2 is just below, and just above, i^2 + j^2.
	for z, up := range map[int64]uint8{15: 0, 16: 1} {
		if got := newRaised(26, 7, z).up[2]; got != up {
			t.Errorf("%d above (26, 7): %d", z, got)
		}
	}
	if got, want := newRaised(3, -3, 6e9), (raised{up: [3]uint8{2: 1}}); got != want {
		t.Errorf("an arm straight up: %+v", got)
	}
}
