package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/kafka/kafkatest"
	"github.com/wearstream/wearstream/stream/wire"
)

const testPartitions = 4

// rig is a log with the topics of a test and what the test needs to ask of it.
type rig struct {
	t       *testing.T
	cell    string
	kafka   kafka.Config
	real    bool          // Apache Kafka
	session time.Duration // the shortest that the broker grants
	cl      *kgo.Client
	adm     *kadm.Client
	reader  *kafka.HistoryReader
}

// onBoth runs a test on the embedded log and, in a cell of its own, on Apache
// Kafka. These stay on the embedded one:
//
//	TestKill                       kills its broker; TestKillProcessors is for Apache Kafka
//	TestRebuild*                   are about what only the embedded log leaves behind
//	TestCrashAtEveryStep           takes minutes there; TestKillProcessors crashes at any step
func onBoth(t *testing.T, f func(*testing.T, *rig)) {
	t.Run("embedded", func(t *testing.T) { f(t, newRig(t)) })
	t.Run("kafka", func(t *testing.T) { f(t, apacheRig(t)) })
}

func apacheRig(t *testing.T) *rig {
	t.Helper()
	brokers := kafkatest.Brokers(t)
	r := connect(t, brokers, kafkatest.Name(t))
	r.real, r.session = true, 6*time.Second
	r.topics()
	return r
}

func newRig(t *testing.T) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "1000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	r := connect(t, cluster.ListenAddrs(), testCell)
	r.topics()
	return r
}

func connect(t *testing.T, brokers []string, cell string) *rig {
	t.Helper()
	r := &rig{t: t, cell: cell, kafka: kafka.Config{Brokers: brokers}, session: 2 * time.Second}
	var err error
	r.cl, err = kgo.NewClient(append(r.kafka.Options(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.cl.Close)
	r.adm = kadm.NewClient(r.cl)
	if r.reader, err = kafka.NewHistoryReader(r.kafka); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.reader.Close)
	return r
}

func (r *rig) topics() {
	r.t.Helper()
	replicas := int16(1)
	if r.real {
		replicas = 3
	}
	_, err := kafka.Ensure(r.t.Context(), r.cl, r.cell, []wire.Topic{
		{Name: testIn, Partitions: testPartitions, Retention: time.Hour, MaxBytes: 2 << 20},
		{Name: testOut, Partitions: 3, Retention: time.Hour, MaxBytes: 2 << 20},
		{Name: testState, Partitions: testPartitions, Compact: true, MaxBytes: 2 << 20},
	}, replicas)
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) topic(short string) string { return wire.TopicName(r.cell, short) }

// produce writes n records of some keys to the input.
func (r *rig) produce(n int) {
	r.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		key := fmt.Sprintf("k%d", rand.IntN(60))
		records[i] = &kgo.Record{
			Topic: r.topic(testIn), Partition: wire.PartitionOf(key, testPartitions),
			Key: []byte(key), Value: fmt.Appendf(nil, "value %d", i),
		}
	}
	if err := r.cl.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) deps(instance string) Deps {
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(r.t.Output(), nil)).With("instance", instance)
	}
	return Deps{
		Kafka: r.kafka, Cell: r.cell, Group: "chain", Instance: instance, Input: testIn, Changelog: testState,
		New: newChain(r.cell), Log: log, Registry: prometheus.NewRegistry(),
	}
}

func (r *rig) config() Config {
	return testConfig(r.session)
}

func testConfig(session time.Duration) Config {
	return Config{CommitInterval: 20 * time.Millisecond, Slots: 1, SessionTimeout: session, MaxRecords: 500, MaxBytes: 8 << 20}
}

// start runs a processor until stop, which answers what Run did.
func (r *rig) start(p *Processor) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	r.t.Cleanup(func() { stop() })
	return stop
}

// eventually polls: the broker's and the clients' goroutines are real here.
func (r *rig) eventually(what string, within time.Duration, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// committed answers the group's offset of each partition.
func (r *rig) committed() map[int32]int64 {
	is := map[int32]int64{}
	offsets, err := r.adm.FetchOffsets(context.Background(), r.cell+"-chain")
	if err != nil {
		return is
	}
	offsets.Each(func(o kadm.OffsetResponse) { is[o.Partition] = o.At })
	return is
}

// drained reports whether no readable record of the input is left to commit.
func (r *rig) drained() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	committed := r.committed()
	for p := range int32(testPartitions) {
		h := r.reader.Partition(r.topic(testIn), p)
		first, end, err := h.Bounds(ctx)
		if at, ok := committed[p]; ok {
			first = max(first, at)
		}
		if err == nil {
			err = h.Range(ctx, first, end, func(stream.Record) error { return errors.New("one is left") })
		}
		if err != nil {
			return false
		}
	}
	return true
}

func (r *rig) read(topic string, partition int32) []stream.Record {
	r.t.Helper()
	h := r.reader.Partition(r.topic(topic), partition)
	first, end, err := h.Bounds(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var records []stream.Record
	err = h.Range(r.t.Context(), first, end, func(rec stream.Record) error { records = append(records, rec); return nil })
	if err != nil {
		r.t.Fatal(err)
	}
	return records
}

// verify compares output and changelog with a model that goes once through the
// input. It answers how many answers came again, with the same bytes.
func (r *rig) verify(repeats bool) (repeated int) {
	r.t.Helper()
	want := map[string][]byte{} // by source
	states := make([]map[string][]byte, testPartitions)
	for p := range int32(testPartitions) {
		states[p] = map[string][]byte{}
		for _, rec := range r.read(testIn, p) {
			now := link(states[p][string(rec.Key)], rec)
			want[fmt.Sprintf("%d/%d", rec.Partition, rec.Offset)] = answer(rec, now)
			states[p][string(rec.Key)] = now
			if ended(now) {
				delete(states[p], string(rec.Key))
			}
		}
	}
	seen := map[string]bool{}
	for p := range int32(3) {
		for _, rec := range r.read(testOut, p) {
			source := string(rec.Header("source"))
			if !bytes.Equal(want[source], rec.Value) {
				r.t.Fatalf("answer to %s: got %q, want %q", source, rec.Value, want[source])
			}
			if seen[source] {
				repeated++
			}
			seen[source] = true
			if at := wire.PartitionOf(string(rec.Key), 3); at != p {
				r.t.Fatalf("key %s is in partition %d, want %d", rec.Key, p, at)
			}
		}
	}
	if len(seen) != len(want) {
		r.t.Errorf("%d of %d records are answered", len(seen), len(want))
	}
	if repeated > 0 && !repeats {
		r.t.Errorf("%d answers came twice", repeated)
	}
	committed := r.committed()
	for p := range int32(testPartitions) {
		r.verifyState(p, states[p], committed[p])
	}
	return repeated
}

func (r *rig) verifyState(p int32, want map[string][]byte, committed int64) {
	r.t.Helper()
	is, err := r.reader.Changelog(r.t.Context(), r.topic(testState), p)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(is.State) != len(want) {
		r.t.Errorf("partition %d: the changelog has %d keys, want %d", p, len(is.State), len(want))
	}
	for key, value := range want {
		if !slices.Equal(is.State[key], value) {
			r.t.Errorf("partition %d, key %s: the changelog has %x, want %x", p, key, is.State[key], value)
		}
	}
	ckpt, err := kafka.DecodeChangelogCheckpoint(is.Checkpoint)
	if err != nil || ckpt.Next != committed {
		r.t.Errorf("partition %d: checkpoint %+v (%v), committed %d", p, ckpt, err, committed)
	}
}

func count(c prometheus.Metric) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		return -1
	}
	return m.GetCounter().GetValue()
}
