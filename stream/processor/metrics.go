package processor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/kafka"
)

// Results of a transaction.
const (
	resultCommitted = "committed"
	resultAborted   = "aborted" // partitions were taken away in between
	resultFenced    = "fenced"  // its session broke; the next one ends it
)

type metrics struct {
	records      prometheus.Counter
	transactions *prometheus.CounterVec
	seconds      prometheus.Histogram
	restores     prometheus.Histogram
	rebuilds     prometheus.Counter
	broken       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, p *Processor) *metrics {
	m := &metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_records_total",
			Help: "Input records whose effects are committed.",
		}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_kafka_transactions_total",
			Help: "Transactions, by result. Aborted: partitions were taken away; fenced: the session broke and its successor ended what it left open.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_process_transaction_duration_seconds",
			Help:    "Time to close a transaction, from its last record to the log's word.",
			Buckets: prometheus.ExponentialBuckets(0.004, 2, 12), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		restores: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_process_restore_duration_seconds",
			Help:    "Time to restore the state of newly assigned partitions.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 10), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_rebuilds_total",
			Help: "Partitions whose state was built again from the embedded log.",
		}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_broken_sessions_total",
			Help: "Sessions with the log that broke, or could not be begun; each is followed by a new one that restores.",
		}),
	}
	for _, r := range []string{resultCommitted, resultAborted, resultFenced} {
		m.transactions.WithLabelValues(r)
	}
	prometheus.WrapRegistererWith(prometheus.Labels{"service": p.deps.Group}, reg).MustRegister(m.records, m.transactions, m.seconds, m.restores, m.rebuilds, m.broken,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wearstream_process_halted_partitions",
			Help: "Partitions that halted because state and committed offset do not belong together.",
		}, p.halted),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wearstream_process_open_devices",
			Help: "Sensors whose state this process holds.",
		}, p.devices))
	kafka.ExportLag(reg, p.group(), []string{p.deps.Input}, p.positions)
	p.deps.Kafka.Metrics.Member(p.group())
	return m
}
