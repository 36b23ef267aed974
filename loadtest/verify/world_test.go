package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/loadtest/verify"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

const cell = "main"

// recorded is when the samples were taken: the beginning of a quarter of an hour.
var recorded = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a small one with everything real in it: the embedded log, the operator
// and both sinks, driven by hand.
type world struct {
	t        testing.TB
	broker   *kafka.Broker
	cl       *kgo.Client
	logs     map[string]stream.LogID
	began    time.Time // append time of the first record
	clock    time.Time // of the next one
	objects  string
	folder   stream.Sink
	conn     driver.Conn
	tables   stream.Sink
	migrate  func()
	changed  bool                    // tables, by hand,
	viewless bool                    // views among them
	stored   map[string]int64        // next offset by topic and partition
	written  map[string][]stream.Cut // by topic
	cut      int                     // records in a cut
	sets     []*features.Set         // that are computed

	verify.Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dsn := enginetest.DSN(t)
	quiet := slog.New(slog.DiscardHandler)
	broker, err := kafka.StartBroker(kafka.BrokerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, quiet)
	must(t, err)
	t.Cleanup(broker.Close)
	options := kafka.Config{Brokers: broker.Addrs(), Log: quiet}.Options()
	cl, err := kgo.NewClient(append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	must(t, err)
	t.Cleanup(cl.Close)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	w := &world{t: t, broker: broker, cl: cl, began: began, clock: began, objects: t.TempDir(), stored: map[string]int64{}, written: map[string][]stream.Cut{}, cut: 7, sets: []*features.Set{features.Core}}
	store, err := object.Open(w.objects)
	must(t, err)
	w.folder = object.New(store, cell, "test")
	at := clickhouse.Config{DSN: dsn}
	schema := clickhouse.Schema{Windows: wire.WindowSchema(features.Columns(features.Core, features.Ref)), Views: views(), Pairs: wire.PairSchema([]string{"lag_ms"})}
	w.migrate = func() { must(t, clickhouse.Migrate(t.Context(), at, cell, schema)) }
	w.migrate()
	w.conn, err = clickhouse.Open(at, cell)
	must(t, err)
	t.Cleanup(func() { w.conn.Close() })
	w.tables = clickhouse.New(w.conn, cell, schema, prometheus.NewRegistry())
	w.topics()
	w.Config = verify.Config{
		Cell: cell, Kafka: options, Objects: w.objects, ClickHouse: w.conn, Patience: time.Second,
		Due: verify.Due{Landing: 5 * time.Second, Idle: 5 * time.Second, Tables: 5 * time.Second},
	}
	return w
}

func views() map[time.Duration][]string {
	all := map[time.Duration][]string{}
	for _, length := range features.Lengths {
		all[length] = append(features.Core.ColumnsAt(length), features.Ref.ColumnsAt(length)...)
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// topics makes what topics are missing.
func (w *world) topics() {
	w.t.Helper()
	logs, err := kafka.Ensure(w.t.Context(), w.cl, cell, wire.Topics(1), 1)
	must(w.t, err)
	w.logs = logs
}

// put appends records to partition 0 of a topic, one a second.
func (w *world) put(topic string, records ...*kgo.Record) {
	w.t.Helper()
	for _, r := range records {
		r.Topic, r.Timestamp = wire.TopicName(cell, topic), w.clock
		w.clock = w.clock.Add(time.Second)
	}
	must(w.t, w.cl.ProduceSync(w.t.Context(), records...).FirstErr())
}

func headersOf(pairs ...string) (all []kgo.RecordHeader) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, kgo.RecordHeader{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return all
}

// samples is the record of a batch as the gateway makes it.
func (w *world) samples(sensor string, payload []byte, more ...string) *kgo.Record {
	thing, _, _ := strings.Cut(sensor, "/")
	h := append([]string{wire.HeaderKind, wire.KindSamples, wire.HeaderThing, thing, wire.HeaderVia, "mqtt",
		wire.HeaderReceived, strconv.FormatInt(w.clock.UnixMicro(), 10)}, more...)
	return &kgo.Record{Key: []byte(sensor), Value: payload, Headers: headersOf(h...)}
}

func (w *world) end(sensor string, boot, last int) *kgo.Record {
	return &kgo.Record{Key: []byte(sensor), Headers: headersOf(wire.HeaderKind, wire.KindStatus, wire.HeaderThing, sensor),
		Value: fmt.Appendf(nil, `{"kind":"end","boot":%d,"last_seq":%d}`, boot, last)}
}

// refused is a record of quarantine as the gateway makes it.
func (w *world) refused(reason string) *kgo.Record {
	return &kgo.Record{Key: []byte("w1"), Value: []byte("head of it"), Headers: headersOf(wire.HeaderReason, reason, wire.HeaderThing, "w1",
		wire.HeaderReceived, strconv.FormatInt(w.clock.UnixMicro(), 10), wire.HeaderSize, "300000", wire.HeaderSHA256, strings.Repeat("ab", 32))}
}

func (w *world) tick() *kgo.Record {
	return &kgo.Record{Headers: headersOf(wire.HeaderKind, wire.KindTick), Value: fmt.Appendf(nil, `{"utc_us":%d}`, w.clock.UnixMicro())}
}

// batchOf is ten seconds at 32 Hz.
func batchOf(sensor string, boot, seq int, at time.Time) *wire.SampleBatch {
	b := &wire.SampleBatch{Sensor: sensor, Boot: uint64(boot), Seq: uint64(seq), T0us: at.UnixMicro(), RateMHz: 32_000,
		Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: 320, TempT0us: at.UnixMicro(), TempRateMHz: 4_000}
	for i := range int(b.N) {
		b.XYZ = append(b.XYZ, byte(i*7+seq), 0, byte(seq), 0, 64, 0)
	}
	for i := range 40 {
		b.TempMdegC = append(b.TempMdegC, int32(30_000+i))
	}
	return b
}

func payload(sensor string, boot, seq int, at time.Time) []byte {
	return batchOf(sensor, boot, seq, at).Append(nil)
}

// read answers what a topic's partition holds, committed.
func (w *world) read(topic string, partition int32) []stream.Record {
	w.t.Helper()
	adm, name := kadm.NewClient(w.cl), wire.TopicName(cell, topic)
	starts, err := adm.ListStartOffsets(w.t.Context(), name)
	must(w.t, err)
	ends, err := adm.ListEndOffsets(w.t.Context(), name)
	must(w.t, err)
	start, _ := starts.Lookup(name, partition)
	end, _ := ends.Lookup(name, partition)
	if start.Offset == end.Offset {
		return nil
	}
	cl, err := kgo.NewClient(append(slices.Clone(w.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {partition: kgo.NewOffset().At(start.Offset)}}))...)
	must(w.t, err)
	defer cl.Close()
	var all []stream.Record
	for next := start.Offset; next < end.Offset; {
		fetches := cl.PollFetches(w.t.Context())
		must(w.t, fetches.Err())
		for r := range fetches.RecordsAll() {
			if next = r.Offset + 1; r.Attrs.IsControl() {
				continue
			}
			rec := stream.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, AppendTime: r.Timestamp, Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				rec.Headers = append(rec.Headers, stream.Header{Key: h.Key, Value: h.Value})
			}
			all = append(all, rec)
		}
	}
	return all
}

// cuts are those of a topic from an offset on.
func (w *world) cuts(topic string) (all []stream.Cut) {
	partitions := int32(1)
	if topic == wire.TopicFeatures {
		partitions = wire.FeaturesPartitions
	}
	for p := range partitions {
		at := fmt.Sprint(topic, p)
		next := w.stored[at]
		records := slices.DeleteFunc(w.read(topic, p), func(r stream.Record) bool { return r.Offset < next })
		for part := range slices.Chunk(records, w.cut) {
			last := part[len(part)-1].Offset + 1
			all = append(all, stream.Cut{
				Range:   stream.Range{Log: w.logs[topic], Topic: wire.TopicName(cell, topic), Partition: p, First: next, Next: last},
				Records: part,
			})
			next = last
		}
		w.stored[at] = next
	}
	w.written[topic] = append(w.written[topic], all...)
	return all
}

// sink stores what is new in the logs.
func (w *world) sink() {
	w.t.Helper()
	for _, topic := range []string{wire.TopicDevice, wire.TopicQuarantine, wire.TopicFeatures, wire.TopicParticipants} {
		for _, cut := range w.cuts(topic) {
			w.write(w.folder, cut)
			w.write(w.tables, cut)
		}
	}
}

func (w *world) write(to stream.Sink, cut stream.Cut) {
	w.t.Helper()
	must(w.t, to.Write(w.t.Context(), cut))
}

// verify runs the checker an hour after the world began, unless said otherwise.
func (w *world) verify(change ...func(*verify.Config)) *verify.Report {
	w.t.Helper()
	cfg := w.Config
	cfg.Now = w.began.Add(time.Hour)
	for _, c := range change {
		c(&cfg)
	}
	r, err := verify.Run(w.t.Context(), cfg)
	must(w.t, err)
	return r
}

// wants compares a verdict: how many are lost, duplicated and unexplained, and a
// word that a finding has.
func (w *world) wants(r *verify.Report, lost, doubled, unexplained int, word string) {
	w.t.Helper()
	if r.Lost != lost || r.Duplicated != doubled || r.Unexplained != unexplained {
		w.t.Errorf("lost %d, duplicated %d, unexplained %d; want %d, %d, %d\n%s", r.Lost, r.Duplicated, r.Unexplained, lost, doubled, unexplained, strings.Join(r.Findings, "\n"))
	}
	if word != "" && !slices.ContainsFunc(r.Findings, func(f string) bool { return strings.Contains(f, word) }) {
		w.t.Errorf("no finding says %q:\n%s", word, strings.Join(r.Findings, "\n"))
	}
	if got := r.Clean(); got != (lost+doubled+unexplained == 0) {
		w.t.Errorf("Clean is %v", got)
	}
}

func (w *world) explains(r *verify.Report, want map[string]int) {
	w.t.Helper()
	if !maps.Equal(r.Explained, want) {
		w.t.Errorf("explained %v, want %v", r.Explained, want)
	}
}

// exec changes the database.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	w.changed = true
	w.viewless = w.viewless || strings.Contains(sql, " VIEW ")
	must(w.t, w.conn.Exec(context.Background(), fmt.Sprintf(sql, args...)))
}

// object is the path of a landing object.
func (w *world) object(topic string, first int64) string {
	return filepath.Join(w.objects, cell, "landing", "v1", "topic="+topic, "log="+string(w.logs[topic]), "partition=0", fmt.Sprintf("%020d.parquet", first))
}

// featureObjects are all of them.
func (w *world) featureObjects() []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.objects, cell, "features", "v1", "*", "*", "*", "*.parquet"))
	must(w.t, err)
	if len(paths) == 0 {
		w.t.Fatal("there are no feature objects")
	}
	return paths
}

// acked writes a list of acknowledged batches.
func (w *world) acked(lines ...string) func(*verify.Config) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "acked.jsonl")
	must(w.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	return func(c *verify.Config) { c.Acked = path }
}

func ackOf(sensor string, boot, seq int, payload []byte) string {
	sum := sha256.Sum256(payload)
	return fmt.Sprintf(`{"sensor":%q,"boot":%d,"seq":%d,"sha256":%q}`, sensor, boot, seq, hex.EncodeToString(sum[:]))
}
