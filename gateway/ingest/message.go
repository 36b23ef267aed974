package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// Message is what a thing published.
type Message struct {
	Thing    string // empty: it is not known, and the message goes to quarantine
	Topic    string
	QoS      byte
	Payload  []byte    // ours from now on; of an oversized one the head
	Oversize *Oversize // nil, unless the payload was too large to keep
	Received time.Time // when all of it was here
}

// Oversize is what is known of a payload above wire.MaxPayload.
type Oversize struct {
	Size   int
	SHA256 [sha256.Size]byte // of the whole payload
}

// KeepOversized is what is kept of a payload above wire.MaxPayload, in bytes.
const KeepOversized = 4 << 10

// Answer is told once what became of a message. It must not block.
type Answer interface {
	Ack()   // the log has it; nothing of the Delivery is used afterwards
	Close() // the log refused it; the sender must send it again
}

// Delivery is a message on its way to the log; all that its record needs beside
// the payload is in one piece of memory, which is the front's to make, so that it
// can hold the front's own part too.
type Delivery struct {
	rec      kgo.Record
	in       *Ingest
	answer   Answer
	received time.Time
	headers  [7]kgo.RecordHeader
	text     [184]byte // key, thing and time, unless they are longer; with the front's part 768 bytes
}

// Take hands the record of a message to the client. A crash before the log has it
// loses nothing: it is not acknowledged, and its sender sends it again. A crash
// after that and before the acknowledgement makes a repeat, which the processor
// drops.
func (in *Ingest) Take(d *Delivery, m Message, answer Answer) {
	received := m.Received
	d.in, d.answer, d.received = in, answer, received
	kind := KindOf(m.Thing, m.Topic)
	size := len(m.Payload)
	if m.Oversize != nil {
		size = m.Oversize.Size
	}
	in.metrics.bytes.Add(float64(size))
	v := check(kind, &m, received)
	switch {
	case v.reason != "":
		d.quarantine(&m, v.reason)
	default:
		if v.impossible {
			in.metrics.impossible.Inc()
		}
		in.metrics.samples.Add(float64(v.samples))
		d.accept(&m, kind, v)
	}
	in.health.began(received)
	in.client.Produce(in.ctx, &d.rec, d.done)
}

// Received is what its message says.
func (d *Delivery) Received() time.Time { return d.received }

var (
	valueJSON       = []byte(wire.ContentJSON)
	valueImpossible = []byte(strconv.Itoa(wire.FlagImpossibleTime))
	valueKind       = map[string][]byte{
		wire.KindSamples: []byte(wire.KindSamples),
		wire.KindStatus:  []byte(wire.KindStatus),
		wire.KindEvent:   []byte(wire.KindEvent),
	}
)

// accept makes the record of a message that can be read.
func (d *Delivery) accept(m *Message, kind string, v verdict) {
	thing := append(d.text[:0], m.Thing...)
	key := thing
	rest := thing[len(thing):]
	if v.sensor != m.Thing {
		key = append(rest, v.sensor...)
		rest = key[len(key):]
	}
	h := append(d.headers[:0],
		kgo.RecordHeader{Key: wire.HeaderKind, Value: valueKind[kind]},
		kgo.RecordHeader{Key: wire.HeaderThing, Value: thing},
		kgo.RecordHeader{Key: wire.HeaderVia, Value: d.in.via},
		kgo.RecordHeader{Key: wire.HeaderReceived, Value: strconv.AppendInt(rest, d.received.UnixMicro(), 10)})
	if contentTypeOf(m.Topic) != "" {
		h = append(h, kgo.RecordHeader{Key: wire.HeaderContentType, Value: valueJSON})
	}
	if v.impossible {
		h = append(h, kgo.RecordHeader{Key: wire.HeaderFlags, Value: valueImpossible})
	}
	d.rec = kgo.Record{Topic: d.in.device, Key: key, Value: m.Payload, Headers: h, Timestamp: d.received}
}

// quarantine makes the record of a message that cannot be read: its bytes, or the
// head of them, and what is known of it.
func (d *Delivery) quarantine(m *Message, reason string) {
	o := m.Oversize
	if o == nil {
		o = &Oversize{Size: len(m.Payload), SHA256: sha256.Sum256(m.Payload)}
	}
	thing := []byte(m.Thing)
	h := append(d.headers[:0],
		kgo.RecordHeader{Key: wire.HeaderReason, Value: []byte(reason)},
		kgo.RecordHeader{Key: wire.HeaderThing, Value: thing},
		kgo.RecordHeader{Key: wire.HeaderTopic, Value: []byte(m.Topic)},
		kgo.RecordHeader{Key: wire.HeaderReceived, Value: strconv.AppendInt(nil, d.received.UnixMicro(), 10)},
		kgo.RecordHeader{Key: wire.HeaderSize, Value: strconv.AppendInt(nil, int64(o.Size), 10)},
		kgo.RecordHeader{Key: wire.HeaderSHA256, Value: hex.AppendEncode(nil, o.SHA256[:])})
	d.rec = kgo.Record{Topic: d.in.quarantine, Key: thing, Value: m.Payload, Headers: h, Timestamp: d.received}
}

// done is the log's answer. It must not block.
func (d *Delivery) done(_ *kgo.Record, err error) {
	in, now := d.in, time.Now()
	in.health.ended(now, err == nil)
	if err != nil {
		in.Refused()
		in.log.Debug("message not stored", "device", thingOf(&d.rec), "topic", d.rec.Topic, "err", err)
		d.answer.Close()
		return
	}
	if d.rec.Topic == in.quarantine {
		in.metrics.kept.Inc()
		in.metrics.quarantined.WithLabelValues(string(d.rec.Headers[0].Value)).Inc() // see quarantine
	} else {
		in.metrics.acked.Inc()
	}
	d.answer.Ack()
}

// thingOf is the thing of a record: both kinds have it second.
func thingOf(r *kgo.Record) string { return string(r.Headers[1].Value) }
