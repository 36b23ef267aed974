package features

import "time"

// Window is what a feature is a function of: an interval of one sensor, and
// memory that is used again from one window to the next. The zero value is ready
// for Reset.
type Window struct {
	Epoch   // everything that its epochs, merged, say
	Length  time.Duration
	Rate    uint32  // the configured one, millihertz
	Samples Samples // of the whole window, at the lengths of Set.SampleLengths; read only

	roots   []float64 // vector magnitudes of Samples, made when first asked for
	ordered ordered
	spectra spectra
	trace   trace
	from    int   // index of its first sample in those of the block
	start   int64 // when it begins, where a Block made it
}

// Reset begins a window: nothing is in it, and nothing of the last one.
func (w *Window) Reset(length time.Duration, rate uint32) {
	w.Epoch, w.Length, w.Rate, w.Samples = Epoch{}, length, rate, Samples{}
	w.roots = w.roots[:0]
	w.ordered.known = [signals]bool{}
	w.spectra.known = false
	w.trace = trace{}
}

// magnitudes are those of the samples.
func (w *Window) magnitudes() []float64 {
	if len(w.roots) == 0 {
		w.roots = roots(w.roots, w.Samples)
	}
	return w.roots
}
