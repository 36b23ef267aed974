package features

import (
	"math"
	"time"
)

// shapes are the unbiased skewness and excess kurtosis of a minute's n samples (Joanes
// and Gill 1998, doi 10.1111/1467-9884.00122, G1 and G2). With m_k the mean of
// (v - mean)^k,
//
//	skewness = sqrt(n (n-1))/(n-2) m_3/m_2^1.5
//	kurtosis = (n-1)/((n-2)(n-3)) ((n+1) (m_4/m_2^2 - 3) + 6)
//
// Where all samples are the same there is neither. As in SKDH, Skewness and Kurtosis.
var shapes = func() (list []Feature) {
	for signal, name := range [signals]string{"x", "y", "z", "vm"} {
		list = append(list, Feature{
			ID: name + "_skewness", Unit: "1", Windows: []time.Duration{time.Minute}, Samples: true,
			Doc:   "unbiased skewness of " + signalName(name),
			Value: func(w *Window) float64 { skewness, _ := w.shape(signal); return skewness },
		}, Feature{
			ID: name + "_kurtosis", Unit: "1", Windows: []time.Duration{time.Minute}, Samples: true,
			Doc:   "unbiased excess kurtosis of " + signalName(name),
			Value: func(w *Window) float64 { _, kurtosis := w.shape(signal); return kurtosis },
		})
	}
	return list
}()

func (w *Window) shape(signal int) (skewness, kurtosis float64) {
	var m2, m3, m4 float64
	add := func(d float64) {
		q := float64(d * d)
		m2 += q
		m3 += float64(q * d)
		m4 += float64(q * q)
	}
	s := &w.Samples
	n := float64(len(s.X))
	if signal == ofVM {
		mean := w.vm.sum / n
		for _, r := range w.magnitudes() {
			add(r - mean)
		}
	} else {
		mean := float64([ofVM]int64{w.x.sum, w.y.sum, w.z.sum}[signal]) / n
		for _, v := range [ofVM][]int32{s.X, s.Y, s.Z}[signal] {
			add(float64(v) - mean)
		}
	}
	if n < 4 || m2 == 0 {
		return math.NaN(), math.NaN()
	}
	m2, m3, m4 = m2/n, m3/n, m4/n
	skewness = float64(math.Sqrt(float64(n*(n-1)))/(n-2)) * (m3 / float64(m2*math.Sqrt(m2)))
	g := m4/float64(m2*m2) - 3
	kurtosis = float64((n-1)/float64((n-2)*(n-3))) * (float64((n+1)*g) + 6)
	return skewness, kurtosis
}
