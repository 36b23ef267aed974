package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// ingest makes records of messages. It is the handler of the MQTT server.
type ingest struct {
	ctx        context.Context // of all records; ends with Run
	client     *kgo.Client
	device     string // names of topics
	quarantine string
	health     *health
	metrics    *metrics
	log        *slog.Logger
}

func (in *ingest) MayPublish(thing, topic string) bool    { return kindOf(thing, topic) != "" }
func (in *ingest) MaySubscribe(thing, filter string) bool { return isCommand(thing, filter) }
func (in *ingest) Refused(reason string)                  { in.metrics.refused.WithLabelValues(reason).Inc() }

// Publish hands the record of a message to the client. A crash before the log
// has it loses nothing: the device has no PUBACK and sends it again. A crash
// after that and before the PUBACK makes a repeat, which the processor drops.
func (in *ingest) Publish(m mqtt.Publish) {
	received := time.Now()
	kind := kindOf(m.Thing, m.Topic)
	in.metrics.received.WithLabelValues(kind).Inc()

	d := &delivery{in: in, msg: m, received: received}
	v := check(kind, &m, received)
	switch {
	case v.reason != "":
		in.Refused(v.reason)
		d.quarantine(v.reason)
	default:
		if v.impossible {
			in.Refused(wire.ReasonTime)
		}
		in.metrics.samples.Add(float64(v.samples))
		d.accept(kind, v)
	}
	in.health.began(received)
	in.client.Produce(in.ctx, &d.rec, d.done)
}

// delivery is a message on its way to the log; all that its record needs beside
// the payload is in one piece of memory.
type delivery struct {
	rec      kgo.Record
	in       *ingest
	msg      mqtt.Publish
	received time.Time
	headers  [7]kgo.RecordHeader
	text     [192]byte // key, thing and time, unless they are longer
}

var (
	valueVia        = []byte("mqtt")
	valueImpossible = []byte(strconv.Itoa(wire.FlagImpossibleTime))
	valueKind       = map[string][]byte{
		wire.KindSamples: []byte(wire.KindSamples),
		wire.KindStatus:  []byte(wire.KindStatus),
		wire.KindEvent:   []byte(wire.KindEvent),
	}
)

// accept makes the record of a message that can be read.
func (d *delivery) accept(kind string, v verdict) {
	thing := append(d.text[:0], d.msg.Thing...)
	key := thing
	rest := thing[len(thing):]
	if v.sensor != d.msg.Thing {
		key = append(rest, v.sensor...)
		rest = key[len(key):]
	}
	h := append(d.headers[:0],
		kgo.RecordHeader{Key: wire.HeaderKind, Value: valueKind[kind]},
		kgo.RecordHeader{Key: wire.HeaderThing, Value: thing},
		kgo.RecordHeader{Key: wire.HeaderVia, Value: valueVia},
		kgo.RecordHeader{Key: wire.HeaderReceived, Value: strconv.AppendInt(rest, d.received.UnixMicro(), 10)})
	if v.impossible {
		h = append(h, kgo.RecordHeader{Key: wire.HeaderFlags, Value: valueImpossible})
	}
	d.rec = kgo.Record{Topic: d.in.device, Key: key, Value: d.msg.Payload, Headers: h, Timestamp: d.received}
}

// quarantine makes the record of a message that cannot be read: its bytes, or the
// head of them, and what is known of it.
func (d *delivery) quarantine(reason string) {
	o := d.msg.Oversize
	if o == nil {
		o = &mqtt.Oversize{Size: len(d.msg.Payload), SHA256: sha256.Sum256(d.msg.Payload)}
	}
	thing := []byte(d.msg.Thing)
	h := append(d.headers[:0],
		kgo.RecordHeader{Key: wire.HeaderReason, Value: []byte(reason)},
		kgo.RecordHeader{Key: wire.HeaderThing, Value: thing},
		kgo.RecordHeader{Key: wire.HeaderTopic, Value: []byte(d.msg.Topic)},
		kgo.RecordHeader{Key: wire.HeaderReceived, Value: strconv.AppendInt(nil, d.received.UnixMicro(), 10)},
		kgo.RecordHeader{Key: wire.HeaderSize, Value: strconv.AppendInt(nil, int64(o.Size), 10)},
		kgo.RecordHeader{Key: wire.HeaderSHA256, Value: hex.AppendEncode(nil, o.SHA256[:])})
	d.rec = kgo.Record{Topic: d.in.quarantine, Key: thing, Value: d.msg.Payload, Headers: h, Timestamp: d.received}
}

// done is the log's answer. It must not block.
func (d *delivery) done(_ *kgo.Record, err error) {
	now := time.Now()
	d.in.health.ended(now, err == nil)
	if err != nil {
		d.in.metrics.produceErrors.Inc()
		d.in.log.Debug("message not stored", "device", d.msg.Thing, "topic", d.rec.Topic, "err", err)
		d.msg.Close()
		return
	}
	d.in.metrics.produceSeconds.Observe(now.Sub(d.received).Seconds())
	if d.msg.QoS > 0 {
		d.in.metrics.acknowledged.Inc()
	}
	d.msg.Ack()
}
