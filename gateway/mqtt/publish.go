package mqtt

import (
	"crypto/sha256"
	"time"
)

// Handler decides and takes what devices publish. Its methods are called by many
// connections at once.
type Handler interface {
	// MayPublish reports whether a thing may publish on a topic. If not, the
	// connection is closed. A connection asks when the topic is another than that
	// of its last message.
	MayPublish(thing, topic string) bool

	// MaySubscribe reports whether a subscription to filter is granted.
	MaySubscribe(thing, filter string) bool

	// Publish takes a message; messages of a connection come one at a time, in
	// order. It must end in one call of p.Ack or p.Close, then or later. While it
	// blocks, the connection is not read.
	Publish(p Publish)

	// Connected counts the end of an attempt to connect: ok, or tls, unknown,
	// policy, packet (as wire's reasons) or busy.
	Connected(result string)

	// Refused counts a connection that the server closed for what came on it;
	// reason is one of wire's policy, packet.
	Refused(reason string)

	// Acknowledged counts a PUBACK that was written, so long after its message was
	// read.
	Acknowledged(took time.Duration)
}

// Publish is a message of a device and the way to answer it.
type Publish struct {
	Thing string
	Topic string
	QoS   byte
	Read  time.Time // when all of it was here

	// Payload is the handler's until it calls Ack. Of an oversized one it is the head.
	Payload []byte
	// Oversize describes a payload that was too large to keep; nil for all others.
	Oversize *Oversize

	conn *conn // nil: a will, which nobody waits for
	seq  uint64
}

// Results of an attempt to connect beside wire's reasons.
const (
	ConnectOK   = "ok"
	ConnectBusy = "busy"
)

// Oversize is what is known of a payload above MaxPayload.
type Oversize struct {
	Size   int
	SHA256 [sha256.Size]byte // of the whole payload
}

// Ack says that the message is stored. The device gets its PUBACK, if it asked
// for one, after those of all its earlier messages. Of several calls the first
// counts.
func (p *Publish) Ack() {
	if p.conn != nil && p.conn.complete(p.seq, p.Read, true) {
		free(p.Payload)
	}
}

// Close says that the message could not be stored: it is never acknowledged and
// its connection is closed, so that the device sends it again.
func (p *Publish) Close() {
	if p.conn != nil {
		p.conn.complete(p.seq, p.Read, false)
	}
}
