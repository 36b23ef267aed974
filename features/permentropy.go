package features

import (
	"math"
	"time"
)

// permEntropies are the permutation entropy of a minute's samples (Bandt and Pompe 2002,
// doi 10.1103/PhysRevLett.88.174102), of order 3 and delay 1: of the six orders that
// three neighbours can be in, with p the share of each,
//
//	perm_entropy = -sum(p log2(p))
//
// 0 to log2(6) bits. Of equal neighbours the first is the lower. As in SKDH,
// PermutationEntropy. Equal magnitudes are told by their squares.
var permEntropies = func() (list []Feature) {
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		list = append(list, Feature{
			ID: name + "_perm_entropy", Unit: "bit", Windows: []time.Duration{time.Minute}, Samples: true,
			Doc:   "permutation entropy, of order 3, of " + signalName(name),
			Value: func(w *Window) float64 { return w.permEntropy(signal) },
		})
	}
	return list
}()

func (w *Window) permEntropy(signal int) float64 {
	s := &w.Samples
	n := len(s.X)
	if n < 3 {
		return math.NaN()
	}
	at := func(i int) uint64 { return square(s.X[i], s.Y[i], s.Z[i]) }
	if signal != ofVM {
		v := [ofVM][]int32{s.X, s.Y, s.Z}[signal]
		at = func(i int) uint64 { return uint64(int64(v[i]) + 1<<31) }
	}
	var counts [8]int // by which of the three comparisons say "greater"
	a, b := at(0), at(1)
	for i := 2; i < n; i++ {
		c := at(i)
		counts[greater(a, b)|greater(a, c)<<1|greater(b, c)<<2]++
		a, b = b, c
	}
	entropy := 0.0
	for _, k := range counts {
		if k > 0 {
			p := float64(k) / float64(n-2)
			entropy -= float64(p * log2(p))
		}
	}
	return entropy
}

// greater is 1 if a is greater than b.
func greater(a, b uint64) int {
	if a > b {
		return 1
	}
	return 0
}
