package bridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/gateway/internal/testca"
	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// What devices publish, readable or not, is in the log as the gateway would write
// it, says that it came by a broker, and is acknowledged: it does not come again.
func TestRecords(t *testing.T) {
	cfg := config(t, "records")
	brokers := cluster(t).ListenAddrs()
	r := start(t, brokers, cfg)
	thing, odd := "bridge-test-0", "bridge-test@0"
	d, stranger := device(t, thing), device(t, odd)
	defer d.Disconnect(250)
	defer stranger.Disconnect(250)
	left := wire.SampleBatch{Sensor: thing + "/left", Boot: 1, T0us: time.Now().UnixMicro(), RateMHz: 50_000, Encoding: wire.Int16Counts, LSBPerG: 4096, N: 1, XYZ: make([]byte, 6)}
	late := wire.SampleBatch{Boot: 1, Seq: 1, T0us: 1, RateMHz: 50_000, Encoding: wire.Int16Counts, LSBPerG: 4096, N: 1, XYZ: make([]byte, 6)}
	foreign := wire.SampleBatch{Sensor: "T2", Boot: 1, T0us: 1, RateMHz: 50_000, Encoding: wire.Int16Counts, LSBPerG: 4096, N: 1, XYZ: make([]byte, 6)}
	long := bytes.Repeat([]byte("0123456789abcdef"), (wire.MaxPayload+16)/16)
	accepted, refused := 0, 0
	for _, c := range []struct {
		thing, topic string
		payload      []byte
		qos          byte
		kind, key    string // of a record
		reason       string // of a refusal, or of a flag
	}{
		{thing, "samples", batch(1, 0), 1, wire.KindSamples, thing, ""},
		{thing, "samples", left.Append(nil), 1, wire.KindSamples, thing + "/left", ""},
		{thing, "samples", late.Append(nil), 1, wire.KindSamples, thing, wire.ReasonTime},
		{thing, "status", []byte(`{"kind":"battery","battery_pct":80,"new":1}`), 1, wire.KindStatus, thing, ""},
		{thing, "event", []byte(`{"kind":"button"}`), 0, wire.KindEvent, thing, ""},
		{thing, "event", []byte(`{"kind":"dose"}`), 2, wire.KindEvent, thing, ""},
		{thing, "samples", []byte("\xff\xff hello"), 1, "", "", wire.ReasonParse},
		{thing, "samples", foreign.Append(nil), 1, "", "", wire.ReasonSensor},
		{thing, "samples", long, 1, "", "", wire.ReasonOversize},
		{thing, "status", []byte("{}"), 1, "", "", wire.ReasonParse},
		{odd, "samples", batch(1, 0), 1, "", "", wire.ReasonPolicy}, // the broker's word, but no thing's name
	} {
		client, topic := d, "dt/wear/v1/"+c.thing+"/"+c.topic
		if c.thing == odd {
			client = stranger
		}
		counted := 0.0
		if c.reason != "" {
			counted = r.counted(c.reason) + 1
		}
		send(t, client, topic, c.qos, c.payload)
		want := map[string]string{wire.HeaderThing: c.thing}
		var rec *kgo.Record
		if c.kind != "" {
			accepted++
			rec = last(t, brokers, wire.TopicDevice, accepted, c.payload)
			want[wire.HeaderKind], want[wire.HeaderVia] = c.kind, "bridge"
			if c.reason == wire.ReasonTime {
				want[wire.HeaderFlags] = "64"
			}
			if string(rec.Key) != c.key || rec.Partition != wire.PartitionOf(c.key, partitions) {
				t.Errorf("%s: key %q in partition %d", topic, rec.Key, rec.Partition)
			}
		} else {
			refused++
			keep, sum := c.payload, sha256.Sum256(c.payload)
			if c.reason == wire.ReasonOversize {
				keep = keep[:4096]
			}
			rec = last(t, brokers, wire.TopicQuarantine, refused, keep)
			want[wire.HeaderReason], want[wire.HeaderTopic] = c.reason, topic
			want[wire.HeaderSize], want[wire.HeaderSHA256] = strconv.Itoa(len(c.payload)), hex.EncodeToString(sum[:])
			if c.reason == wire.ReasonPolicy {
				want[wire.HeaderThing] = ""
			}
		}
		for key, value := range want {
			if got := header(rec, key); got != value {
				t.Errorf("%s: header %s is %q, want %q", topic, key, got, value)
			}
		}
		if c.reason != "" && r.counted(c.reason) != counted {
			t.Errorf("%s: not counted as %s", topic, c.reason)
		}
	}
	eventually(t, "all acknowledged", func() bool { return r.b.flight.now() == 0 })
	r.stop()

	// The same member with another log: nothing of all that comes again.
	brokers = cluster(t).ListenAddrs()
	start(t, brokers, cfg)
	payload := batch(2, 0)
	send(t, d, "dt/wear/v1/"+thing+"/samples", 1, payload)
	last(t, brokers, wire.TopicDevice, 1, payload)
	if got := readAll(t, brokers, wire.TopicQuarantine); len(got) != 0 {
		t.Errorf("%d refused messages came again", len(got))
	}
}

// last waits for the n-th record of a topic, which has this value, and fails on more.
func last(t *testing.T, brokers []string, topic string, n int, value []byte) (rec *kgo.Record) {
	t.Helper()
	var got []*kgo.Record
	eventually(t, fmt.Sprintf("%d records in %s", n, topic), func() bool { got = readAll(t, brokers, topic); return len(got) >= n })
	for _, g := range got {
		if bytes.Equal(g.Value, value) {
			rec = g
		}
	}
	if len(got) > n || rec == nil {
		t.Fatalf("%s holds %d records, want %d, one of them with the value published", topic, len(got), n)
	}
	return rec
}

// away makes the log's broker hang up on every write while it is set.
func away(c *kfake.Cluster) *atomic.Bool {
	var away atomic.Bool
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if away.Load() {
			return nil, errors.New("away"), true
		}
		return nil, nil, false
	})
	return &away
}

// While the log is away no more than the budget is taken from the broker, whatever
// waits there, nothing is acknowledged, and nothing comes twice when it is back.
func TestBudget(t *testing.T) {
	cfg := config(t, "budget")
	cfg.Budget = 2 << 20
	log := cluster(t)
	brokers := log.ListenAddrs()
	off := away(log)
	r := start(t, brokers, cfg)
	d := device(t, "bridge-test-0")
	defer d.Disconnect(250)
	off.Store(true)
	const n = 60
	size := 0
	for seq := range uint64(n) {
		b := wire.SampleBatch{Boot: 1, Seq: seq, T0us: time.Now().UnixMicro(), RateMHz: 50_000, Encoding: wire.Int16Counts, LSBPerG: 4096, N: 32_768, XYZ: make([]byte, 6*32_768)}
		payload := b.Append(nil)
		size = len(payload) + perMessage
		send(t, d, "dt/wear/v1/bridge-test-0/samples", 1, payload)
	}
	eventually(t, "at the budget", func() bool { return r.b.flight.now() >= cfg.Budget })
	eventually(t, "not ready", func() bool { return r.b.Ready() != nil })
	if err := r.b.Ready(); strings.Contains(err.Error(), "the broker "+cfg.Broker) || r.b.ingest.Ready(time.Now()) == nil {
		t.Errorf("the log is away and Ready says %v", err)
	}
	// What paho had read when the gate closed comes on top.
	if got, most := r.b.flight.now(), cfg.Budget+8*int64(size); got > most {
		t.Errorf("%d bytes are in flight, want at most %d", got, most)
	}
	if got := r.metric("gateway_publishes_total", "acked"); got != 0 {
		t.Errorf("%v acknowledged while the log is away", got)
	}
	off.Store(false)
	eventually(t, "all in the log", func() bool { return len(batches(t, brokers, 1).times) == n })
	eventually(t, "all acknowledged", func() bool { return r.b.flight.now() == 0 })
	if got := len(readAll(t, brokers, wire.TopicDevice)); got != n || r.metric("bridge_reconnects_total", "") != 0 {
		t.Errorf("%d records of %d batches", got, n)
	}
}

// A message that the log refuses for good is not acknowledged: it comes again until
// the log takes it.
func TestNotStored(t *testing.T) {
	cfg := config(t, "refused")
	log := cluster(t)
	brokers := log.ListenAddrs()
	r := start(t, brokers, cfg)
	fault := log.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: wire.TopicName(cell, wire.TopicQuarantine), Err: kerr.InvalidRecord, Count: -1})
	d := device(t, "bridge-test-0")
	defer d.Disconnect(250)
	send(t, d, "dt/wear/v1/bridge-test-0/samples", 1, []byte("no batch"))
	eventually(t, "connected again", func() bool { return r.metric("bridge_reconnects_total", "") >= 2 })
	if got := r.metric("gateway_publishes_total", "quarantined"); got != 0 {
		t.Errorf("%v acknowledged", got)
	}
	fault.Remove()
	last(t, brokers, wire.TopicQuarantine, 1, []byte("no batch"))
	eventually(t, "acknowledged", func() bool { return r.metric("gateway_publishes_total", "quarantined") == 1 })
}

// A bridge that is told to stop acknowledges what it has taken: the next one gets
// nothing twice.
func TestRestart(t *testing.T) {
	cfg := config(t, "restart")
	cfg.Grace = patience // the broker may be slow to read the last acknowledgements
	brokers := cluster(t).ListenAddrs()
	r := start(t, brokers, cfg)
	f := publish(t, 4)
	for range 3 {
		eventually(t, "at work", func() bool { return r.metric("gateway_publishes_total", "acked") > 100 })
		r.stop()
		r = start(t, brokers, cfg)
		if got := r.metric("bridge_fresh_sessions_total", ""); got != 0 {
			t.Errorf("%v fresh sessions: the broker has forgotten", got)
		}
	}
	f.stop()
	there := f.wantAll(t, brokers)
	there.inOrder(t)
	if repeats := there.repeats(); repeats != 0 {
		t.Errorf("%d repeats of %d batches", repeats, f.count())
	}
}

// The way to the broker is cut again and again, and then for longer. The way is
// without TLS up to a neighbour that has the certificate.
func TestReconnect(t *testing.T) {
	cfg := config(t, "reconnect")
	addr, tlsConfig, err := cfg.address()
	if err != nil {
		t.Fatal(err)
	}
	way := forward(t, func() (net.Conn, error) { return tls.Dial("tcp", addr, tlsConfig) })
	cfg.Broker, cfg.TLSCA, cfg.TLSCert, cfg.TLSKey = "mqtt://"+way.addr, "", "", ""
	brokers := cluster(t).ListenAddrs()
	r := start(t, brokers, cfg)
	f := publish(t, 4)
	for i := range 3 {
		before := r.metric("gateway_publishes_total", "acked")
		eventually(t, "at work", func() bool { return r.metric("gateway_publishes_total", "acked") > before+100 })
		way.cut()
		eventually(t, "connected again", func() bool { return r.metric("bridge_reconnects_total", "") == float64(i+1) })
	}
	if got := r.metric("bridge_fresh_sessions_total", ""); got != 1 {
		t.Errorf("%v fresh sessions, want the first", got)
	}
	way.down.Store(true)
	way.cut()
	eventually(t, "not ready", func() bool { return r.b.Ready() != nil && r.metric("bridge_connected", "") == 0 })
	if err := r.b.Ready(); !strings.Contains(err.Error(), "the broker mqtt://"+way.addr+" is away") || r.b.ingest.Ready(time.Now()) != nil {
		t.Errorf("the broker is away and Ready says %v", err)
	}
	way.down.Store(false)
	eventually(t, "ready", func() bool { return r.b.Ready() == nil && r.metric("bridge_connected", "") == 1 })
	f.stop()
	there := f.wantAll(t, brokers)
	there.inOrder(t)
	t.Logf("4 cuts, %d batches acknowledged, 0 lost, %d repeats", f.count(), there.repeats())
}

// forwarder passes connections on.
type forwarder struct {
	addr string
	down atomic.Bool // it closes what comes

	mu   sync.Mutex
	open []net.Conn
}

func forward(t *testing.T, dial func() (net.Conn, error)) *forwarder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{addr: ln.Addr().String()}
	t.Cleanup(func() { ln.Close(); f.cut() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := dial()
			if err != nil || f.down.Load() {
				in.Close()
				continue
			}
			f.mu.Lock()
			f.open = append(f.open, in, out)
			f.mu.Unlock()
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	return f
}

func (f *forwarder) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		c.Close()
	}
	f.open = nil
}

// A bridge without a certificate, or with one of another authority, is refused by the
// broker, and Ready says so; a certificate that is put in its place is used at the next
// attempt.
func TestCertificate(t *testing.T) {
	cfg := config(t, "certificate")
	brokers := cluster(t).ListenAddrs()
	none := cfg
	none.TLSCert, none.TLSKey = "", ""
	r := run(t, brokers, none)
	eventually(t, "refused", func() bool { return refusedTLS(r.b.Ready()) })
	r.stop()

	theirs := t.TempDir()
	if out, err := exec.Command(local("certs"), theirs, "bridge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	right := []string{cfg.TLSCert, cfg.TLSKey}
	cfg.TLSCert, cfg.TLSKey = filepath.Join(theirs, "bridge", "cert.pem"), filepath.Join(theirs, "bridge", "key.pem")
	r = run(t, brokers, cfg)
	eventually(t, "refused", func() bool { return refusedTLS(r.b.Ready()) })
	for i, file := range []string{cfg.TLSCert, cfg.TLSKey} {
		pem, err := os.ReadFile(right[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "ready", func() bool { return r.b.Ready() == nil })
}

// refusedTLS: the broker ended the handshake; the client may see no more than its end.
func refusedTLS(err error) bool {
	return err != nil && !errors.Is(err, errNeverConnected) && strings.Contains(err.Error(), "is away: connect to mqtts://")
}

// A broker that does not let the topics be read is away, and Ready says which topics:
// it is our own gateway's server, where devices only publish.
func TestForbidden(t *testing.T) {
	ca := testca.New(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := mqtt.New(mqtt.Config{TLS: ca.Server()}, publishers{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(ctx, ln) })
	defer wg.Wait()
	defer stop()
	way := forward(t, func() (net.Conn, error) { return tls.Dial("tcp", ln.Addr().String(), ca.Client("b1")) })
	cfg := Config{Broker: "mqtt://" + way.addr, ClientID: "b1", Group: "g", Tick: time.Second, Budget: 2 << 20}
	r := run(t, cluster(t).ListenAddrs(), cfg)
	eventually(t, "refused", func() bool {
		return strings.Contains(r.b.Ready().Error(), `allow client "b1" to read it`)
	})
	if r.metric("bridge_connected", "") != 0 {
		t.Error("connected without a subscription")
	}
}

// publishers is a server's handler that grants no subscription.
type publishers struct{}

func (publishers) MayPublish(_, _ string) bool   { return true }
func (publishers) MaySubscribe(_, _ string) bool { return false }
func (publishers) Publish(p mqtt.Publish)        { p.Ack() }
func (publishers) Refused(string)                {}
func (publishers) Connected(string)              {}
func (publishers) Acknowledged(time.Duration)    {}

// Mosquitto says how many messages it dropped.
func TestDroppedMessages(t *testing.T) {
	r := start(t, cluster(t).ListenAddrs(), config(t, "metrics"))
	eventually(t, "told of dropped messages", func() bool { return !math.IsNaN(r.metric("bridge_broker_dropped_messages", "")) })
}
