package features

// enmo is the Euclidean norm minus one, negative values rounded to zero:
//
//	enmo = mean(max(r - 1 g, 0))
//
// van Hees et al. 2013, doi 10.1371/journal.pone.0061691.
var enmo = Feature{
	ID: "enmo", Unit: "g", Windows: Lengths,
	Doc:   "mean of max(r - 1 g, 0), r the vector magnitude (van Hees 2013)",
	Value: func(e *Epoch) float64 { return e.vm.perSample(e.vm.above) },
}
