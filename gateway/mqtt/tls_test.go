package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/wearstream/wearstream/gateway/internal/testca"
)

// serve runs a server on a loopback port until the test ends.
func serve(t testing.TB, cfg Config, h Handler) (*Server, string) {
	s, err := New(cfg, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return s, ln.Addr().String()
}

// connectTLS dials, sends CONNECT and reads the CONNACK.
func connectTLS(addr string, cfg *tls.Config) (*tls.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: cfg}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(nc, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"); err != nil {
		return nil, err
	}
	p, err := packets.ReadPacket(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	if ack, ok := p.(*packets.ConnackPacket); !ok || ack.ReturnCode != 0 {
		nc.Close()
		return nil, errors.New(p.String())
	}
	return nc.(*tls.Conn), nil
}

func TestCertificates(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	h := new(memory)
	_, addr := serve(t, Config{TLS: ca.Server()}, h)
	strange := other.Client("a")
	strange.RootCAs = ca.Pool()
	old := ca.Client("a")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for _, c := range []struct {
		name   string
		client *tls.Config
		reason string
	}{
		{"good", ca.Client("a"), ""},
		{"none", &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}, "tls"},
		{"unknown authority", strange, "unknown"},
		{"not a thing's name", ca.Client("a/b"), "unknown"},
		{"TLS 1.1", old, "tls"},
	} {
		before := h.reasons()
		nc, err := connectTLS(addr, c.client)
		if err == nil {
			nc.Close()
		}
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		alert, ok := errors.AsType[tls.AlertError](err)
		remote, ok2 := errors.AsType[*net.OpError](err) // a received alert is one of these, "remote error"
		if !ok && (!ok2 || remote.Op != "remote error") {
			t.Errorf("%s: got %v (%v), want a TLS alert", c.name, err, alert)
		}
		want := strings.TrimSpace(before + " " + c.reason)
		if got := h.waitReasons(want); got != want {
			t.Errorf("%s: counted %q after %q, want %q more", c.name, got, before, c.reason)
		}
	}
}

// waitReasons gives the server, which counts after its alert, time to count.
func (m *memory) waitReasons(want string) string {
	for end := time.Now().Add(10 * time.Second); m.reasons() != want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return m.reasons()
}

// A resumed session is judged as a new one: this is what revocation rests on.
func TestResumedSessionsAreVerified(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ca := testca.New(t)
		var revoked atomic.Bool
		cfg := ca.Server()
		cfg.VerifyConnection = func(tls.ConnectionState) error {
			if revoked.Load() {
				return errors.New("revoked")
			}
			return nil
		}
		h := new(memory)
		_, addr := serve(t, Config{TLS: cfg}, h)
		client := ca.Client("a")
		client.MaxVersion = version
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i := range 2 {
			nc, err := connectTLS(addr, client)
			if err != nil {
				t.Fatal(err)
			}
			if got := nc.ConnectionState().DidResume; got != (i == 1) {
				t.Fatalf("version %x, connection %d: resumed %v", version, i, got)
			}
			nc.Close()
		}
		revoked.Store(true)
		if nc, err := connectTLS(addr, client); err == nil {
			nc.Close()
			t.Errorf("version %x: a revoked certificate resumed its session", version)
		}
		if got := h.waitReasons("unknown"); got != "unknown" {
			t.Errorf("version %x: refused for %q, want unknown", version, got)
		}
	}
}

// Sockets that say nothing take no place of a handshake.
func TestIdleSocketsDoNotStopHandshakes(t *testing.T) {
	ca := testca.New(t)
	_, addr := serve(t, Config{TLS: ca.Server(), Handshakes: 1}, new(memory))
	for range 5 {
		idle, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	for range 3 {
		nc, err := connectTLS(addr, ca.Client("a"))
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
	}
}

// One connection over TLS: acknowledgements of a pipelined burst, then DISCONNECT.
func TestPipelinedBurstOverTLS(t *testing.T) {
	ca := testca.New(t)
	h := &memory{auto: true}
	s, addr := serve(t, Config{TLS: ca.Server()}, h)
	nc, err := connectTLS(addr, ca.Client("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	const n = 500
	var burst bytes.Buffer
	for id := range uint16(n) {
		publishPacket("t/a", id+1, make([]byte, 3000)).Write(&burst)
	}
	go nc.Write(burst.Bytes())
	for id := range uint16(n) {
		p, err := packets.ReadPacket(nc)
		if err != nil {
			t.Fatal(err)
		}
		if ack, ok := p.(*packets.PubackPacket); !ok || ack.MessageID != id+1 {
			t.Fatalf("got %v, want PUBACK of %d", p, id+1)
		}
	}
	if got := len(h.messages()); got != n || s.InFlight() != 0 {
		t.Errorf("%d messages, %d bytes in flight; want %d, 0", got, s.InFlight(), n)
	}
}
