package mqtt

import (
	"bufio"
	"bytes"
	"slices"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// readPacket reads one packet as a connection does, without its waiting.
func readPacket(r *bufio.Reader, connected bool) (h header, body any, err error) {
	if h, err = readHeader(r, connected); err != nil {
		return h, nil, err
	}
	if h.kind == publish {
		p, err := readTopic(r, h)
		if err != nil {
			return h, nil, err
		}
		m := Publish{Topic: string(p.topic), QoS: p.qos}
		if err := readID(r, &p); err != nil {
			return h, nil, err
		}
		m.seq = uint64(p.id)
		if p.size > 100 {
			m.Payload, m.Oversize, err = drain(r, p.size)
		} else {
			m.Payload, err = readPayload(r, p.size)
		}
		return h, m, err
	}
	b, err := readBody(r, h.size)
	if err != nil {
		return h, nil, err
	}
	switch h.kind {
	case connect:
		c, code, err := parseConnect(b)
		if code != codeAccepted {
			return h, nil, err
		}
		return h, c, err
	case subscribe, unsubscribe:
		id, filters, qos, err := parseFilters(b, h.kind == subscribe)
		return h, packets.SubscribePacket{MessageID: id, Topics: filters, Qoss: qos}, err
	case pingreq, disconnect:
		return h, nil, nil
	}
	return h, nil, malformed("packet kind %d", h.kind)
}

func FuzzReadPacket(f *testing.F) {
	for _, s := range []string{
		"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
		"\x10\x1d\x00\x04MQTT\x04\xee\x00\x3c\x00\x01a\x00\x03t/a\x00\x02hi\x00\x01u\x00\x01p",
		"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00",
		"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00",
		"\x32\x0a\x00\x03t/a\x00\x01xyz\x30\x05\x00\x03t/a",
		"\x3d\x07\x00\x03t/a\x00\x01",
		"\x30\x80\x02\x00\x03t/a" + string(make([]byte, 251)),
		"\x82\x0e\x00\x09\x00\x03c/a\x01\x00\x03c/b\x00\xa2\x07\x00\x0a\x00\x03c/a",
		"\xc0\x00\xe0\x00",
		"\x10\xff\xff\xff\x7f",
		"\x30\xff\xff\xff\xff\x01",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		input := bytes.NewReader(data)
		r := bufio.NewReaderSize(input, readBuffer)
		oracle := bytes.NewReader(data)
		for connected := false; ; connected = true {
			h, body, err := readPacket(r, connected)
			if err != nil {
				return
			}
			p, err := packets.ReadPacket(oracle)
			if err != nil {
				if codeVersionOnly(h, body) {
					return
				}
				t.Fatalf("paho does not read what we accept: %v", err)
			}
			compare(t, body, p)
			if ours := input.Len() + r.Buffered(); ours != oracle.Len() {
				t.Fatalf("we leave %d bytes, paho %d", ours, oracle.Len())
			}
		}
	})
}

// codeVersionOnly: a CONNECT of which only the protocol level was read.
func codeVersionOnly(h header, body any) bool { return h.kind == connect && body == nil }

func compare(t *testing.T, body any, oracle packets.ControlPacket) {
	switch ours := body.(type) {
	case Publish:
		p := oracle.(*packets.PublishPacket)
		size := len(ours.Payload)
		if ours.Oversize != nil {
			size = ours.Oversize.Size
		}
		if ours.Topic != p.TopicName || ours.QoS != p.Qos || ours.seq != uint64(p.MessageID) || size != len(p.Payload) ||
			!bytes.HasPrefix(p.Payload, ours.Payload) {
			t.Fatalf("ours %+v, paho %+v", ours, p)
		}
	case connectPacket:
		p := oracle.(*packets.ConnectPacket)
		if ours.clientID != p.ClientIdentifier || ours.clean != p.CleanSession || int(ours.keepAlive.Seconds()) != int(p.Keepalive) ||
			(ours.will != nil) != p.WillFlag || p.Validate() != packets.Accepted {
			t.Fatalf("ours %+v, paho %+v", ours, p)
		}
		if w := ours.will; w != nil && (w.topic != p.WillTopic || !bytes.Equal(w.payload, p.WillMessage) || w.qos != p.WillQos) {
			t.Fatalf("ours %+v, paho %+v", w, p)
		}
	case packets.SubscribePacket:
		switch p := oracle.(type) {
		case *packets.SubscribePacket:
			if ours.MessageID != p.MessageID || !slices.Equal(ours.Topics, p.Topics) || !slices.Equal(ours.Qoss, p.Qoss) {
				t.Fatalf("ours %+v, paho %+v", ours, p)
			}
		case *packets.UnsubscribePacket:
			if ours.MessageID != p.MessageID || !slices.Equal(ours.Topics, p.Topics) {
				t.Fatalf("ours %+v, paho %+v", ours, p)
			}
		}
	}
}
