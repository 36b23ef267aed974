package device

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	conflicts, refused, unreadable prometheus.Counter
	rows                           *prometheus.CounterVec
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
	unreadable := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "wearstream_process_unreadable_windows_total",
		Help: "Windows that late data changes and that stay as they are, since the log no longer holds the rest of them.",
	})
	reg.MustRegister(refusals, rows, unreadable)
	return &metrics{
		conflicts:  refusals.WithLabelValues(wire.ReasonConflict),
		refused:    refusals.WithLabelValues(wire.ReasonParse),
		rows:       rows,
		unreadable: unreadable,
	}
}
