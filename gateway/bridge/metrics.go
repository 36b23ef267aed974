package bridge

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those that only a bridge has; what becomes of messages is counted
// by package ingest, under the gateway's names.
type metrics struct {
	connected  prometheus.Gauge
	reconnects prometheus.Counter
	fresh      prometheus.Counter
	dropped    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, inFlight *flight) *metrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_inflight_publishes", Help: "Messages read and not yet in the log.",
	}, func() float64 { return float64(inFlight.messages.Load()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wearstream_gateway_inflight_bytes", Help: "Bytes taken from devices and not yet in the log.",
	}, func() float64 { return float64(inFlight.now()) })
	m := &metrics{
		connected: f.NewGauge(prometheus.GaugeOpts{
			Name: "wearstream_bridge_connected", Help: "1 while subscribed at the broker, else 0.",
		}),
		reconnects: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_bridge_reconnects_total", Help: "Connections to the broker after the first.",
		}),
		fresh: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_bridge_fresh_sessions_total", Help: "Connections for which the broker had kept no session; but for a member's very first, messages are lost.",
		}),
		dropped: f.NewGauge(prometheus.GaugeOpts{
			Name: "wearstream_bridge_broker_dropped_messages", Help: "Messages that the broker says it dropped since its start; NaN: it does not say.",
		}),
	}
	m.dropped.Set(math.NaN())
	return m
}
