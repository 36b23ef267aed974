package ingest

import (
	"crypto/x509"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	acked       prometheus.Counter
	kept        prometheus.Counter // in quarantine
	refused     prometheus.Counter
	bytes       prometheus.Counter
	samples     prometheus.Counter
	impossible  prometheus.Counter
	quarantined *prometheus.CounterVec
	ackSeconds  prometheus.Histogram
	ticks       *prometheus.CounterVec
}

// Outcomes of a tick.
const (
	tickWritten = "written"
	tickDropped = "dropped"
)

func newMetrics(reg prometheus.Registerer, ticked func() float64) *metrics {
	f := promauto.With(reg)
	publishes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "wearstream_gateway_publishes_total",
		Help: "Messages of devices, by what became of them. Acked: in the log; quarantined: in the log's quarantine, with a reason; refused: not in the log, the connection was closed.",
	}, []string{"result"})
	m := &metrics{
		acked:   publishes.WithLabelValues("acked"),
		kept:    publishes.WithLabelValues("quarantined"),
		refused: publishes.WithLabelValues("refused"),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_received_bytes_total", Help: "Bytes of the payloads of messages.",
		}),
		samples: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_samples_total", Help: "Samples in batches that can be read.",
		}),
		impossible: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_impossible_times_total", Help: "Batches whose time cannot be; they are kept with a flag.",
		}),
		quarantined: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_quarantine_records_total", Help: "Messages kept in quarantine, by who refused them and why.",
			ConstLabels: prometheus.Labels{"service": "gateway"},
		}, []string{"reason"}),
		ackSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "wearstream_gateway_ack_duration_seconds", Help: "From the packet read to its acknowledgement written.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		ticks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_gateway_ticks_total", Help: "Ticks of partitions. Dropped: the one before was not acknowledged.",
		}, []string{"result"}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_tick_timestamp_seconds",
		Help: "Time of the newest tick that every partition has; 0: some have none. Without ticks nothing is decided.",
	}, ticked)
	// A rate needs the zero before the first.
	for _, reason := range []string{
		wire.ReasonPolicy, wire.ReasonParse, wire.ReasonShape, wire.ReasonRange, wire.ReasonSensor, wire.ReasonOversize,
	} {
		m.quarantined.WithLabelValues(reason)
	}
	m.ticks.WithLabelValues(tickWritten)
	m.ticks.WithLabelValues(tickDropped)
	return m
}

// WatchCertificates exports how many of a front's own certificates and authorities
// expire soon, or have.
func WatchCertificates(reg prometheus.Registerer, certs func() []*x509.Certificate) {
	for within, d := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "wearstream_certificates_expiring",
			Help:        "Certificates of this front and its authorities that expire within the time, or have; not those of devices.",
			ConstLabels: prometheus.Labels{"within": within},
		}, func() float64 {
			n, until := 0, time.Now().Add(d)
			for _, c := range certs() {
				if c.NotAfter.Before(until) {
					n++
				}
			}
			return float64(n)
		}))
	}
}
