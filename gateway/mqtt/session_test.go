package mqtt

import (
	"crypto/sha256"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func withWill(topic, payload string) func(*packets.ConnectPacket) {
	return func(p *packets.ConnectPacket) {
		p.WillFlag, p.WillQos, p.WillTopic, p.WillMessage = true, 1, topic, []byte(payload)
	}
}

func TestConnect(t *testing.T) {
	change := func(f func(p *packets.ConnectPacket)) func(*packets.ConnectPacket) { return f }
	for name, c := range map[string]struct {
		change func(*packets.ConnectPacket)
		code   byte
		reason string
	}{
		"empty id":             {nil, codeAccepted, ""},
		"thing":                {change(func(p *packets.ConnectPacket) { p.ClientIdentifier, p.CleanSession = "a", false }), codeAccepted, ""},
		"serial":               {change(func(p *packets.ConnectPacket) { p.ClientIdentifier = "00ABC1" }), codeAccepted, ""},
		"user and password":    {change(func(p *packets.ConnectPacket) { p.UsernameFlag, p.PasswordFlag, p.Username = true, true, "u" }), codeAccepted, ""},
		"foreign id":           {change(func(p *packets.ConnectPacket) { p.ClientIdentifier = "b" }), codeNotAuthorised, "policy"},
		"foreign will":         {withWill("t/b", "x"), codeNotAuthorised, "policy"},
		"empty id, no clean":   {change(func(p *packets.ConnectPacket) { p.CleanSession = false }), codeIdentifier, "packet"},
		"MQTT 3.1":             {change(func(p *packets.ConnectPacket) { p.ProtocolName, p.ProtocolVersion = "MQIsdp", 3 }), codeVersion, "packet"},
		"MQTT 5 (its CONNECT)": {change(func(p *packets.ConnectPacket) { p.ProtocolVersion = 5 }), codeVersion, "packet"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				d := b.dial("a", false).connect(c.change, c.code)
				if open := !d.closed(); open != (c.code == codeAccepted) || b.reasons() != c.reason {
					t.Errorf("open %v, reasons %q; want %v, %q", open, b.reasons(), c.code == codeAccepted, c.reason)
				}
			})
		})
	}
}

func TestConnectWhileNotReady(t *testing.T) {
	ready := false
	inBubble(t, Config{Ready: func() bool { return ready }}, func(b *bubble) {
		b.dial("a", false).connect(nil, codeUnavailable).wantClosed(ConnectBusy)
		ready = true
		b.device("a")
	})
}

func TestProtocolErrorsCloseTheConnection(t *testing.T) {
	connectBytes := "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
	for name, raw := range map[string]string{
		"no CONNECT first":           "\xc0\x00",
		"64 KiB before CONNECT":      "\x10\x81\x80\x04",
		"PUBLISH before CONNECT":     "\x30\x81\x80\x04",
		"length of five bytes":       "\x10\xff\xff\xff\xff\x01",
		"CONNECT cut short":          "\x10\x08\x00\x04MQTT\x04\x02",
		"CONNECT too long":           "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x00x",
		"connect reserved flag":      "\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00",
		"other protocol":             "\x10\x0c\x00\x04MQXX\x04\x02\x00\x00\x00\x00",
		"second CONNECT":             connectBytes + connectBytes,
		"kind 0":                     connectBytes + "\x00\x00",
		"kind 15":                    connectBytes + "\xf0\x00",
		"PUBACK from a device":       connectBytes + "\x40\x02\x00\x01",
		"PUBREL":                     connectBytes + "\x62\x02\x00\x01",
		"QoS 2":                      connectBytes + "\x34\x08\x00\x03t/a\x00\x01x",
		"QoS 3":                      connectBytes + "\x36\x08\x00\x03t/a\x00\x01x",
		"packet id 0":                connectBytes + "\x32\x08\x00\x03t/a\x00\x00x",
		"topic past the end":         connectBytes + "\x30\x05\x00\x09t/a",
		"no topic":                   connectBytes + "\x30\x02\x00\x00",
		"PUBLISH above 1 MiB":        connectBytes + "\x30\x81\x80\x40",
		"SUBSCRIBE above 64 KiB":     connectBytes + "\x82\x81\x80\x04",
		"SUBSCRIBE with wrong flags": connectBytes + "\x80\x08\x00\x01\x00\x03c/a\x00",
		"SUBSCRIBE without filters":  connectBytes + "\x82\x02\x00\x01",
		"SUBSCRIBE cut short":        connectBytes + "\x82\x06\x00\x01\x00\x03c/",
		"SUBSCRIBE QoS 3":            connectBytes + "\x82\x08\x00\x01\x00\x03c/a\x03",
		"UNSUBSCRIBE id 0":           connectBytes + "\xa2\x07\x00\x00\x00\x03c/a",
		"PINGREQ with body":          connectBytes + "\xc0\x01x",
		"DISCONNECT with body":       connectBytes + "\xe0\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				d := b.dial("a", false)
				d.raw([]byte(raw))
				if strings.HasPrefix(raw, connectBytes) {
					if ack, ok := (<-d.in).(*packets.ConnackPacket); !ok || ack.ReturnCode != 0 {
						t.Fatalf("CONNECT answered with %v", ack)
					}
				}
				d.wantClosed("packet")
				if n := len(b.messages()); n != 0 {
					t.Errorf("handler got %d messages", n)
				}
			})
		})
	}
}

func TestForeignTopicClosesTheConnection(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		d := b.device("a")
		d.publish("t/b", 1, "x")
		d.wantClosed("policy")
		if n := len(b.messages()); n != 0 {
			t.Errorf("handler got %d messages", n)
		}
	})
}

func TestPublishFields(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		b.memory.auto = true
		d := b.device("a")
		retained := publishPacket("t/a", 7, []byte("kept as any other"))
		retained.Retain, retained.Dup = true, true
		d.send(retained)
		d.publish("t/a", 0, "")
		m := b.messages()
		if len(m) != 2 || m[0].Thing != "a" || m[0].Topic != "t/a" || m[0].QoS != 1 || string(m[0].Payload) != "kept as any other" ||
			m[0].Oversize != nil || m[1].QoS != 0 || len(m[1].Payload) != 0 {
			t.Errorf("handler got %+v", m)
		}
		if got := d.acks(); len(got) != 1 || got[0] != 7 {
			t.Errorf("acks %v, want [7]", got)
		}
	})
}

func TestOversizedPayloadIsDrained(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		b.memory.auto = true
		d := b.device("a")
		body := make([]byte, maxPublish-2-3-2) // the packet is exactly 1 MiB
		for i := range body {
			body[i] = byte(i * 7)
		}
		d.publish("t/a", 1, string(body))
		d.publish("t/a", 2, string(body[:262_145]))
		d.publish("t/a", 3, string(body[:262_144]))
		m := b.messages()
		if len(m) != 3 {
			t.Fatalf("handler got %d messages, want 3", len(m))
		}
		for i, n := range []int{len(body), 262_145} {
			o := m[i].Oversize
			if o == nil || o.Size != n || o.SHA256 != sha256.Sum256(body[:n]) || string(m[i].Payload) != string(body[:4096]) {
				t.Errorf("message %d: %d bytes kept of %d, oversize %+v", i, len(m[i].Payload), n, o)
			}
		}
		if m[2].Oversize != nil || len(m[2].Payload) != 262_144 {
			t.Errorf("a payload of the largest size is not kept")
		}
		if got := d.acks(); len(got) != 3 {
			t.Errorf("acks %v, want three", got)
		}
	})
}

func TestSubscribeGrantsOnlyItsOwn(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		d := b.device("a")
		p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
		p.MessageID, p.Topics, p.Qoss = 9, []string{"c/a/#", "c/b/#", "#", "c/a/x"}, []byte{2, 1, 0, 0}
		d.send(p)
		ack := (<-d.in).(*packets.SubackPacket)
		if ack.MessageID != 9 || string(ack.ReturnCodes) != "\x01\x80\x80\x00" {
			t.Errorf("SUBACK %v, want 1 128 128 0", ack.ReturnCodes)
		}
		u := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
		u.MessageID, u.Topics = 10, []string{"c/a/#"}
		d.send(u)
		if ack := (<-d.in).(*packets.UnsubackPacket); ack.MessageID != 10 {
			t.Errorf("UNSUBACK of %d", ack.MessageID)
		}
		d.send(packets.NewControlPacket(packets.Pingreq))
		if _, ok := (<-d.in).(*packets.PingrespPacket); !ok {
			t.Error("no PINGRESP")
		}
	})
}

func TestConnectDeadline(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		begun := time.Now()
		silent, trickling := b.dial("a", false), b.dial("b", false)
		trickling.raw([]byte("\x10\x0c\x00"))
		time.Sleep(9 * time.Second)
		trickling.raw([]byte("\x04"))
		if silent.closed() || trickling.closed() {
			t.Fatal("closed before the deadline")
		}
		time.Sleep(2 * time.Second)
		if !silent.closed() || !trickling.closed() {
			t.Fatal("open after the deadline")
		}
		if a, b := silent.readAt.Sub(begun), trickling.readAt.Sub(begun); a != 10*time.Second || b != 10*time.Second {
			t.Errorf("closed after %s and %s, want 10s", a, b)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		begun := time.Now()
		d := b.dial("a", false).connect(func(p *packets.ConnectPacket) {
			p.Keepalive = 60
			withWill("t/a", "gone")(p)
		}, codeAccepted)
		forever := b.device("b") // keep-alive 0
		for range 10 {
			time.Sleep(89 * time.Second)
			d.send(packets.NewControlPacket(packets.Pingreq))
			if _, ok := (<-d.in).(*packets.PingrespPacket); !ok {
				t.Fatal("no PINGRESP")
			}
		}
		last := time.Now()
		d.raw([]byte{publish << 4}) // half a header is no packet
		time.Sleep(24 * time.Hour)
		if !d.closed() || d.readAt.Sub(last) != 90*time.Second {
			t.Errorf("closed %s after the last packet (%s in), want 90s", d.readAt.Sub(last), last.Sub(begun))
		}
		if forever.closed() {
			t.Error("a connection without keep-alive was closed")
		}
		if m := b.messages(); len(m) != 1 || string(m[0].Payload) != "gone" {
			t.Errorf("messages %v, want the will", m)
		}
	})
}

// While the window holds the reader back, the device is not to blame for silence.
func TestBlockedReaderDoesNotCountAsSilence(t *testing.T) {
	inBubble(t, Config{Window: 1}, func(b *bubble) {
		d := b.dial("a", false).connect(func(p *packets.ConnectPacket) { p.Keepalive = 10 }, codeAccepted)
		d.publish("t/a", 1, "x")
		d.publish("t/a", 2, "y")
		time.Sleep(10 * time.Minute)
		b.messages()[0].Ack()
		if got := d.acks(); len(got) != 1 || len(b.messages()) != 2 {
			t.Errorf("acks %v, %d messages; want one, 2", got, len(b.messages()))
		}
	})
}

func TestWill(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(d *device)
		will bool
	}{
		"DISCONNECT":     {func(d *device) { d.send(packets.NewControlPacket(packets.Disconnect)) }, false},
		"socket closed":  {func(d *device) { d.nc.Close() }, true},
		"protocol error": {func(d *device) { d.raw([]byte{0, 0}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				d := b.dial("a", false).connect(withWill("t/a", "gone"), codeAccepted)
				d.publish("t/a", 1, "x")
				c.end(d)
				synctest.Wait()
				m := b.messages()
				if got := len(m) == 2 && string(m[1].Payload) == "gone" && m[1].Topic == "t/a" && m[1].Thing == "a"; got != c.will {
					t.Errorf("messages %+v, want the will: %v", m, c.will)
				}
				m[len(m)-1].Ack() // nobody waits for it
			})
		})
	}
}

// The earlier connection's messages and will come before the new one's.
func TestTakeover(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		old := b.dial("a", false).connect(withWill("t/a", "will"), codeAccepted)
		other := b.dial("a", false).connect(func(p *packets.ConnectPacket) { p.ClientIdentifier = "abc1" }, codeAccepted)
		old.publish("t/a", 1, "old")
		now := b.dial("a", false).connect(func(p *packets.ConnectPacket) { p.ClientIdentifier = "a" }, codeAccepted)
		now.publish("t/a", 1, "new")
		if !old.closed() || other.closed() || now.closed() {
			t.Errorf("closed: old %v, other client id %v, new %v", old.closed(), other.closed(), now.closed())
		}
		var order []string
		for _, m := range b.messages() {
			order = append(order, string(m.Payload))
		}
		if got := strings.Join(order, " "); got != "old will new" {
			t.Errorf("order %q", got)
		}
		b.messages()[0].Ack() // of the old connection: the new one must not see it
		if got := now.acks(); len(got) != 0 {
			t.Errorf("acks %v, want none", got)
		}
		if n := b.s.Connections(); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}
