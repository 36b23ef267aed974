package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/gateway/internal/testca"
	"github.com/wearstream/wearstream/stream/wire"
)

func TestRecordsOfADevice(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	begun := time.Now()
	d := r.connect("hub:1")
	own, left := batch(nil), batch(func(b *wire.SampleBatch) { b.Sensor = "hub:1/left" })
	for i, c := range []struct {
		name, payload, kind, key string
	}{
		{"samples", string(own), wire.KindSamples, "hub:1"},
		{"samples", string(left), wire.KindSamples, "hub:1/left"},
		{"status", `{"kind":"battery","battery_pct":80,"new":1}`, wire.KindStatus, "hub:1"},
		{"status", `{"kind":"end","sensor":"hub:1/left","boot":1,"last_seq":7}`, wire.KindStatus, "hub:1/left"},
		{"event", ` {"kind":"dose","value":{"mg":5}}`, wire.KindEvent, "hub:1"},
	} {
		d.publish("dt/wear/v1/hub:1/"+c.name, uint16(i+1), []byte(c.payload))
		d.wantAck(uint16(i + 1))
		var rec *kgo.Record
		for _, got := range r.records(wire.TopicDevice, i+1) {
			if string(got.Value) == c.payload {
				rec = got
			}
		}
		if rec == nil {
			t.Fatalf("%s %q is not in the log unchanged", c.name, c.payload)
		}
		if string(rec.Key) != c.key || header(rec, wire.HeaderKind) != c.kind || header(rec, wire.HeaderThing) != "hub:1" ||
			header(rec, wire.HeaderVia) != "mqtt" || len(rec.Headers) != 4 {
			t.Errorf("record of %s: key %q, headers %v", c.payload, rec.Key, rec.Headers)
		}
		checkReceived(t, header(rec, wire.HeaderReceived), begun)
		if want := wire.PartitionOf(c.key, partitions); rec.Partition != want {
			t.Errorf("key %s is in partition %d, want %d", c.key, rec.Partition, want)
		}
	}
	d.publish("dt/wear/v1/hub:1/event", 0, []byte(`{"kind":"button"}`))
	r.records(wire.TopicDevice, 6)
	for _, m := range []struct {
		name, label string
		want        float64
	}{
		{"gateway_publishes_total", "acked", 6}, {"gateway_publishes_total", "quarantined", 0}, {"gateway_publishes_total", "refused", 0},
		{"gateway_ack_duration_seconds", "", 5}, {"gateway_connections", "", 1}, {"gateway_connects_total", "ok", 1},
		{"gateway_inflight_publishes", "", 0}, {"gateway_inflight_bytes", "", 0},
	} {
		r.eventually(m.name+" "+m.label, func() bool { return r.metric(m.name, m.label) == m.want })
	}
}

// The usual client of the field: connect, publish with many in flight, subscribe,
// vanish with a will.
func TestPahoClient(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	opts := paho.NewClientOptions().AddBroker("ssl://"+r.addr).SetClientID("T1").SetTLSConfig(r.ca.Client("T1")).
		SetAutoReconnect(false).SetWill("dt/wear/v1/T1/status", `{"kind":"offline","boot":3}`, 1, false)
	c := paho.NewClient(opts)
	wait := func(tok paho.Token) error {
		t.Helper()
		if !tok.WaitTimeout(patience) {
			t.Fatal("no answer")
		}
		return tok.Error()
	}
	if err := wait(c.Connect()); err != nil {
		t.Fatal(err)
	}
	var tokens []paho.Token
	for i := range 200 {
		tokens = append(tokens, c.Publish("dt/wear/v1/T1/samples", 1, false, batch(func(b *wire.SampleBatch) { b.Seq = uint64(i) })))
	}
	for _, tok := range tokens {
		if err := wait(tok); err != nil {
			t.Fatal(err)
		}
	}
	for i, rec := range r.records(wire.TopicDevice, 200) {
		if b, err := wire.Decode(rec.Value); err != nil || b.Seq != uint64(i) {
			t.Fatalf("record %d is sequence %d, %v", i, b.Seq, err)
		}
	}
	for filter, want := range map[string]byte{"cmd/wear/v1/T1/#": 1, "cmd/wear/v1/T2/#": 0x80, "cmd/wear/v1/T1": 0x80, "cmd/wear/v1/+/x": 0x80, "#": 0x80} {
		tok := c.Subscribe(filter, 1, nil)
		wait(tok)
		if got := tok.(*paho.SubscribeToken).Result()[filter]; got != want {
			t.Errorf("SUBSCRIBE %s: %#x, want %#x", filter, got, want)
		}
	}
	if err := wait(c.Unsubscribe("cmd/wear/v1/T1/#")); err != nil {
		t.Error(err)
	}
	// A second client takes over: the first is closed and its will is a record.
	second := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + r.addr).SetClientID("T1").SetTLSConfig(r.ca.Client("T1")))
	if err := wait(second.Connect()); err != nil {
		t.Fatal(err)
	}
	will := r.records(wire.TopicDevice, 201)[200]
	if header(will, wire.HeaderKind) != wire.KindStatus || !strings.Contains(string(will.Value), "offline") {
		t.Errorf("the last record is %s %q, want the will", header(will, wire.HeaderKind), will.Value)
	}
	r.eventually("closed", func() bool { return !c.IsConnected() })
	second.Disconnect(100)
	r.eventually("empty", func() bool { return r.metric("gateway_connections", "") == 0 })
	r.records(wire.TopicDevice, 201)
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

// While the log is away nothing is acknowledged, at most a window is taken, and
// all of it arrives in order when the log is back.
func TestLogAway(t *testing.T) {
	log := cluster(t)
	off := away(log)
	r := start(t, log, testca.New(t), func(c *Config) { c.Window, c.Tick = 8, 100*time.Millisecond })
	d := r.connect("T1")
	off.Store(true)
	const n = 20
	for id := range uint16(n) {
		d.publish("dt/wear/v1/T1/samples", id+1, batch(func(b *wire.SampleBatch) { b.Seq = uint64(id) }))
	}
	r.eventually("window full", func() bool { return r.metric("gateway_inflight_publishes", "") == 8 })
	// Ticks neither wait for the log nor pile up.
	before := r.metric("gateway_ticks_total", "dropped")
	r.eventually("dropping ticks", func() bool { return r.metric("gateway_ticks_total", "dropped") >= before+8*partitions })
	if got := r.client.BufferedProduceRecords(); got > 8+2*partitions {
		t.Errorf("%d records wait for the log, want the window and a tick per partition of both topics", got)
	}
	if got := r.metric("gateway_inflight_publishes", ""); got != 8 {
		t.Errorf("%v messages taken, want the window's 8", got)
	}
	if got := r.metric("gateway_publishes_total", "acked"); got != 0 {
		t.Errorf("%v acknowledged while the log is away", got)
	}
	if err := r.g.ingest.Ready(time.Now().Add(ingest.StallAfter)); err == nil {
		t.Error("ready although the log acknowledges nothing")
	}
	d.wantSilence(50 * time.Millisecond)
	off.Store(false)
	for id := range uint16(n) {
		d.wantAck(id + 1)
	}
	for i, rec := range r.records(wire.TopicDevice, n) {
		if b, err := wire.Decode(rec.Value); err != nil || b.Seq != uint64(i) {
			t.Fatalf("record %d is sequence %d, %v", i, b.Seq, err)
		}
	}
	r.eventually("ready", func() bool { return r.g.ingest.Ready(time.Now().Add(ingest.StallAfter/2)) == nil })
}

// A record that the log refuses for good is never acknowledged.
func TestProduceErrorClosesTheConnection(t *testing.T) {
	log := cluster(t)
	r := start(t, log, testca.New(t), nil)
	d := r.connect("T1")
	fault := log.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: wire.TopicName(cell, wire.TopicQuarantine), Err: kerr.InvalidRecord, Count: -1})
	d.publish("dt/wear/v1/T1/samples", 1, []byte("no batch"))
	d.wantClosed()
	if got := r.metric("gateway_publishes_total", "refused"); got != 1 {
		t.Errorf("%v produce errors", got)
	}
	if got := r.metric("gateway_publishes_total", "acked"); got != 0 {
		t.Errorf("%v acknowledged", got)
	}
	fault.Remove()
	d = r.connect("T1") // as the device does, with the same message
	d.publish("dt/wear/v1/T1/samples", 1, []byte("no batch"))
	d.wantAck(1)
	r.records(wire.TopicQuarantine, 1)
}

// A gateway that dies before the log has a message has not acknowledged it.
func TestCrashBeforeTheLogHasIt(t *testing.T) {
	log, ca := cluster(t), testca.New(t)
	off := away(log)
	r := start(t, log, ca, func(c *Config) { c.Grace = time.Millisecond })
	d := r.connect("T1")
	off.Store(true)
	d.publish("dt/wear/v1/T1/samples", 1, batch(nil))
	r.eventually("taken", func() bool { return r.metric("gateway_inflight_publishes", "") == 1 })
	r.kill()
	d.wantClosed()
	off.Store(false)
	r.records(wire.TopicDevice, 0)

	r = start(t, log, ca, nil)
	d = r.connect("T1")
	d.publish("dt/wear/v1/T1/samples", 1, batch(nil))
	d.wantAck(1)
	r.records(wire.TopicDevice, 1)
}

// A gateway that dies after the log has a message and before it knows makes the
// device send it again: twice in the log under one name, never lost.
func TestCrashBetweenLogAndAcknowledgement(t *testing.T) {
	log, ca := cluster(t), testca.New(t)
	r := start(t, log, ca, func(c *Config) { c.Grace, c.Tick = time.Millisecond, ingest.MaxTick })
	// No tick may stand before the message: the client would never get past it.
	r.eventually("ticked", func() bool { return r.metric("gateway_ticks_total", "written") == 2*partitions })
	d := r.connect("T1")
	fault := log.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1})
	payload := batch(nil)
	d.publish("dt/wear/v1/T1/samples", 1, payload)
	r.records(wire.TopicDevice, 1)
	r.kill()
	d.wantClosed()
	fault.Remove()

	r = start(t, log, ca, nil)
	d = r.connect("T1")
	d.publish("dt/wear/v1/T1/samples", 1, payload)
	d.wantAck(1)
	got := r.records(wire.TopicDevice, 2)
	if !bytes.Equal(got[0].Value, payload) || !bytes.Equal(got[1].Value, payload) {
		t.Error("the repeat has other bytes")
	}
}

func TestTicks(t *testing.T) {
	log := cluster(t)
	r := start(t, log, testca.New(t), func(c *Config) { c.Tick = 100 * time.Millisecond })
	begun := time.Now()
	name := wire.TopicName(cell, wire.TopicDevice)
	cl, err := kgo.NewClient(kgo.SeedBrokers(log.ListenAddrs()...), kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen := map[int32]int{}
	last := map[int32]int64{}
	for seen[0] < 3 || seen[1] < 3 || seen[2] < 3 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			var tick wire.Tick
			if err := json.Unmarshal(rec.Value, &tick); err != nil || rec.Key != nil || header(rec, wire.HeaderKind) != wire.KindTick {
				t.Fatalf("record %q with key %q and headers %v is no tick", rec.Value, rec.Key, rec.Headers)
			}
			if d := time.UnixMicro(tick.UTC).Sub(begun); d < -patience || d > patience || tick.UTC <= last[rec.Partition] {
				t.Errorf("tick at %d after %d", tick.UTC, last[rec.Partition])
			}
			seen[rec.Partition]++
			last[rec.Partition] = tick.UTC
		})
	}
	if got := r.metric("gateway_ticks_total", "written"); got < 9 {
		t.Errorf("%v ticks counted", got)
	}
}

// A stop acknowledges what is in flight and leaves no goroutine behind.
func TestShutdown(t *testing.T) {
	log := cluster(t)
	r := start(t, log, testca.New(t), nil)
	devices := make([]*device, 10)
	for i := range devices {
		devices[i] = r.connect("T" + string(rune('0'+i)))
	}
	off := away(log)
	off.Store(true)
	for i, d := range devices {
		d.publish("dt/wear/v1/T"+string(rune('0'+i))+"/samples", 1, batch(nil))
	}
	r.eventually("taken", func() bool { return r.metric("gateway_inflight_publishes", "") == 10 })
	stopped := make(chan struct{})
	go func() { r.kill(); close(stopped) }()
	r.eventually("closing", func() bool { // no new connection
		_, err := r.dial(r.ca.Client("T0"))
		return err != nil
	})
	off.Store(false)
	for _, d := range devices {
		d.wantAck(1)
		d.wantClosed()
	}
	<-stopped
	r.records(wire.TopicDevice, 10)
	r.eventually("free of goroutines", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !bytes.Contains(stacks, []byte("gateway/mqtt.")) && !bytes.Contains(stacks, []byte("gateway.(*"+"ticker)"))
	})
}

func TestNotReadyRefusesConnections(t *testing.T) {
	log := cluster(t)
	off := away(log)
	r := start(t, log, testca.New(t), func(c *Config) { c.Tick = time.Second })
	off.Store(true) // ticks have no answer from now on
	r.eventually("not ready", func() bool { return r.g.Ready() != nil })
	d, err := r.dial(r.ca.Client("T1"))
	if err != nil {
		t.Fatal(err)
	}
	if code := d.hello(nil); code != packets.ErrRefusedServerUnavailable {
		t.Errorf("CONNACK %d, want 3", code)
	}
	d.wantClosed()
	off.Store(false)
	r.eventually("ready", func() bool { return r.g.Ready() == nil })
	r.connect("T1")
}

func TestConfig(t *testing.T) {
	ca := testca.New(t)
	good := Config{Listen: "127.0.0.1:0", Tick: 5 * time.Second, Window: 64, Budget: 128 << 20, Grace: time.Second}
	good.TLSCert, good.TLSKey, good.ClientCA = ca.Files()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Listen: "nowhere", Tick: time.Minute, Budget: 1, Grace: -1}
	err := bad.Validate()
	for _, flag := range []string{"listen", "tls_cert", "tls_key", "client_ca", "tick", "window", "budget", "grace"} {
		if err == nil || !strings.Contains(err.Error(), "--mqtt."+flag+":") {
			t.Errorf("no fault of --mqtt.%s in %v", flag, err)
		}
	}
	empty := good
	empty.ClientCA = t.TempDir() + "/empty.pem"
	os.WriteFile(empty.ClientCA, nil, 0o600)
	for name, c := range map[string]Config{"key that does not fit": {Listen: good.Listen, TLSCert: good.TLSCert, TLSKey: good.TLSCert, ClientCA: good.ClientCA, Tick: good.Tick, Window: 1, Budget: good.Budget}, "no authority": empty} {
		if _, err := New(c, Deps{Cell: cell}); err == nil || !strings.Contains(err.Error(), "--mqtt.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
