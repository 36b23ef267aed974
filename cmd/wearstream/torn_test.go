package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// TestTransactionsOutliveTheBroker kills the only broker of an Apache Kafka while many
// transactions end. When it is back each of them is in all partitions or in none: what
// exactly-once rests on, and what versions 4.3.0 to 4.4.0 do not keep (KAFKA-20734).
func TestTransactionsOutliveTheBroker(t *testing.T) {
	if !parts.Required() {
		t.Skip("starts an Apache Kafka of its own: run with WEARSTREAM_PARTS_REQUIRED=1")
	}
	t.Parallel()
	parts.Used(t, parts.Kafka.Name)
	const producers, partitions = 60, 40
	own := startOwnKafka(t)
	cfg := kafka.Config{Brokers: []string{own.brokers}}
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(cfg.Options(), opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	if _, err := kafka.Ensure(t.Context(), client(), "torn", []wire.Topic{{Name: "out", Partitions: partitions, Retention: time.Hour, MaxBytes: 1 << 20}}, 1); err != nil {
		t.Fatal(err)
	}
	topic := wire.TopicName("torn", "out")
	transactional := func(i int) *kgo.Client {
		return client(kgo.TransactionalID(fmt.Sprintf("torn-%d", i)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}

	// Each commits round after round, one record in each partition, until the broker is gone.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	var committed atomic.Int64
	for i := range producers {
		running.Go(func() {
			cl := transactional(i)
			for round := 0; cl.BeginTransaction() == nil; round++ {
				var records []*kgo.Record
				for p := range int32(partitions) {
					records = append(records, &kgo.Record{Topic: topic, Partition: p, Key: []byte(strconv.Itoa(i)), Value: []byte(strconv.Itoa(round))})
				}
				if cl.ProduceSync(ctx, records...).FirstErr() != nil || cl.EndTransaction(ctx, kgo.TryCommit) != nil {
					return
				}
				committed.Add(1)
			}
		})
	}
	eventually(t, 2*time.Minute, "all producers commit", func() error {
		if n := committed.Load(); n < 10*producers {
			return fmt.Errorf("%d transactions", n)
		}
		return nil
	})
	own.do("kill", "1")
	cancel()
	own.do("restart", "1")
	running.Wait() // one that begins waits for the broker

	// What was open is aborted; what was ending ends.
	for i := range producers {
		if _, _, err := transactional(i).ProducerID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := kafka.NewHistoryReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var first map[string]int
	for p := range int32(partitions) {
		h := reader.Partition(topic, p)
		begin, end, err := h.Bounds(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		err = h.Range(ctx, begin, end, func(r stream.Record) error { seen[string(r.Key)+" in round "+string(r.Value)]++; return nil })
		if err != nil {
			t.Fatalf("a transaction stays open, so nobody reads on: %v", err)
		}
		if first == nil {
			first = seen
		}
		if !maps.Equal(first, seen) {
			t.Errorf("partition %d has %d transactions, partition 0 %d: some are there by half", p, len(seen), len(first))
		}
	}
	if n := int64(len(first)); n < committed.Load() {
		t.Errorf("%d transactions were committed, %d can be read", committed.Load(), n)
	}
	t.Logf("%d transactions whole, %d of them had ended when the broker was killed", len(first), committed.Load())
}
