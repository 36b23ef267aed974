package processor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of a transaction.
const (
	resultCommitted  = "committed"
	resultRolledBack = "rolled_back" // partitions were taken away in between
	resultBroken     = "broken"      // with its session, which is made anew
)

type metrics struct {
	records      prometheus.Counter
	transactions *prometheus.CounterVec
	seconds      prometheus.Histogram
	restores     prometheus.Histogram
	rebuilds     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, halted, lag func() float64) *metrics {
	m := &metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_records_total",
			Help: "Input records whose effects are committed.",
		}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_process_transactions_total",
			Help: "Transactions, by result.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_process_transaction_seconds",
			Help:    "Time to close a transaction, from its last record to the log's word.",
			Buckets: prometheus.ExponentialBuckets(0.004, 2, 12),
		}),
		restores: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_process_restore_seconds",
			Help:    "Time to restore the state of newly assigned partitions.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 10),
		}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_rebuilds_total",
			Help: "Partitions whose state was built again from the embedded log.",
		}),
	}
	for _, r := range []string{resultCommitted, resultRolledBack, resultBroken} {
		m.transactions.WithLabelValues(r)
	}
	reg.MustRegister(m.records, m.transactions, m.seconds, m.restores, m.rebuilds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wearstream_process_halted_partitions",
			Help: "Partitions that halted because state and committed offset do not belong together.",
		}, halted),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wearstream_process_lag_seconds",
			Help: "Age, by append time, of the oldest record that was read and is not committed; 0 while there is none.",
		}, lag))
	return m
}

// age is how long ago something was, and 0 where clocks disagree or nothing was.
func age(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at).Seconds())
}
