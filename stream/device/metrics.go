package device

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/wire"
)

type metrics struct {
	samples, windows, wear, quarantined *prometheus.CounterVec
	delay                               *prometheus.HistogramVec
	duplicates, late, unreadable        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		samples: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_process_samples_total",
			Help: "Samples of new batches. Live: the gateway had the batch within ten minutes after its end.",
		}, []string{"lane"}),
		windows: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_process_windows_total",
			Help: "Window rows written, by length and status.",
		}, []string{"length", "state"}),
		wear: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_process_wear_rows_total",
			Help: "Rows of minutes of wear written, by what they were and status.",
		}, []string{"wear", "state"}),
		delay: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wearstream_process_window_delay_seconds",
			Help:    "From the end of a window to its first row's commit, by this machine's clock; of sets that look at the window alone.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 22), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"lane"}),
		quarantined: f.NewCounterVec(prometheus.CounterOpts{
			Name: "wearstream_quarantine_records_total", Help: "Messages kept in quarantine, by who refused them and why.",
			ConstLabels: prometheus.Labels{"service": "process"},
		}, []string{"reason"}),
		duplicates: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_duplicate_batches_total", Help: "Batches that came again, byte for byte as far as the log can tell.",
		}),
		late: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_late_batches_total", Help: "Batches that touch a window which was final already.",
		}),
		unreadable: f.NewCounter(prometheus.CounterOpts{
			Name: "wearstream_process_unreadable_windows_total",
			Help: "Windows that late data changes and that stay as they are, since the log no longer holds the rest of them.",
		}),
	}
	// A rate needs the zero before the first.
	for _, lane := range []string{wire.LaneLive, wire.LaneBacklog} {
		m.samples.WithLabelValues(lane)
		m.delay.WithLabelValues(lane)
	}
	for _, length := range features.Lengths {
		for _, status := range statusOf {
			m.windows.WithLabelValues(seconds(length), status)
		}
	}
	for is := wear.Unknown; is <= wear.Charging; is++ {
		for _, status := range statusOf {
			m.wear.WithLabelValues(is.String(), status)
		}
	}
	for _, reason := range []string{wire.ReasonConflict, wire.ReasonParse, wire.ReasonShape, wire.ReasonRange, wire.ReasonSensor} {
		m.quarantined.WithLabelValues(reason)
	}
	return m
}

// seconds is the value of the label length: 900s, not 15m0s.
func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }

// tally is what happened since the last Commit. It counts then, and not before:
// what is rolled back happens again.
type tally struct {
	samples                      map[string]int // by lane
	rows                         map[handed]int
	wear                         map[handedMinute]int
	quarantined                  map[string]int // by reason
	first                        []firstRow
	duplicates, late, unreadable int
}

type handed struct {
	length time.Duration
	status string
}

// handedMinute is a row of a minute of wear.
type handedMinute struct{ state, status string }

// firstRow is the first row of a window. Quarters wait by design and do not count.
type firstRow struct {
	lane string
	end  time.Time
}

func newTally() tally {
	return tally{samples: map[string]int{}, rows: map[handed]int{}, wear: map[handedMinute]int{}, quarantined: map[string]int{}}
}

func (t *tally) reset() {
	clear(t.samples)
	clear(t.rows)
	clear(t.wear)
	clear(t.quarantined)
	t.first, t.duplicates, t.late, t.unreadable = t.first[:0], 0, 0, 0
}

func (t *tally) row(r *wire.WindowRow) {
	t.rows[handed{r.Length, r.Status}]++
}

func (t *tally) batch(e *entry) {
	lane := wire.LaneBacklog
	if e.raw.received <= e.End+liveFor {
		lane = wire.LaneLive
	}
	t.samples[lane] += int(e.raw.N)
}

func (m *metrics) count(t *tally) {
	for lane, n := range t.samples {
		m.samples.WithLabelValues(lane).Add(float64(n))
	}
	for row, n := range t.rows {
		m.windows.WithLabelValues(seconds(row.length), row.status).Add(float64(n))
	}
	for row, n := range t.wear {
		m.wear.WithLabelValues(row.state, row.status).Add(float64(n))
	}
	for reason, n := range t.quarantined {
		m.quarantined.WithLabelValues(reason).Add(float64(n))
	}
	now := time.Now()
	for _, w := range t.first {
		m.delay.WithLabelValues(w.lane).Observe(max(0, now.Sub(w.end).Seconds()))
	}
	m.duplicates.Add(float64(t.duplicates))
	m.late.Add(float64(t.late))
	m.unreadable.Add(float64(t.unreadable))
}

// Devices is the number of sensors whose state is here; any goroutine may ask.
func (o *operator) Devices() int { return int(o.devices.Load()) }
