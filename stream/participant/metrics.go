package participant

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	pairs             *prometheus.CounterVec
	again, unreadable prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		pairs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_adhere_pairs_total",
			Help: "Rows of two wrists written, by status.",
		}, []string{"state"}),
		again: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_adhere_sides_read_again_total",
			Help: "Sides of one wrist that were read again from the log, since the other came much later.",
		}),
		unreadable: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_adhere_unreadable_pairs_total",
			Help: "Changes of pairs that were not followed, since the log no longer holds one side.",
		}),
	}
	// A rate needs the zero before the first.
	for _, status := range []string{wire.StatusProvisional, wire.StatusFinal, wire.StatusCorrected, wire.StatusRetracted} {
		m.pairs.WithLabelValues(status)
	}
	return m
}

// tally is what happened since the last Commit. It counts then, and not before: what is
// rolled back happens again.
type tally struct {
	rows              map[string]int // by status
	again, unreadable int
}

func newTally() tally { return tally{rows: map[string]int{}} }

func (t *tally) reset() {
	clear(t.rows)
	t.again, t.unreadable = 0, 0
}

func (m *metrics) count(t *tally) {
	for status, n := range t.rows {
		m.pairs.WithLabelValues(status).Add(float64(n))
	}
	m.again.Add(float64(t.again))
	m.unreadable.Add(float64(t.unreadable))
}
