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
// that would be another measure; there mad5_mean is the mean of the values of
// the epochs that have samples.
var mad = []Feature{
	{"mad", "g", "mean of |r - mean(r)| over 5 s, r the vector magnitude (Vähä-Ypyä 2015)", []time.Duration{EpochLength}, meanMAD},
	{"mad5_mean", "g", "mean of the 5 s mad of the epochs that have samples", Lengths[1:], meanMAD},
}

func meanMAD(e *Epoch) float64 {
	if e.vm.epochs == 0 {
		return math.NaN()
	}
	return e.vm.mads / float64(e.vm.epochs*perG)
}
