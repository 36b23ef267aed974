package features

import "time"

// spreads are the interquartile range of a minute's samples, of the quartiles that
// percentiles have.
var spreads = func() (list []Feature) {
	const lower, upper = 1, 3 // of shares
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		list = append(list, Feature{
			ID: name + "_iqr", Unit: "g", Windows: []time.Duration{time.Minute}, Samples: true,
			Doc: "interquartile range of " + signalName(name),
			Value: func(w *Window) float64 {
				return w.ordered.percentile(w, signal, upper) - w.ordered.percentile(w, signal, lower)
			},
		})
	}
	return list
}()
