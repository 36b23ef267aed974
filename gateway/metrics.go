package gateway

import (
	"crypto/x509"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// metrics are those of connections; what becomes of messages is counted by
// package ingest.
type metrics struct {
	connects *prometheus.CounterVec
	errors   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		connects: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_gateway_connects_total",
			Help: "Attempts of devices to connect. Tls: the handshake failed; unknown: no certificate of ours; policy: a client id or will that is not the device's; packet: no MQTT of ours; busy: the log takes nothing at present.",
		}, []string{"result"}),
		errors: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_gateway_protocol_errors_total", Help: "Connections closed for a packet that MQTT does not allow, after CONNECT.",
		}),
	}
	for _, result := range []string{
		mqtt.ConnectOK, wire.ReasonTLS, wire.ReasonUnknown, wire.ReasonPolicy, wire.ReasonPacket, mqtt.ConnectBusy,
	} {
		m.connects.WithLabelValues(result) // a rate needs the zero before the first
	}
	return m
}

// watch exports what the server counts itself.
func watch(reg prometheus.Registerer, s *mqtt.Server, certs []*x509.Certificate) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_connections", Help: "Connections of devices.",
	}, func() float64 { return float64(s.Connections()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_inflight_publishes", Help: "Messages read and not yet in the log.",
	}, func() float64 { return float64(s.Publishes()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_inflight_bytes", Help: "Bytes taken from devices and not yet in the log.",
	}, func() float64 { return float64(s.InFlight()) })
	ingest.WatchCertificates(reg, func() []*x509.Certificate { return certs })
}
