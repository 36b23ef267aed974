package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// memory is a handler that keeps what it is given and answers when told to.
type memory struct {
	mu      sync.Mutex
	got     []Publish
	refused []string
	auto    bool            // answer at once
	waited  []time.Duration // from reading a message to its PUBACK
}

func (m *memory) MayPublish(thing, topic string) bool { return topic == "t/"+thing }
func (m *memory) MaySubscribe(thing, filter string) bool {
	return strings.HasPrefix(filter, "c/"+thing+"/")
}

func (m *memory) Publish(p Publish) {
	m.mu.Lock()
	kept := p
	kept.Payload = bytes.Clone(p.Payload) // an acknowledgement gives it back
	m.got = append(m.got, kept)
	m.mu.Unlock()
	if m.auto {
		p.Ack()
	}
}

func (m *memory) Refused(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = append(m.refused, reason)
}

// Connected notes what did not come to be among the refusals.
func (m *memory) Connected(result string) {
	if result != ConnectOK {
		m.Refused(result)
	}
}

func (m *memory) Acknowledged(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waited = append(m.waited, took)
}

func (m *memory) messages() []Publish {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

func (m *memory) reasons() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.refused, " ")
}

// bubble runs a server without TLS over pipes in fake time. It ends with the
// server's shutdown; a goroutine that is left fails the test.
type bubble struct {
	*memory
	t    *testing.T
	s    *Server
	ctx  context.Context
	stop context.CancelCauseFunc
	ends []func()
}

func inBubble(t *testing.T, cfg Config, test func(b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{memory: new(memory), t: t}
		cfg.TLS = &tls.Config{ClientCAs: x509.NewCertPool()}
		s, err := New(cfg, b.memory, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		b.s = s
		b.ctx, b.stop = context.WithCancelCause(context.Background())
		var flushers sync.WaitGroup
		for range s.cfg.Flushers {
			flushers.Go(s.flush)
		}
		test(b)
		for _, end := range b.ends {
			end()
		}
		b.stop(errShutdown)
		s.conns.Wait()
		s.queue.close()
		flushers.Wait()
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// device is the other end of a connection. Its reader takes what the server
// sends, unless it is deaf.
type device struct {
	b      *bubble
	nc     net.Conn
	in     chan packets.ControlPacket // closed when the server closes
	out    chan []byte
	readAt time.Time // of the end
}

func (b *bubble) dial(thing string, deaf bool) *device {
	near, far := net.Pipe()
	c := newConn(b.ctx, b.s, far, far, identity{thing, "abc1"}, time.Now().Add(b.s.cfg.ConnectTimeout))
	b.s.conns.Go(c.run)
	d := &device{b: b, nc: near, in: make(chan packets.ControlPacket, 1000), out: make(chan []byte, 1000)}
	b.ends = append(b.ends, func() { close(d.out) })
	go d.write()
	if !deaf {
		go d.read()
	}
	return d
}

func (d *device) write() {
	for p := range d.out {
		if _, err := d.nc.Write(p); err != nil {
			for range d.out { // the server has closed
			}
		}
	}
}

func (d *device) read() {
	for {
		p, err := packets.ReadPacket(d.nc)
		if err != nil {
			d.readAt = time.Now()
			close(d.in)
			return
		}
		d.in <- p
	}
}

// connect sends a CONNECT and expects its code.
func (d *device) connect(change func(*packets.ConnectPacket), code byte) *device {
	d.b.t.Helper()
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession = "MQTT", 4, true
	if change != nil {
		change(p)
	}
	d.send(p)
	ack, ok := (<-d.in).(*packets.ConnackPacket)
	if !ok || ack.ReturnCode != code || ack.SessionPresent {
		d.b.t.Fatalf("CONNECT answered with %v, want code %d", ack, code)
	}
	return d
}

func (b *bubble) device(thing string) *device {
	b.t.Helper()
	return b.dial(thing, false).connect(nil, codeAccepted)
}

func (d *device) send(p packets.ControlPacket) {
	var buf bytes.Buffer
	p.Write(&buf)
	d.raw(buf.Bytes())
}

// raw sends bytes without waiting for the server to take them.
func (d *device) raw(b []byte) {
	d.out <- b
	synctest.Wait()
}

func publishPacket(topic string, id uint16, payload []byte) *packets.PublishPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.MessageID, p.Payload = topic, id, payload
	if id != 0 {
		p.Qos = 1
	}
	return p
}

// publish sends one message; id 0 is QoS 0.
func (d *device) publish(topic string, id uint16, payload string) {
	d.send(publishPacket(topic, id, []byte(payload)))
}

// acks are the ids of the PUBACKs that have come.
func (d *device) acks() []uint16 {
	d.b.t.Helper()
	synctest.Wait()
	var ids []uint16
	for {
		select {
		case p, ok := <-d.in:
			if !ok {
				return ids
			}
			ack, is := p.(*packets.PubackPacket)
			if !is {
				d.b.t.Fatalf("got %v, want PUBACK", p)
			}
			ids = append(ids, ack.MessageID)
		default:
			return ids
		}
	}
}

// closed reports whether the server has closed the connection.
func (d *device) closed() bool {
	synctest.Wait()
	select {
	case _, ok := <-d.in:
		return !ok
	default:
		return false
	}
}

// wantClosed expects the connection to be closed and counted with reason.
func (d *device) wantClosed(reason string) {
	d.b.t.Helper()
	if !d.closed() {
		d.b.t.Error("the connection is open, want it closed")
	}
	if got := d.b.reasons(); got != reason {
		d.b.t.Errorf("refused for %q, want %q", got, reason)
	}
}
