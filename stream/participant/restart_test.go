package participant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/processor"
	"github.com/wearstream/wearstream/stream/wire"
)

// TestRestarts: on a log, through the processor's loop, stopped and started again while
// rows come, every row is there once and is the one of a run in memory.
func TestRestarts(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	plain := newBench(t)
	for _, w := range shuffle(r, life(r, left, 6, true), life(r, right, 6, true)) {
		plain.speak(w)
	}
	plain.tick(0, origin)
	plain.tick(1, origin)
	want := plain.take()

	quiet := slog.New(slog.DiscardHandler)
	broker, err := kafka.StartBroker(kafka.BrokerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	log := kafka.Config{Brokers: broker.Addrs()}
	cl, err := kgo.NewClient(append(log.Options(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kafka.Ensure(t.Context(), cl, "main", wire.Topics(testSources), 1); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context) error {
		p := processor.New(processor.Config{CommitInterval: 20 * time.Millisecond, Slots: 1, SessionTimeout: 6 * time.Second, MaxRecords: 40, MaxBytes: 2 << 20}, processor.Deps{
			Kafka: log, Cell: "main", Group: "adhere", Instance: "a", Input: wire.TopicFeatures, Changelog: wire.TopicStateParticipant, Embedded: true,
			New: New(Config{Cell: "main", Sources: testSources, Memory: testMemory}, prometheus.NewRegistry()), Log: quiet, Registry: prometheus.NewRegistry(),
		})
		return p.Run(ctx)
	}
	const runs = 3
	for i := range runs {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		for _, rec := range plain.Records[i*len(plain.Records)/runs : (i+1)*len(plain.Records)/runs] {
			out := &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Value: rec.Value}
			for _, h := range rec.Headers {
				out.Headers = append(out.Headers, kgo.RecordHeader(h))
			}
			if err := cl.ProduceSync(t.Context(), out).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if i == runs-1 {
			got := collect(t, log, len(want))
			if !slices.EqualFunc(got, want, func(a, b row) bool { return a == b }) {
				t.Errorf("%d rows are not the %d that they are", len(got), len(want))
			}
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows of %d records", len(want), len(plain.Records))
}

// collect reads the rows of the participants topic once there are so many.
func collect(t *testing.T, log kafka.Config, n int) []row {
	reader, err := kafka.NewHistoryReader(log)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	at := reader.Partition(wire.TopicName("main", wire.TopicParticipants), wire.PartitionOf("S1", wire.ParticipantsPartitions))
	read := &bench{Log: logtest.Log{T: t}}
	ticked := false
	for end, from := time.Now().Add(30*time.Second), int64(0); len(read.rows) < n || !ticked; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d rows, ticked %t", len(read.rows), n, ticked)
		}
		_, next, err := at.Bounds(t.Context())
		if err == nil {
			err = at.Range(t.Context(), from, next, func(r stream.Record) error {
				if string(r.Header(wire.HeaderKind)) == wire.KindTick {
					ticked = true
					return nil
				}
				if string(r.Header(wire.HeaderSchema)) != wire.RowsPairs {
					return fmt.Errorf("a record %v", r.Headers)
				}
				read.decode(r.Partition, r.Value)
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		from = next
	}
	return read.rows
}
