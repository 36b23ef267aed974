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
		result := "error"
		if _, ok := errors.AsType[*stream.AdoptError](err); ok {
			result = "adopt"
		}
		i.m.writes.WithLabelValues(result).Inc()
		return err
	}
	i.m.writes.WithLabelValues("stored").Inc()
	i.m.records.Add(float64(len(cut.Records)))
	for r := range cut.Records {
		i.m.bytes.Add(float64(len(cut.Records[r].Value)))
	}
	return nil
}

type metrics struct {
	writes         *prometheus.CounterVec
	seconds        prometheus.Histogram
	records, bytes prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_sink_writes_total",
			Help: "Attempts to store a cut, by result: stored, adopt, error.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wearstream_sink_write_seconds",
			Help:    "Time of one attempt to store a cut.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_sink_records_total",
			Help: "Records of the log in stored cuts.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_sink_bytes_total",
			Help: "Bytes of the values of records in stored cuts.",
		}),
	}
	for _, result := range []string{"stored", "adopt", "error"} {
		m.writes.WithLabelValues(result) // a rate needs the zero before the first
	}
	reg.MustRegister(m.writes, m.seconds, m.records, m.bytes)
	return m
}
