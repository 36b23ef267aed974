package clickhouse

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	rows    *prometheus.CounterVec
	skipped *prometheus.CounterVec
	resent  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_clickhouse_rows_total",
			Help: "Rows in blocks that ClickHouse has acknowledged, by table. A block that it held already counts too.",
		}, []string{"table"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_clickhouse_skipped_total",
			Help: "Records of devices that cannot be decoded and make no row. Should be zero: the gateway refuses them.",
		}, []string{"topic"}),
		resent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_clickhouse_blocks_resent_total",
			Help: "Blocks whose token ClickHouse knew without having their rows, sent again under the next token.",
		}),
	}
	for _, table := range []string{tableBatches, tableStatus, tableQuarantine, tableWindows} {
		m.rows.WithLabelValues(table)
	}
	m.skipped.WithLabelValues("device")
	reg.MustRegister(m.rows, m.skipped, m.resent)
	return m
}
