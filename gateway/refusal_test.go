package gateway

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/wearstream/wearstream/gateway/internal/testca"
	"github.com/wearstream/wearstream/stream/wire"
)

// What cannot be read: PUBACK, counter, quarantine, and the next batch of the same
// connection goes on as if nothing had been.
func TestUnreadableIsAcknowledgedIntoQuarantine(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	d := r.connect("T1")
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	samples, status, event := "dt/wear/v1/T1/samples", "dt/wear/v1/T1/status", "dt/wear/v1/T1/event"
	cases := []struct {
		name, topic string
		payload     []byte
		reason      string
	}{
		{"no protobuf", samples, []byte("\xff\xff hello"), wire.ReasonParse},
		{"cut short", samples, batch(nil)[:200], wire.ReasonParse},
		{"empty", samples, nil, wire.ReasonRange},
		{"n disagrees", samples, batch(func(b *wire.SampleBatch) { b.N = 51 }), wire.ReasonShape},
		{"neither samples nor readings", samples, batch(func(b *wire.SampleBatch) { b.N, b.XYZ = 0, nil }), wire.ReasonShape},
		{"rate", samples, batch(func(b *wire.SampleBatch) { b.RateMHz = 999 }), wire.ReasonRange},
		{"scale", samples, batch(func(b *wire.SampleBatch) { b.LSBPerG = 0 }), wire.ReasonRange},
		{"encoding", samples, batch(func(b *wire.SampleBatch) { b.Encoding = 9 }), wire.ReasonRange},
		{"foreign sensor", samples, batch(func(b *wire.SampleBatch) { b.Sensor = "T2" }), wire.ReasonSensor},
		{"sensor of another's", samples, batch(func(b *wire.SampleBatch) { b.Sensor = "T10/left" }), wire.ReasonSensor},
		{"sensor is no name", samples, batch(func(b *wire.SampleBatch) { b.Sensor = "T1/a/b" }), wire.ReasonSensor},
		{"status is no JSON", status, []byte("{"), wire.ReasonParse},
		{"status without kind", status, []byte("{}"), wire.ReasonParse},
		{"status of a foreign sensor", status, []byte(`{"kind":"end","sensor":"T2"}`), wire.ReasonSensor},
		{"status of no sensor", status, []byte(`{"kind":"end","sensor":"T1/"}`), wire.ReasonSensor},
		{"event is no JSON", event, []byte(`{"kind":`), wire.ReasonParse},
		{"event is no object", event, []byte(` [1]`), wire.ReasonParse},
		{"event is empty", event, nil, wire.ReasonParse},
		{"a byte too large", samples, long[:wire.MaxPayload+1], wire.ReasonOversize},
		{"packet of 1 MiB", samples, long[:1<<20-4-len(samples)], wire.ReasonOversize},
		{"large status", status, long[:wire.MaxPayload+1], wire.ReasonOversize},
		{"large event", event, long[:wire.MaxPayload+1], wire.ReasonOversize},
	}
	begun := time.Now()
	want := map[string]int{}
	for i, c := range cases {
		before := r.metric("quarantine_records_total", c.reason)
		id := uint16(1 + 2*i)
		d.publish(c.topic, id, c.payload)
		d.wantAck(id)
		if got := r.metric("quarantine_records_total", c.reason) - before; got != 1 {
			t.Errorf("%s: counted %v times as %s", c.name, got, c.reason)
		}
		want[c.reason]++
		// And on it goes.
		d.publish(samples, id+1, batch(func(b *wire.SampleBatch) { b.Seq = uint64(i) }))
		d.wantAck(id + 1)
	}
	for _, reason := range []string{"policy", "parse", "shape", "range", "sensor", "oversize"} {
		if got := r.metric("quarantine_records_total", reason); got != float64(want[reason]) {
			t.Errorf("%s counted %v times, want %d", reason, got, want[reason])
		}
	}
	refused := r.records(wire.TopicQuarantine, len(cases))
	for i, rec := range refused { // one thing, one partition: in order
		c := cases[i]
		sum, keep := sha256.Sum256(c.payload), c.payload
		if c.reason == wire.ReasonOversize {
			keep = keep[:4096]
		}
		if string(rec.Key) != "T1" || !bytes.Equal(rec.Value, keep) {
			t.Errorf("%s: quarantine has key %q and %d bytes, want T1 and %d", c.name, rec.Key, len(rec.Value), len(keep))
		}
		for key, want := range map[string]string{
			wire.HeaderReason: c.reason, wire.HeaderThing: "T1", wire.HeaderTopic: c.topic,
			wire.HeaderSize: strconv.Itoa(len(c.payload)), wire.HeaderSHA256: hex.EncodeToString(sum[:]),
		} {
			if got := header(rec, key); got != want {
				t.Errorf("%s: header %s is %q, want %q", c.name, key, got, want)
			}
		}
		checkReceived(t, header(rec, wire.HeaderReceived), begun)
	}
	r.records(wire.TopicDevice, len(cases))
}

func checkReceived(t *testing.T, value string, begun time.Time) {
	t.Helper()
	us, err := strconv.ParseInt(value, 10, 64)
	if at := time.UnixMicro(us); err != nil || at.Before(begun.Truncate(time.Microsecond)) || at.After(time.Now()) {
		t.Errorf("received %q is not in the time of the test", value)
	}
}

// Time that cannot be: stored with its flag, counted, acknowledged.
func TestImpossibleTimeIsStoredAndFlagged(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	d := r.connect("T1")
	now := time.Now()
	for id, c := range []struct {
		t0         time.Time
		impossible bool
	}{
		{time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), true},
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), false}, // years old is ordinary
		{now.Add(23 * time.Hour), false},
		{now.Add(25 * time.Hour), true},
	} {
		payload := batch(func(b *wire.SampleBatch) { b.T0us = c.t0.UnixMicro() })
		before := r.metric("gateway_impossible_times_total", "")
		d.publish("dt/wear/v1/T1/samples", uint16(id+1), payload)
		d.wantAck(uint16(id + 1))
		rec := r.records(wire.TopicDevice, id+1)[id]
		flags, counted := header(rec, wire.HeaderFlags), r.metric("gateway_impossible_times_total", "")-before
		if want := c.impossible; (flags == "64") != want || (flags == "") == want || (counted == 1) != want {
			t.Errorf("t0 %s: flags %q, counted %v; want impossible %v", c.t0, flags, counted, want)
		}
		if !bytes.Equal(rec.Value, payload) {
			t.Errorf("t0 %s: payload changed", c.t0)
		}
	}
	r.records(wire.TopicQuarantine, 0)
}

func TestForeignTopicClosesTheConnection(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	other := r.connect("T2")
	topics := []string{
		"dt/wear/v1/T2/samples", "dt/wear/v1/T1", "dt/wear/v1/T1/", "dt/wear/v1/T1/other", "dt/wear/v1/T1/samples/json/x",
		"dt/wear/v1/T1/samples/", "dt/wear/v1/T11/samples", "dt/wear/v2/T1/samples", "$SYS/x", "cmd/wear/v1/T1/reboot", "x", "#",
	}
	for i, topic := range topics {
		for _, id := range []uint16{0, 1} {
			d := r.connect("T1")
			d.publish(topic, id, batch(nil))
			d.wantClosed()
		}
		r.eventually("counted", func() bool { return r.metric("gateway_publishes_total", "refused") == float64(2*i+2) })
	}
	r.records(wire.TopicDevice, 0)
	r.records(wire.TopicQuarantine, 0)
	other.publish("dt/wear/v1/T2/samples", 9, batch(nil)) // nobody else is harmed
	other.wantAck(9)
}

func TestPacketTooLargeClosesTheConnection(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	d := r.connect("T1")
	d.publish("dt/wear/v1/T1/samples", 1, make([]byte, 1<<20))
	d.wantClosed()
	r.eventually("counted", func() bool { return r.metric("gateway_protocol_errors_total", "") == 1 })
	for i, head := range []string{"\x10\x81\x80\x04", "\x10\xff\xff\xff\x7f", "\x30\x81\x80\x04", "\x10\xff\xff\xff\xff\xff"} {
		d, err := r.dial(r.ca.Client("T1"))
		if err != nil {
			t.Fatal(err)
		}
		d.nc.Write([]byte(head))
		d.wantClosed()
		r.eventually("counted", func() bool { return r.metric("gateway_connects_total", wire.ReasonPacket) == float64(i+1) })
	}
	r.records(wire.TopicQuarantine, 0)
}

func TestRefusedConnections(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	stranger := testca.New(t).Client("T1")
	stranger.RootCAs = r.ca.Pool()
	for _, c := range []struct {
		name   string
		client *tls.Config
		reason string
	}{
		{"no certificate", &tls.Config{RootCAs: r.ca.Pool(), ServerName: "localhost"}, wire.ReasonTLS},
		{"unknown authority", stranger, wire.ReasonUnknown},
		{"name is none", r.ca.Client("a thing"), wire.ReasonUnknown},
	} {
		before := r.metric("gateway_connects_total", c.reason)
		d, err := r.dial(c.client) // TLS 1.3 tells the client at its first read
		if err == nil {
			_, err = packets.ReadPacket(d.nc)
		}
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "remote error" {
			t.Errorf("%s: got %v, want a TLS alert", c.name, err)
		}
		r.eventually("counted", func() bool { return r.metric("gateway_connects_total", c.reason) == before+1 })
	}
	for _, c := range []struct {
		change func(*packets.ConnectPacket)
		code   byte
	}{
		{func(p *packets.ConnectPacket) { p.ClientIdentifier = "T2" }, 5},
		{func(p *packets.ConnectPacket) { p.WillFlag, p.WillTopic = true, "dt/wear/v1/T2/status" }, 5},
		{func(p *packets.ConnectPacket) { p.ProtocolVersion = 5 }, 1},
	} {
		d, err := r.dial(r.ca.Client("T1"))
		if err != nil {
			t.Fatal(err)
		}
		if code := d.hello(c.change); code != c.code {
			t.Errorf("CONNACK %d, want %d", code, c.code)
		}
		d.wantClosed()
	}
	cert := r.ca.Client("T1")
	d, err := r.dial(cert)
	if err != nil {
		t.Fatal(err)
	}
	if code := d.hello(func(p *packets.ConnectPacket) {
		p.ClientIdentifier = fmt.Sprintf("%x", cert.Certificates[0].Leaf.SerialNumber)
	}); code != 0 {
		t.Errorf("the serial as client id: CONNACK %d", code)
	}
}
