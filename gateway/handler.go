package gateway

import (
	"sync"
	"time"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// handler passes the MQTT server's messages on.
type handler struct {
	ingest  *ingest.Ingest
	metrics *metrics
}

func (h handler) MayPublish(thing, topic string) bool    { return ingest.KindOf(thing, topic) != "" }
func (h handler) MaySubscribe(thing, filter string) bool { return ingest.IsCommand(thing, filter) }
func (h handler) Connected(result string)                { h.metrics.connects.WithLabelValues(result).Inc() }
func (h handler) Acknowledged(took time.Duration)        { h.ingest.Acknowledged(took) }

func (h handler) Refused(reason string) {
	if reason == wire.ReasonPolicy { // of a topic: the only thing judged after CONNECT
		h.ingest.Refused()
	} else {
		h.metrics.errors.Inc()
	}
}

// Publish makes the record of a message and the way to answer it in one piece.
func (h handler) Publish(p mqtt.Publish) {
	d := deliveries.Get().(*delivery)
	d.msg = p
	h.ingest.Take(&d.Delivery, ingest.Message{
		Thing: p.Thing, Topic: p.Topic, QoS: p.QoS, Payload: p.Payload, Received: p.Read, Oversize: (*ingest.Oversize)(p.Oversize),
	}, d)
}

// delivery is a message and its record on their way to the log.
type delivery struct {
	ingest.Delivery
	msg mqtt.Publish
}

// deliveries are used again: at full speed they would be most of what the
// collector has to do.
var deliveries = sync.Pool{New: func() any { return new(delivery) }}

// Ack answers the device. Nobody holds the record of an acknowledged message.
func (d *delivery) Ack() {
	d.msg.Ack()
	*d = delivery{}
	deliveries.Put(d)
}

// Close ends the connection. The client may still be writing a record that it has
// given up, so that is not used again.
func (d *delivery) Close() { d.msg.Close() }
