package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/gateway/mqtt"
)

// watch exports what the server counts; what becomes of messages is counted by
// package ingest.
func watch(reg prometheus.Registerer, s *mqtt.Server) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_connections", Help: "Connections of devices.",
	}, func() float64 { return float64(s.Connections()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_in_flight_bytes", Help: "Bytes taken from devices and not yet in the log.",
	}, func() float64 { return float64(s.InFlight()) })
}
