package clickhouse

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	tables  *sink.Tables
	skipped *prometheus.CounterVec
	resent  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		tables: sink.NewTables(reg, "clickhouse", tableBatches, tableStatus, tableQuarantine, tableWindows, tableWear, tablePairs),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_clickhouse_skipped_records_total",
			Help: "Records of devices that cannot be decoded and make no row. Should be zero: the gateway refuses them.",
		}, []string{"topic"}),
		resent: newResent(),
	}
	m.skipped.WithLabelValues(wire.TopicDevice)
	reg.MustRegister(m.skipped, m.resent)
	return m
}

func newResent() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "wearstream_clickhouse_blocks_resent_total",
		Help: "Blocks whose token ClickHouse knew without having their rows, sent again under the next token.",
	})
}
