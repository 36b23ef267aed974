package replay

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/stream/wire"
)

// broker is an MQTT server that does nothing but to take publishes, and that as
// badly as its manner says. It is the other side of every promise of this package.
type broker struct {
	t    *testing.T
	data string
	tls  *tls.Config

	manner func(conn int) manner // of the conn-th connection, from 0; nil: good

	serving sync.WaitGroup // connections

	mu        sync.Mutex
	conns     int
	connected []string          // per CONNECT: thing, and the memory as it was on disk then
	published []published       // in the order of arrival, repeats too
	stored    map[string]string // what was acknowledged or may have been: name to SHA-256
}

// manner is how a connection behaves.
type manner struct {
	refuse   byte                // code of the CONNACK
	drop     int                 // close at this publish, counted from 1, before it is acknowledged; 0: never
	silent   bool                // acknowledges nothing
	delay    time.Duration       // before each acknowledgement
	backward int                 // so many acknowledgements are collected, then sent in reverse order
	on       func(publishes int) // called at each publish
}

type published struct {
	conn  int
	thing string
	batch *wire.SampleBatch // else
	end   *wire.Status
}

// newBroker makes a data folder as `wearstream up` would.
func newBroker(t *testing.T) *broker {
	t.Helper()
	data := t.TempDir()
	pki, err := authority.Init(filepath.Join(data, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.IssueServer(authority.Loopback())
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, data: data, stored: map[string]string{}}
	b.tls = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pki.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	b.announce("127.0.0.1:1")
	return b
}

func (b *broker) announce(addr string) {
	text := fmt.Sprintf(`{"version":1,"mqtt":%q,"server_name":"localhost","ca":%q}`, addr, filepath.Join(b.data, "pki", "root.pem"))
	if err := os.WriteFile(filepath.Join(b.data, "endpoints.json"), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// dial is Deps.Dial: a connection to the broker within the process.
func (b *broker) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	b.serving.Go(func() { b.serve(far) })
	return near, nil
}

func (b *broker) serve(raw net.Conn) {
	conn := tls.Server(raw, b.tls)
	defer raw.Close()
	p, err := packets.ReadPacket(conn)
	if err != nil {
		return
	}
	connect, ok := p.(*packets.ConnectPacket)
	if !ok {
		b.t.Errorf("first packet is %T", p)
		return
	}
	thing := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	if connect.ClientIdentifier != thing || !connect.CleanSession || connect.ProtocolVersion != 4 {
		b.t.Errorf("CONNECT of %q by %q, clean %v, version %d", connect.ClientIdentifier, thing, connect.CleanSession, connect.ProtocolVersion)
	}
	b.mu.Lock()
	n := b.conns
	b.conns++
	memory, _ := os.ReadFile(filepath.Join(b.data, "replay", thing+".json"))
	b.connected = append(b.connected, thing+" "+string(memory))
	b.mu.Unlock()
	var m manner
	if b.manner != nil {
		m = b.manner(n)
	}
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = m.refuse
	if ack.Write(conn) != nil || m.refuse != 0 {
		return
	}
	b.publishes(conn, n, thing, m)
}

func (b *broker) publishes(conn net.Conn, n int, thing string, m manner) {
	var held []uint16
	for count := 0; ; {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packets.PingreqPacket:
			packets.NewControlPacket(packets.Pingresp).Write(conn)
		case *packets.DisconnectPacket:
			return
		case *packets.PublishPacket:
			count++
			b.take(n, thing, p)
			if m.on != nil {
				m.on(count)
			}
			if count == m.drop {
				return
			}
			if m.silent {
				continue
			}
			time.Sleep(m.delay)
			if held = append(held, p.MessageID); len(held) < m.backward && !strings.HasSuffix(p.TopicName, "/status") {
				continue
			}
			for len(held) > 0 {
				ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				ack.MessageID = held[len(held)-1]
				held = held[:len(held)-1]
				if ack.Write(conn) != nil {
					return
				}
			}
		default:
			b.t.Errorf("unexpected %T", p)
		}
	}
}

// take stores a publish and checks what can be checked of one.
func (b *broker) take(n int, thing string, p *packets.PublishPacket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := published{conn: n, thing: thing}
	if p.Qos != 1 || p.Retain {
		b.t.Errorf("publish with QoS %d, retain %v", p.Qos, p.Retain)
	}
	switch p.TopicName {
	case "dt/wear/v1/" + thing + "/samples":
		batch, err := wire.Decode(p.Payload)
		if err != nil {
			b.t.Error(err)
			return
		}
		got.batch = batch
		sum := sha256.Sum256(p.Payload)
		name, digest := name(wire.SensorOf(thing, batch.Sensor), batch.Boot, batch.Seq), hex.EncodeToString(sum[:])
		if was, ok := b.stored[name]; ok && was != digest {
			b.t.Errorf("%s came with other bytes", name)
		}
		b.stored[name] = digest
	case "dt/wear/v1/" + thing + "/status":
		status, err := wire.DecodeStatus(p.Payload)
		if err != nil {
			b.t.Error(err)
		}
		got.end = &status
	default:
		b.t.Errorf("publish to %s by %s", p.TopicName, thing)
	}
	b.published = append(b.published, got)
}

func name(sensor string, boot, seq uint64) string { return fmt.Sprintf("%s %d %d", sensor, boot, seq) }

// checkOrder: on every connection the sequences of a boot rise by one, the end
// comes after all of them and names the last.
func (b *broker) checkOrder() {
	b.t.Helper()
	next := map[int]uint64{}
	for i, p := range b.published {
		last, seen := next[p.conn]
		switch {
		case p.batch != nil && seen && p.batch.Seq != last:
			b.t.Fatalf("publish %d: seq %d on connection %d, want %d", i, p.batch.Seq, p.conn, last)
		case p.batch != nil:
			next[p.conn] = p.batch.Seq + 1
		case seen && *p.end.LastSeq != last-1:
			b.t.Fatalf("publish %d: end at %d, want %d", i, *p.end.LastSeq, last-1)
		}
	}
}

// has counts the batches of a boot and reports whether they are 0..n-1.
func (b *broker) has(sensor string, boot uint64) (n uint64, whole bool) {
	prefix := fmt.Sprintf("%s %d ", sensor, boot)
	for k := range b.stored {
		if strings.HasPrefix(k, prefix) {
			n++
		}
	}
	for seq := range n {
		if _, ok := b.stored[name(sensor, boot, seq)]; !ok {
			return n, false
		}
	}
	return n, true
}

// ends are the "end" messages of a thing, repeats left out.
func (b *broker) ends(thing string) (text string) {
	for _, p := range b.published {
		if p.end != nil && p.thing == thing {
			if s := fmt.Sprintf("%s %d:%d ", p.end.Kind, p.end.Boot, *p.end.LastSeq); !strings.Contains(text, s) {
				text += s
			}
		}
	}
	return strings.TrimSpace(text)
}

// readAcked are the lines of --acked: name to SHA-256.
func readAcked(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(b)) {
		var a acknowledgement
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		lines[name(a.Sensor, a.Boot, a.Seq)] = a.SHA256
	}
	return lines
}
