package bridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	cell       = "test"
	partitions = 3
	patience   = 60 * time.Second // for what must come
)

// eventually polls: the brokers are real.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s within %s", what, patience)
		}
	}
}

// cluster is a log with the topics of a cell, in this process.
func cluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	makeTopics(t, c.ListenAddrs())
	return c
}

func makeTopics(t *testing.T, brokers []string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kafka.Ensure(t.Context(), cl, cell, wire.Topics(partitions), 1); err != nil {
		t.Fatal(err)
	}
}

// config is a member with a session of its own, which is forgotten at the test's end.
func config(t *testing.T, group string) Config {
	t.Helper()
	mosquitto.need(t)
	cfg := Config{
		Broker: "mqtts://" + mosquitto.addr, ClientID: "bridge-" + rand.Text(), Group: group,
		Dropped: "$SYS/broker/publish/messages/dropped", Tick: time.Second, Budget: 64 << 20, Grace: 5 * time.Second,
	}
	cfg.TLSCA, cfg.TLSCert, cfg.TLSKey = mosquitto.certificates(t, "bridge")
	t.Cleanup(func() { connect(t, cfg, cfg.ClientID).Disconnect(250) })
	return cfg
}

// connect is an ordinary client with a clean session and a member's certificate.
func connect(t *testing.T, cfg Config, id string) paho.Client {
	t.Helper()
	addr, tlsConfig, err := cfg.address()
	if err != nil {
		t.Fatal(err)
	}
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + addr).SetClientID(id).SetTLSConfig(tlsConfig).SetAutoReconnect(false))
	if tok := c.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal("connect to mosquitto: ", tok.Error())
	}
	return c
}

// rig is a bridge that runs in this process.
type rig struct {
	t    *testing.T
	b    *Bridge
	reg  *prometheus.Registry
	stop func()
}

// start runs a bridge and waits until it takes messages.
func start(t *testing.T, brokers []string, cfg Config) *rig {
	t.Helper()
	r := run(t, brokers, cfg)
	eventually(t, "ready", func() bool { return r.b.Ready() == nil })
	return r
}

func run(t *testing.T, brokers []string, cfg Config) *rig {
	t.Helper()
	client, err := kgo.NewClient(append(ingest.ProducerOptions(), kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, reg: prometheus.NewRegistry()}
	if r.b, err = New(cfg, Deps{Cell: cell, Client: client, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Registerer: r.reg}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		client.Close()
	})
	t.Cleanup(r.stop)
	return r
}

// metric is the value of a counter or gauge, with the label value if there is one.
func (r *rig) metric(name, label string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "wearstream_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == label }) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	r.t.Fatalf("no metric %s{%s}", name, label)
	return 0
}

// counted is how many messages were quarantined, or flagged, for a reason.
func (r *rig) counted(reason string) float64 {
	if reason == wire.ReasonTime {
		return r.metric("gateway_impossible_times_total", "")
	}
	return r.metric("quarantine_records_total", reason)
}

// readAll reads a topic up to its present end, without ticks.
func readAll(t *testing.T, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := wire.TopicName(cell, topic)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	var got []*kgo.Record
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if end, _ := ends.Lookup(name, rec.Partition); rec.Offset >= end.Offset {
				return
			}
			left--
			if header(rec, wire.HeaderKind) != wire.KindTick {
				got = append(got, rec)
			}
		})
	}
	return got
}

// logged is the number of records in the device topic, ticks included.
func logged(t *testing.T, brokers []string) (n int64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), wire.TopicName(cell, wire.TopicDevice))
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// name is what a batch is called for ever.
type name struct {
	sensor    string
	boot, seq uint64
}

// tally is what the log holds of a boot.
type tally struct {
	times    map[name]int // how often a batch is there
	disorder int          // batches whose first copy is behind a later batch of their sensor
}

func (l tally) repeats() (n int) {
	for _, times := range l.times {
		n += times - 1
	}
	return n
}

// batches reads the batches of a boot in the log; the boot is the test's.
func batches(t *testing.T, brokers []string, boot uint64) tally {
	t.Helper()
	l, last := tally{times: map[name]int{}}, map[string]uint64{}
	for _, rec := range readAll(t, brokers, wire.TopicDevice) {
		b, err := wire.Decode(rec.Value)
		if err != nil {
			t.Fatalf("record at %d/%d: %v", rec.Partition, rec.Offset, err)
		}
		if b.Boot != boot {
			continue
		}
		sensor := string(rec.Key)
		if l.times[name{sensor, boot, b.Seq}]++; l.times[name{sensor, boot, b.Seq}] > 1 {
			continue
		}
		if b.Seq < last[sensor] {
			l.disorder++
		}
		last[sensor] = max(last[sensor], b.Seq)
	}
	return l
}

// fleet is devices that publish QoS 1 through Mosquitto until they are stopped.
type fleet struct {
	boot uint64
	stop func() // and wait for what is under way

	mu    sync.Mutex
	acked map[name]bool
}

func (f *fleet) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked)
}

// publish starts n devices with a few batches in flight each.
func publish(t *testing.T, n int) *fleet { return publishEvery(t, n, 4*time.Millisecond) }

func publishEvery(t *testing.T, n int, interval time.Duration) *fleet {
	t.Helper()
	f := &fleet{boot: uint64(time.Now().UnixNano()), acked: map[name]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	f.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(f.stop)
	for i := range n {
		thing := fmt.Sprintf("bridge-test-%d", i)
		c := device(t, thing)
		wg.Go(func() {
			defer c.Disconnect(250)
			window := make(chan struct{}, 8)
			pace := time.NewTicker(interval)
			defer pace.Stop()
			var acks sync.WaitGroup
			defer acks.Wait()
			for seq := uint64(0); ctx.Err() == nil; seq++ {
				<-pace.C
				window <- struct{}{}
				token := c.Publish("dt/wear/v1/"+thing+"/samples", 1, false, batch(f.boot, seq))
				acks.Go(func() {
					defer func() { <-window }()
					if token.WaitTimeout(patience) && token.Error() == nil {
						f.mu.Lock()
						defer f.mu.Unlock()
						f.acked[name{thing, f.boot, seq}] = true
					}
				})
			}
		})
	}
	return f
}

// device is a connected client with the certificate of a thing.
func device(t *testing.T, thing string) paho.Client {
	t.Helper()
	cfg := Config{Broker: "mqtts://" + mosquitto.addr}
	cfg.TLSCA, cfg.TLSCert, cfg.TLSKey = mosquitto.certificates(t, thing)
	return connect(t, cfg, thing+"-"+rand.Text())
}

// send publishes and waits for the broker's acknowledgement.
func send(t *testing.T, c paho.Client, topic string, qos byte, payload []byte) {
	t.Helper()
	if tok := c.Publish(topic, qos, false, payload); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatalf("publish on %s: %v", topic, tok.Error())
	}
}

// batch is a payload that can be read.
func batch(boot, seq uint64) []byte {
	b := wire.SampleBatch{
		Boot: boot, Seq: seq, T0us: time.Now().UnixMicro(), RateMHz: 50_000, Encoding: wire.Int16Counts,
		LSBPerG: 4096, N: 50, XYZ: make([]byte, 300),
	}
	return b.Append(nil)
}

// wantAll waits until every acknowledged batch is in the log.
func (f *fleet) wantAll(t *testing.T, brokers []string) (there tally) {
	t.Helper()
	var lost []string
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		there, lost = batches(t, brokers, f.boot), nil
		for n := range f.acked {
			if there.times[n] == 0 {
				lost = append(lost, fmt.Sprint(n))
			}
		}
		if len(lost) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(lost) > 0 {
		t.Fatalf("%d of %d acknowledged batches are lost: %s", len(lost), len(f.acked), strings.Join(lost[:min(10, len(lost))], " "))
	}
	return there
}
