package features

import "time"

// inactivity is the share of epochs of 5 s with little movement, of those of which half is
// covered: less than 0.030 g ENMO (van Hees 2013), or less than 0.0167 g MAD
// (Vaha-Ypya et al. 2015, doi 10.1371/journal.pone.0134813).
var inactivity = []Feature{
	{ID: "inactive_frac", Unit: "1", Windows: []time.Duration{time.Minute, 15 * time.Minute},
		Doc:   "share of epochs of 5 s with enmo below 0.030 g",
		Value: func(w *Window) float64 { return ratio(float64(w.trace.calm), w.trace.epochs) }},
	{ID: "inactive_mad_frac", Unit: "1", Windows: []time.Duration{time.Minute, 15 * time.Minute},
		Doc:   "share of epochs of 5 s with mad below 0.0167 g",
		Value: func(w *Window) float64 { return ratio(float64(w.trace.flat), w.trace.epochs) }},
}

const (
	calmENMO = 0.030  // g
	calmMAD  = 0.0167 // g
)

// inactive judges an epoch.
func (t *trace) inactive(e *Epoch) {
	if t.epochs = e.vm.epochs; t.epochs == 0 {
		return
	}
	if e.vm.perSample(e.vm.above) < calmENMO {
		t.calm = 1
	}
	if e.vm.mads/perG < calmMAD {
		t.flat = 1
	}
}
