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
	changes, last := 0, 0
	count := func(i, side int) {
		if i > 0 && side != last {
			changes++
		}
		last = side
	}
	if signal == ofVM {
		mean := w.vm.sum / float64(n)
		for i := range s.X {
			count(i, sign(math.Sqrt(float64(square(s.X[i], s.Y[i], s.Z[i])))-mean))
		}
	} else {
		sum := [ofVM]int64{w.x.sum, w.y.sum, w.z.sum}[signal]
		for i, v := range [ofVM][]int32{s.X, s.Y, s.Z}[signal] {
			count(i, sign(int64(v)*n-sum))
		}
	}
	return float64(changes) / float64(n)
}

func sign[T int64 | float64](v T) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
