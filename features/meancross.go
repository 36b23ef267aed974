package features

import (
	"math"
	"time"
)

// meanCrossings are how often, per sample, a signal changes its side of its mean;
// on the mean is a side of its own:
//
//	mcr = #(sign(v_i - mean) != sign(v_(i-1) - mean)) / n
//
// as in SKDH, MeanCrossRate. Along an axis n v and the sum of v are compared, which
// is exact.
var meanCrossings = func() (list []Feature) {
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		list = append(list, Feature{
			ID: name + "_mcr", Unit: "1", Windows: []time.Duration{time.Minute}, Samples: true,
			Doc:   "changes of the side of the mean, per sample, of " + signalName(name),
			Value: func(w *Window) float64 { return w.crossRate(signal) },
		})
	}
	return list
}()

func signalName(name string) string {
	if name == "vm" {
		return "the vector magnitude"
	}
	return "the acceleration along " + name
}

func (w *Window) crossRate(signal int) float64 {
	s := &w.Samples
	n := int64(len(s.X))
	if n == 0 {
		return math.NaN()
	}
	changes := int64(0)
	if signal == ofVM {
		mean := w.vm.sum / float64(n)
		of := func(r float64) int64 { return side(int64(math.Float64bits(r - mean))) } // no bits are no difference
		vm := w.magnitudes()
		last := of(vm[0])
		for _, r := range vm {
			now := of(r)
			changes += differ(last, now)
			last = now
		}
	} else {
		sum := [ofVM]int64{w.x.sum, w.y.sum, w.z.sum}[signal]
		v := [ofVM][]int32{s.X, s.Y, s.Z}[signal]
		if rest := sum % n; rest != 0 { // no value is the mean
			return float64(timesAcross(v, sum/n+rest>>63)) / float64(n)
		}
		last := side(int64(v[0])*n - sum)
		for _, a := range v {
			now := side(int64(a)*n - sum)
			changes += differ(last, now)
			last = now
		}
	}
	return float64(changes) / float64(n)
}

// timesAcross is how often values come to be above a bound, or no longer are.
func timesAcross(v []int32, bound int64) (changes int64) {
	last := (bound - int64(v[0])) >> 63
	for _, a := range v {
		above := (bound - int64(a)) >> 63 // all ones: it is
		changes -= last ^ above
		last = above
	}
	return changes
}

// side is the sign of v, and differ 1 if a is not b, without branches, which
// movement would make unforeseeable.
func side(v int64) int64      { return v>>63 | int64(uint64(-v)>>63) }
func differ(a, b int64) int64 { return int64(uint64((a^b)|-(a^b)) >> 63) }
