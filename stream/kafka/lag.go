package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// LagEvery is how often the log is asked where it ends. An answer older than
// three times that is no longer taken for what is.
const LagEvery = 5 * time.Second

// Position is how far a group is in one partition that this process holds.
type Position struct {
	Topic     string // short name
	Partition int32
	Behind    int64     // offsets between the committed one and where readers may read to, as last told
	Oldest    time.Time // append time of the oldest record that waits, or a time before it; zero: none waits
}

// ExportLag registers the lag of a group as this process sees it. read answers the
// positions here, and since when something about them is not known (zero: all is).
func ExportLag(reg prometheus.Registerer, group string, topics []string, read func() ([]Position, time.Time)) {
	label := prometheus.Labels{"group": group}
	reg.MustRegister(&lag{topics, read,
		prometheus.NewDesc("wearstream_kafka_consumer_lag_records",
			"Offsets that the group has not committed in partitions held here, markers of transactions included.",
			[]string{"topic", "partition"}, label),
		prometheus.NewDesc("wearstream_kafka_consumer_lag_seconds",
			"Age of the oldest record in partitions held here that is readable and not consumed; 0: there is none. While the log cannot be asked, or out of the group: at least for how long.",
			[]string{"topic"}, label),
	})
}

type lag struct {
	topics           []string
	read             func() ([]Position, time.Time)
	records, seconds *prometheus.Desc
}

func (l *lag) Describe(to chan<- *prometheus.Desc) { to <- l.records; to <- l.seconds }

func (l *lag) Collect(to chan<- prometheus.Metric) {
	positions, since := l.read()
	seconds := map[string]float64{}
	for _, p := range positions {
		seconds[p.Topic] = max(seconds[p.Topic], age(p.Oldest))
		to <- prometheus.MustNewConstMetric(l.records, prometheus.GaugeValue, float64(p.Behind), p.Topic, fmt.Sprint(p.Partition))
	}
	for _, topic := range l.topics {
		to <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, max(seconds[topic], age(since)), topic)
	}
}

// age is how long ago something was, and 0 where clocks disagree or nothing was.
func age(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at).Seconds())
}

// Stale is since when the log has not said where it ends, if that is too long ago
// for its last answer to hold; else zero.
func Stale(asked time.Time) time.Time {
	if time.Since(asked) > 3*LagEvery {
		return asked
	}
	return time.Time{}
}

// Ends asks again and again up to where readers may read topics, by their full
// names, until ctx ends.
func Ends(ctx context.Context, cl *kgo.Client, told func(kadm.ListedOffsets), topics ...string) {
	clock := time.NewTicker(LagEvery)
	defer clock.Stop()
	for {
		if ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topics...); err == nil && ends.Error() == nil {
			told(ends)
		} // else the answer grows old, which is what is said then
		select {
		case <-clock.C:
		case <-ctx.Done():
			return
		}
	}
}

// ReadableEnds answers up to where readers may read each partition of a topic.
func ReadableEnds(ctx context.Context, cl *kgo.Client, topic string) (map[int32]int64, error) {
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end offsets of %s: %w", topic, err)
	}
	return offsetsOf(ends, topic), nil
}

func offsetsOf(listed kadm.ListedOffsets, topic string) map[int32]int64 {
	at := map[int32]int64{}
	for p, o := range listed[topic] {
		at[p] = o.Offset
	}
	return at
}
