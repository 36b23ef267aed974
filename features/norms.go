package features

// norms are the Euclidean norm of the acceleration, which is vm_mean under the
// name that the field gives it, and the norm minus one g, negative values rounded
// to zero or taken as positive:
//
//	en = mean(r)    enmo = mean(max(r - 1 g, 0))    enmoa = mean(|r - 1 g|)
//
// van Hees et al. 2013, doi 10.1371/journal.pone.0061691.
var norms = []Feature{
	{ID: "en", Unit: "g", Windows: Lengths,
		Doc: "mean of the vector magnitude r", Value: func(w *Window) float64 { return w.vm.perSample(w.vm.sum) }},
	{ID: "enmo", Unit: "g", Windows: Lengths,
		Doc: "mean of max(r - 1 g, 0), r the vector magnitude (van Hees 2013)", Value: func(w *Window) float64 { return w.vm.perSample(w.vm.above) }},
	{ID: "enmoa", Unit: "g", Windows: Lengths,
		Doc: "mean of |r - 1 g|, r the vector magnitude", Value: func(w *Window) float64 { return w.vm.perSample(w.vm.apart) }},
}
