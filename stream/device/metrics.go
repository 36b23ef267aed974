package device

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	conflicts, refused prometheus.Counter
	rows               *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wearstream_process_refused_total",
		Help: "Batches that the processor put into quarantine, by reason.",
	}, []string{"reason"})
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wearstream_process_rows_total",
		Help: "Window rows handed out, by status.",
	}, []string{"status"})
	reg.MustRegister(refusals, rows)
	return &metrics{
		conflicts: refusals.WithLabelValues(wire.ReasonConflict),
		refused:   refusals.WithLabelValues(wire.ReasonParse),
		rows:      rows,
	}
}
