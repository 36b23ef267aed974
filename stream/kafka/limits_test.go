package kafka_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/kafka/kafkatest"
	"github.com/wearstream/wearstream/stream/wire"
)

type sinkFunc func(stream.Cut) error

func (f sinkFunc) Write(_ context.Context, cut stream.Cut) error { return f(cut) }

// TestMebibyte: a value of exactly 1 MiB that nothing compresses, which neither a
// client nor a topic takes by default, goes the whole way on Apache Kafka: the
// gateway's producer, a session, a reader of history, and a sink's group.
func TestMebibyte(t *testing.T) {
	cfg, cell := kafka.Config{Brokers: kafkatest.Brokers(t)}, kafkatest.Name(t)
	gateway, err := kgo.NewClient(append(cfg.Options(), ingest.ProducerOptions()...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	if _, err := kafka.Ensure(t.Context(), gateway, cell, wire.Topics(1), 3); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 1<<20)
	rand.Read(value)
	in, out := wire.TopicName(cell, wire.TopicDevice), wire.TopicName(cell, wire.TopicFeatures)
	if err := gateway.ProduceSync(t.Context(), &kgo.Record{Topic: in, Key: []byte("w1"), Value: value}).FirstErr(); err != nil {
		t.Fatalf("gateway: %v", err)
	}

	session, err := kafka.NewSession(t.Context(), cfg, kafka.SessionConfig{
		Group: cell + "-g", Instance: cell + "-a", Transaction: cell + "-a", Topic: in, SessionTimeout: 6 * time.Second, FetchBytes: 4 << 10,
		Start: func(context.Context, map[int32]int64) (map[int32]int64, error) { return map[int32]int64{0: 0}, nil },
		Taken: func([]int32) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	batches, err := session.Poll(ctx, 1)
	if err != nil || len(batches) != 1 || !bytes.Equal(batches[0].Records[0].Value, value) {
		t.Fatalf("session polls %d batches, %v", len(batches), err)
	}
	if err := session.Begin(); err != nil {
		t.Fatal(err)
	}
	session.Produce(&kgo.Record{Topic: out, Partition: 0, Value: value})
	if ok, err := session.Commit(ctx); !ok || err != nil {
		t.Fatalf("session commits %t, %v", ok, err)
	}

	reader, err := kafka.NewHistoryReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	read := 0
	err = reader.Partition(out, 0).Read(ctx, []int64{0}, func(r stream.Record) error {
		if bytes.Equal(r.Value, value) {
			read++
		}
		return nil
	})
	if err != nil || read != 1 {
		t.Errorf("history reads %d, %v", read, err)
	}

	stored := make(chan []byte, 1)
	group, err := kafka.NewGroup(kafka.GroupConfig{Sink: "test", Group: cell + "-sink", Cell: cell, SessionTimeout: 6 * time.Second,
		Topics: map[string]kafka.Limits{wire.TopicFeatures: {Records: 1, Bytes: 4 << 20, Age: time.Hour, IdleAge: time.Hour}}},
		cfg, sinkFunc(func(c stream.Cut) error { stored <- c.Records[0].Value; return nil }), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- group.Run(running) }()
	select {
	case got := <-stored:
		if !bytes.Equal(got, value) {
			t.Error("the sink gets other bytes")
		}
	case err := <-ended:
		t.Fatalf("group: %v", err)
	}
	stop()
	<-ended
}
