package features

import "math"

// vm are the moments of the vector magnitude r = sqrt(x^2+y^2+z^2).
var vm = []Feature{
	{"vm_mean", "g", "mean vector magnitude of the acceleration", Lengths,
		func(e *Epoch) float64 { return e.vm.perSample(e.vm.sum) }},
	{"vm_sd", "g", "standard deviation (n-1) of the vector magnitude", Lengths, vmSD},
	{"vm_min", "g", "least vector magnitude", Lengths,
		func(e *Epoch) float64 { return e.vm.root(e.vm.least) }},
	{"vm_max", "g", "greatest vector magnitude", Lengths,
		func(e *Epoch) float64 { return e.vm.root(e.vm.most) }},
	{"vm_range", "g", "greatest minus least vector magnitude", Lengths,
		func(e *Epoch) float64 { return e.vm.root(e.vm.most) - e.vm.root(e.vm.least) }},
}

func vmSD(e *Epoch) float64 {
	if e.vm.n < 2 {
		return math.NaN()
	}
	return math.Sqrt(e.vm.m2/float64(e.vm.n-1)) / perG
}
