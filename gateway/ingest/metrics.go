package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	received       map[string]prometheus.Counter // by kind
	samples        prometheus.Counter
	acknowledged   prometheus.Counter
	refused        *prometheus.CounterVec
	produceErrors  prometheus.Counter
	produceSeconds prometheus.Histogram
	ticks          *prometheus.CounterVec
}

// Outcomes of a tick.
const (
	tickWritten = "written"
	tickDropped = "dropped"
)

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	received := f.NewCounterVec(prometheus.CounterOpts{
		Name: "wearstream_gateway_received_total", Help: "Messages taken from devices, by kind.",
	}, []string{"kind"})
	m := &metrics{
		received: map[string]prometheus.Counter{},
		samples: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_samples_total", Help: "Samples in batches that can be read.",
		}),
		acknowledged: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_acknowledged_total", Help: "QoS 1 messages whose record the log has taken.",
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_gateway_refused_total", Help: "Connections and messages refused or flagged, by reason.",
		}, []string{"reason"}),
		produceErrors: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_produce_errors_total", Help: "Messages that the log did not take; their connections were closed.",
		}),
		produceSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "wearstream_gateway_produce_seconds", Help: "Time from receipt to the log's acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}),
		ticks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_gateway_ticks_total", Help: "Ticks, by outcome; dropped: the one before is not acknowledged.",
		}, []string{"outcome"}),
	}
	for _, kind := range []string{wire.KindSamples, wire.KindStatus, wire.KindEvent} {
		m.received[kind] = received.WithLabelValues(kind)
	}
	for _, reason := range []string{
		wire.ReasonTLS, wire.ReasonUnknown, wire.ReasonPolicy, wire.ReasonPacket, wire.ReasonParse,
		wire.ReasonShape, wire.ReasonRange, wire.ReasonSensor, wire.ReasonOversize, wire.ReasonTime,
	} {
		m.refused.WithLabelValues(reason)
	}
	m.ticks.WithLabelValues(tickWritten)
	m.ticks.WithLabelValues(tickDropped)
	return m
}
