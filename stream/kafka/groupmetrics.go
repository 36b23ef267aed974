package kafka

import "github.com/prometheus/client_golang/prometheus"

// groupMetrics are a group's; package sink counts what its writes come to.
type groupMetrics struct{ cuts *prometheus.CounterVec }

func newGroupMetrics(reg prometheus.Registerer, sink string, topics []string, lag func(topic string) float64) *groupMetrics {
	label := prometheus.Labels{"sink": sink}
	m := &groupMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "wearstream_sink_cuts_total",
		Help:        "Cuts stored, their ends committed.",
		ConstLabels: label,
	}, []string{"topic"})}
	reg.MustRegister(m.cuts)
	for _, topic := range topics {
		m.cuts.WithLabelValues(topic) // a rate needs the zero before the first
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "wearstream_sink_lag_seconds",
			Help:        "Age of the oldest record, ticks aside, of the partitions held here that is readable and not stored; 0 when there is none. While out of the group: for how long.",
			ConstLabels: prometheus.Labels{"sink": sink, "topic": topic},
		}, func() float64 { return lag(topic) }))
	}
	return m
}
