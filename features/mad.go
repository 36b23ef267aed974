package features

import (
	"math"
	"time"
)

// mad is the mean amplitude deviation of one epoch:
//
//	mad = mean(|r - mean(r)|)
//
// Vähä-Ypyä et al. 2015, doi 10.1111/cpf.12127, equation 1. Over a longer window
// that would be another measure; there mad5_mean is the mean of the values that the
// epochs have: those of which half is covered.
var mad = []Feature{
	{ID: "mad", Unit: "g", Windows: []time.Duration{EpochLength},
		Doc: "mean of |r - mean(r)| over 5 s, r the vector magnitude (Vähä-Ypyä 2015)", Value: meanMAD},
	{ID: "mad5_mean", Unit: "g", Windows: Lengths[1:],
		Doc: "mean of the 5 s mad of the epochs that have one", Value: meanMAD},
}

func meanMAD(w *Window) float64 {
	if w.vm.epochs == 0 {
		return math.NaN()
	}
	return w.vm.mads / float64(w.vm.epochs*perG)
}
