package features

import "math"

// vm are the moments of the vector magnitude r = sqrt(x^2+y^2+z^2).
var vm = []Feature{
	{ID: "vm_mean", Unit: "g", Windows: Lengths,
		Doc: "mean vector magnitude of the acceleration", Value: func(w *Window) float64 { return w.vm.perSample(w.vm.sum) }},
	{ID: "vm_sd", Unit: "g", Windows: Lengths,
		Doc: "standard deviation (n-1) of the vector magnitude", Value: vmSD},
	{ID: "vm_min", Unit: "g", Windows: Lengths,
		Doc: "least vector magnitude", Value: func(w *Window) float64 { return w.vm.root(w.vm.least) }},
	{ID: "vm_max", Unit: "g", Windows: Lengths,
		Doc: "greatest vector magnitude", Value: func(w *Window) float64 { return w.vm.root(w.vm.most) }},
	{ID: "vm_range", Unit: "g", Windows: Lengths,
		Doc: "greatest minus least vector magnitude", Value: func(w *Window) float64 { return w.vm.root(w.vm.most) - w.vm.root(w.vm.least) }},
}

func vmSD(w *Window) float64 {
	if w.vm.n < 2 {
		return math.NaN()
	}
	return math.Sqrt(w.vm.m2/float64(w.vm.n-1)) / perG
}
