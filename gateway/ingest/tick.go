package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// ticker writes ticks, to the device topic, whose readers take the time from
// them, and to quarantine, whose sinks cut by them. A partition has one in flight
// at most: when the log does not answer, ticks are dropped, and their absence is
// what an outage is.
type ticker struct {
	client  *kgo.Client
	topics  []string
	every   time.Duration
	health  *health
	metrics *metrics
	log     *slog.Logger

	beats atomic.Pointer[[]*beat] // nil: the partitions are not yet known
}

// beat is one partition that is ticked.
type beat struct {
	topic     string
	partition int32
	inFlight  atomic.Bool
	written   atomic.Int64 // time of the last one that the log has; ns
}

// run writes ticks until ctx is done. records is the context of the records,
// which outlive it.
func (t *ticker) run(ctx, records context.Context) {
	clock := time.NewTicker(t.every)
	defer clock.Stop()
	for {
		if t.beats.Load() == nil {
			t.findPartitions(ctx)
		}
		t.tick(records, time.Now())
		select {
		case <-clock.C:
		case <-ctx.Done():
			return
		}
	}
}

// findPartitions asks the log how many partitions the topics have, which never
// changes in the life of a cell.
func (t *ticker) findPartitions(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, t.every)
	defer cancel()
	var beats []*beat
	for _, topic := range t.topics {
		n, err := partitionsOf(ctx, t.client, topic)
		if err != nil {
			t.log.Warn("the log does not answer", "topic", topic, "err", err)
			return
		}
		for p := range n {
			beats = append(beats, &beat{topic: topic, partition: int32(p)})
		}
	}
	t.beats.Store(&beats)
	t.health.known.Store(true)
}

func partitionsOf(ctx context.Context, client *kgo.Client, topic string) (int, error) {
	topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err == nil {
		err = topics[topic].Err
	}
	if err != nil {
		return 0, fmt.Errorf("describe topic %q: %w", topic, err)
	}
	return len(topics[topic].Partitions), nil
}

func (t *ticker) tick(ctx context.Context, now time.Time) {
	value, _ := json.Marshal(wire.Tick{UTC: now.UnixMicro()})
	beats := t.beats.Load()
	if beats == nil {
		return
	}
	for _, b := range *beats {
		if b.inFlight.Swap(true) {
			t.metrics.ticks.WithLabelValues(tickDropped).Inc()
			continue
		}
		t.health.began(now)
		// Not Produce, which may wait for room.
		t.client.TryProduce(ctx, &kgo.Record{
			Topic:     b.topic,
			Partition: b.partition,
			Value:     value,
			Headers:   []kgo.RecordHeader{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}},
			Timestamp: now,
		}, func(_ *kgo.Record, err error) {
			result := tickWritten
			if err != nil {
				result = tickDropped
			} else {
				b.written.Store(now.UnixNano())
			}
			t.metrics.ticks.WithLabelValues(result).Inc()
			t.health.ended(time.Now(), err == nil)
			b.inFlight.Store(false)
		})
	}
}

// latest is the time of the newest tick that every partition has, in seconds; 0
// while one has none.
func (t *ticker) latest() float64 {
	beats := t.beats.Load()
	if beats == nil || len(*beats) == 0 {
		return 0
	}
	oldest := int64(math.MaxInt64)
	for _, b := range *beats {
		oldest = min(oldest, b.written.Load())
	}
	return float64(oldest) / 1e9
}
