package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// Why a record was not produced.
const (
	produceRefused = "refused" // the broker says no
	produceTimeout = "timeout"
	produceStopped = "stopped" // the client or its caller ended first
	produceOther   = "other"
)

// Metrics are those that all clients of a process share: it is a hook of each.
type Metrics struct {
	produced   map[string]producing // by a topic's full name
	rebalances *prometheus.CounterVec
	answered   atomic.Int64 // when a broker last did, ns
}

type producing struct {
	seconds prometheus.Observer
	errors  *prometheus.CounterVec
}

// NewMetrics registers the metrics of clients of a cell, once in a registry.
func NewMetrics(reg prometheus.Registerer, cell string) *Metrics {
	f := promauto.With(reg)
	seconds := f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "wearstream_kafka_produce_duration_seconds",
		Help:    "Time from handing a record to the client to the acknowledgement of all in-sync replicas.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 15), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
	}, []string{"topic"})
	faults := f.NewCounterVec(prometheus.CounterOpts{
		Name: "wearstream_kafka_produce_errors_total", Help: "Records that the log did not take.",
	}, []string{"topic", "reason"})
	m := &Metrics{
		produced: map[string]producing{},
		rebalances: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_kafka_rebalances_total",
			Help: "Times that the group gave a member here its partitions anew, some or none; the first time at its start.",
		}, []string{"group"}),
	}
	for _, t := range wire.Topics(1) {
		of := faults.MustCurryWith(prometheus.Labels{"topic": t.Name})
		for _, reason := range []string{produceRefused, produceTimeout, produceStopped, produceOther} {
			of.WithLabelValues(reason) // a rate needs the zero before the first
		}
		m.produced[wire.TopicName(cell, t.Name)] = producing{seconds.WithLabelValues(t.Name), of}
	}
	return m
}

// OnBrokerRead serves kgo: a broker answered. It is what the records that it
// acknowledged are timed by: the clock would be asked for each of them.
func (m *Metrics) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err == nil {
		m.answered.Store(time.Now().UnixNano())
	}
}

// OnProduceRecordUnbuffered serves kgo: a record was acknowledged, or given up.
func (m *Metrics) OnProduceRecordUnbuffered(r *kgo.Record, err error) {
	p, ours := m.produced[r.Topic]
	switch {
	case !ours:
	case err == nil:
		p.seconds.Observe(max(0, time.Duration(m.answered.Load()-r.Timestamp.UnixNano()).Seconds()))
	default:
		p.errors.WithLabelValues(produceReason(err)).Inc()
	}
}

func produceReason(err error) string {
	_, refused := errors.AsType[*kerr.Error](err)
	switch {
	case refused:
		return produceRefused
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, context.DeadlineExceeded):
		return produceTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed), errors.Is(err, kgo.ErrAborting):
		return produceStopped
	}
	return produceOther
}

// Member makes the series of a group that this process is in.
func (m *Metrics) Member(group string) {
	if m != nil {
		m.rebalances.WithLabelValues(group)
	}
}

func (m *Metrics) rebalanced(group string) {
	if m != nil {
		m.rebalances.WithLabelValues(group).Inc()
	}
}
