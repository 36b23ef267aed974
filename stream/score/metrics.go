package score

import "github.com/prometheus/client_golang/prometheus"

// Results of a request, as a label of metrics.
const (
	resultFailed     = "failed"
	resultUnreadable = "unreadable"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, halted func() float64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_score_requests_total",
			Help: "Requests to the model, by result. Answered: with scores; nothing: 204; refused: 4xx; unreadable: an answer that is not what was agreed; failed: no answer, or one that asks for patience.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_score_request_duration_seconds",
			Help:    "Time of one request to the model, with its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
	}
	for _, result := range []string{ResultAnswered, ResultNothing, ResultRefused, resultUnreadable, resultFailed} {
		m.requests.WithLabelValues(result) // a rate needs the zero before the first
	}
	reg.MustRegister(m.requests, m.seconds, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_score_halted_partitions",
		Help: "Partitions held here that wait for a person, since the model refuses their rows or gives an answer that cannot be read. /readyz says why.",
	}, halted))
	return m
}
