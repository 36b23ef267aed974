package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/gateway/internal/testca"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	cell       = "test"
	partitions = 3
	patience   = 30 * time.Second // for what must come
)

// cluster is a log with the topics of a cell.
func cluster(t testing.TB) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, topic := range wire.Topics(partitions) {
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), topic.Partitions, 1, nil, wire.TopicName(cell, topic.Name)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// rig is a gateway that runs against a log.
type rig struct {
	t      testing.TB
	g      *Gateway
	ca     *testca.CA
	log    *kfake.Cluster
	client *kgo.Client
	reg    *prometheus.Registry
	addr   string
	kill   func() // as a crash: no grace, and the client is gone
}

func start(t testing.TB, log *kfake.Cluster, ca *testca.CA, change func(*Config)) *rig {
	t.Helper()
	cfg := Config{Listen: "127.0.0.1:0", Tick: time.Second, Window: 64, Budget: 64 << 20, Grace: 5 * time.Second}
	cfg.TLSCert, cfg.TLSKey, cfg.ClientCA = ca.Files()
	if change != nil {
		change(&cfg)
	}
	client, err := kgo.NewClient(append(ingest.ProducerOptions(), kgo.SeedBrokers(log.ListenAddrs()...), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ca: ca, log: log, client: client, reg: prometheus.NewRegistry()}
	r.g, err = New(cfg, Deps{Cell: cell, Client: client, Log: slog.New(slog.DiscardHandler), Registerer: r.reg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.g.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	r.kill = sync.OnceFunc(func() {
		stop()
		wg.Wait()
		client.Close()
	})
	t.Cleanup(r.kill)
	if r.addr, err = r.g.Addr(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.eventually("ready", func() bool { return r.g.Ready() == nil })
	return r
}

// eventually polls: the log and the sockets are real.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not %s within %s", what, patience)
		}
	}
}

// metric is the value of a counter, gauge or a histogram's count, with the label
// value if there is one.
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
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	r.t.Fatalf("no metric %s{%s}", name, label)
	return 0
}

// records reads a topic until n records other than ticks are there, and fails on
// more.
func (r *rig) records(topic string, n int) []*kgo.Record {
	r.t.Helper()
	got := r.readAll(topic)
	for end := time.Now().Add(patience); len(got) < n && time.Now().Before(end); got = r.readAll(topic) {
	}
	if len(got) != n {
		r.t.Fatalf("%s holds %d records, want %d", topic, len(got), n)
	}
	return got
}

// readAll reads a topic up to its present end, without ticks.
func (r *rig) readAll(topic string) []*kgo.Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := wire.TopicName(cell, topic)
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.log.ListenAddrs()...), kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, name)
	if err != nil {
		r.t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	var got []*kgo.Record
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			r.t.Fatal(err)
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

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// device is a raw MQTT client over TLS.
type device struct {
	t  testing.TB
	nc net.Conn
}

// dial does the TLS handshake only.
func (r *rig) dial(cfg *tls.Config) (*device, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: cfg}
	nc, err := d.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(patience))
	r.t.Cleanup(func() { nc.Close() })
	return &device{r.t, nc}, nil
}

func (r *rig) connect(thing string) *device {
	r.t.Helper()
	d, err := r.dial(r.ca.Client(thing))
	if err != nil {
		r.t.Fatal(err)
	}
	if code := d.hello(nil); code != packets.Accepted {
		r.t.Fatalf("CONNECT refused with %d", code)
	}
	return d
}

// hello sends CONNECT and returns the code of its answer.
func (d *device) hello(change func(*packets.ConnectPacket)) byte {
	d.t.Helper()
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession = "MQTT", 4, true
	if change != nil {
		change(p)
	}
	d.send(p)
	answer, err := packets.ReadPacket(d.nc)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer.(*packets.ConnackPacket).ReturnCode
}

func (d *device) send(p packets.ControlPacket) {
	d.t.Helper()
	var b bytes.Buffer
	p.Write(&b)
	d.nc.Write(b.Bytes()) // an error shows in the answer
}

func (d *device) publish(topic string, id uint16, payload []byte) {
	d.t.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.MessageID, p.Payload, p.Qos = topic, id, payload, min(byte(id), 1)
	if id > 255 {
		p.Qos = 1
	}
	d.send(p)
}

// wantAck expects the PUBACK of id next.
func (d *device) wantAck(id uint16) {
	d.t.Helper()
	p, err := packets.ReadPacket(d.nc)
	if err != nil {
		d.t.Fatalf("want PUBACK of %d: %v", id, err)
	}
	if ack, ok := p.(*packets.PubackPacket); !ok || ack.MessageID != id {
		d.t.Fatalf("want PUBACK of %d, got %v", id, p)
	}
}

// wantClosed expects the end of the connection and nothing before it.
func (d *device) wantClosed() {
	d.t.Helper()
	if p, err := packets.ReadPacket(d.nc); err == nil {
		d.t.Fatalf("want the connection closed, got %v", p)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		d.t.Fatal("want the connection closed, it is open")
	}
}

// wantSilence expects that nothing has been sent for a moment.
func (d *device) wantSilence(wait time.Duration) {
	d.t.Helper()
	d.nc.SetReadDeadline(time.Now().Add(wait))
	n, err := io.ReadFull(d.nc, make([]byte, 1))
	if ne, ok := err.(net.Error); n != 0 || !ok || !ne.Timeout() {
		d.t.Fatalf("want silence, got %d bytes, %v", n, err)
	}
	d.nc.SetReadDeadline(time.Now().Add(patience))
}

// batch is a payload that can be read.
func batch(change func(*wire.SampleBatch)) []byte {
	b := wire.SampleBatch{
		Boot: 1, Seq: 7, T0us: time.Now().UnixMicro(), RateMHz: 50_000, Encoding: wire.Int16Counts,
		LSBPerG: 4096, N: 50, XYZ: make([]byte, 300),
	}
	if change != nil {
		change(&b)
	}
	return b.Append(nil)
}
