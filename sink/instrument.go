package sink

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
)

// Instrument counts and times each call of Write. Inside Retry it sees every
// attempt. The name is the value of the label sink; each may be used once per
// registry.
func Instrument(s stream.Sink, name string, reg prometheus.Registerer) stream.Sink {
	return &instrument{s, newMetrics(prometheus.WrapRegistererWith(prometheus.Labels{"sink": name}, reg))}
}

type instrument struct {
	sink stream.Sink
	m    *metrics
}

func (i *instrument) Write(ctx context.Context, cut stream.Cut) error {
	start := time.Now()
	err := i.sink.Write(ctx, cut)
	i.m.seconds.Observe(time.Since(start).Seconds())
	if err != nil {
		result := resultRetried
		if _, ok := errors.AsType[*stream.AdoptError](err); ok {
			result = resultAdopted
		} else if IsPermanent(err) {
			result = resultFailed
		}
		i.m.writes.WithLabelValues(result).Inc()
		return err
	}
	i.m.writes.WithLabelValues(resultStored).Inc()
	i.m.records.Add(float64(len(cut.Records)))
	return nil
}

// Results of an attempt.
const (
	resultStored  = "stored"
	resultAdopted = "adopted"
	resultRetried = "retried"
	resultFailed  = "failed"
)

type metrics struct {
	writes  *prometheus.CounterVec
	seconds prometheus.Histogram
	records prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_sink_writes_total",
			Help: "Attempts to store a cut, by result. Adopted: the store holds it with another end, it is cut there; retried: it failed and comes again; failed: a person must look, the sink stops.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_sink_write_duration_seconds",
			Help:    "Time of one attempt to store a cut.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_sink_records_total",
			Help: "Records of the log in stored cuts.",
		}),
	}
	for _, result := range []string{resultStored, resultAdopted, resultRetried, resultFailed} {
		m.writes.WithLabelValues(result) // a rate needs the zero before the first
	}
	reg.MustRegister(m.writes, m.seconds, m.records)
	return m
}

// Tables counts what a sink has stored, by table.
type Tables struct{ rows, bytes *prometheus.CounterVec }

// NewTables registers the counters of a sink for all its tables.
func NewTables(reg prometheus.Registerer, sink string, tables ...string) *Tables {
	label := prometheus.Labels{"sink": sink}
	t := &Tables{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_sink_rows_total", ConstLabels: label,
			Help: "Rows that the store has acknowledged, by table. What it held already counts too.",
		}, []string{"table"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_sink_bytes_total", ConstLabels: label,
			Help: "Bytes of those rows as they were sent, by table.",
		}, []string{"table"}),
	}
	for _, table := range tables {
		t.Stored(table, 0, 0) // a rate needs the zero before the first
	}
	reg.MustRegister(t.rows, t.bytes)
	return t
}

// Stored counts rows.
func (t *Tables) Stored(table string, rows, bytes int) {
	t.rows.WithLabelValues(table).Add(float64(rows))
	t.bytes.WithLabelValues(table).Add(float64(bytes))
}
