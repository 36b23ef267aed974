package features

// sma is the signal magnitude area, the axes' magnitudes added:
//
//	sma = mean(|x| + |y| + |z|)
//
// after Bouten et al. 1997, doi 10.1109/10.554760, with gravity in it and as a mean,
// not an integral.
var sma = Feature{
	ID: "sma", Unit: "g", Windows: Lengths,
	Doc:   "mean of |x| + |y| + |z| (signal magnitude area)",
	Value: func(w *Window) float64 { return w.vm.perSample(float64(w.vm.area)) },
}
