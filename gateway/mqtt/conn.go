package mqtt

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// conn is a connection. Its reader is the goroutine of run; the flushers write
// its acknowledgements.
type conn struct {
	srv    *Server
	nc     net.Conn // TLS
	raw    net.Conn // below it
	br     *bufio.Reader
	id     identity
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when nothing more comes from it, not even its will

	due       time.Time     // the reader's deadline; zero: none
	limit     time.Duration // for the present step, from its first read on
	keepAlive time.Duration // what may pass without a packet; 0: any time
	session   string        // thing and client id
	topic     string        // the last one that was allowed
	will      *will

	room chan struct{} // the ring has become shorter

	mu     sync.Mutex
	ring   ring
	queued bool  // in the flush queue, or with a flusher
	closed bool  // nothing more is written
	next   *conn // in the flush queue
}

// readBuffer holds the small packets. TLS has a buffer of its own below it, and
// payloads are read past it, so a larger one gains nothing.
const readBuffer = 2 << 10

func newConn(ctx context.Context, s *Server, nc, raw net.Conn, id identity, due time.Time) *conn {
	c := &conn{srv: s, nc: nc, raw: raw, id: id, due: due, done: make(chan struct{}), room: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.br = bufio.NewReaderSize((*timedReader)(c), readBuffer)
	return c
}

// timedReader reads from the socket within the deadline of the reader's present
// step, and not at all once the connection is cancelled.
type timedReader conn

func (r *timedReader) Read(p []byte) (int, error) {
	if r.due.IsZero() && r.limit > 0 {
		r.due = time.Now().Add(r.limit)
	}
	r.nc.SetReadDeadline(r.due)
	// After the deadline was set: whoever cancels sets one after cancelling.
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.nc.Read(p)
}

// allow gives the reader's next step this time from its first read of the socket
// on; 0: any. Most steps need none: what they read has come with the last.
func (c *conn) allow(d time.Duration) { c.due, c.limit = time.Time{}, d }

var errPolicy = errors.New("not allowed")

// run serves the connection to its end.
func (c *conn) run() {
	defer close(c.done)
	unhook := context.AfterFunc(c.ctx, c.interrupt)
	err := c.connect()
	c.count(err, c.srv.handler.Connected)
	if err == nil {
		err = c.serve()
		c.count(err, c.srv.handler.Refused)
	}
	if c.ctx.Err() != nil {
		err = context.Cause(c.ctx)
	}
	if err == errShutdown {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.srv.cfg.Grace)
		c.wait(ctx, 0)
		cancel()
	}
	unhook()
	c.close(err)
	if c.will != nil && err != nil && err != errShutdown {
		c.srv.handler.Publish(Publish{Thing: c.id.thing, Topic: c.will.topic, QoS: c.will.qos, Read: time.Now(), Payload: c.will.payload})
	}
	c.srv.unregister(c)
}

// count tells why the peer's own doing ended the connection, if it did.
func (c *conn) count(err error, as func(string)) {
	switch {
	case errors.Is(err, errPacket):
		as(wire.ReasonPacket)
	case errors.Is(err, errPolicy):
		as(wire.ReasonPolicy)
	}
}

// interrupt ends the reader's waiting once the connection is cancelled. At
// shutdown the socket stays open for what is still to be acknowledged.
func (c *conn) interrupt() {
	if context.Cause(c.ctx) == errShutdown {
		c.nc.SetReadDeadline(time.Unix(1, 0))
	} else {
		// Not nc.Close: TLS would want to write a farewell to a socket that may be
		// what is stuck.
		c.raw.Close()
	}
}

// close ends the socket. A message that completes later finds the ring closed.
func (c *conn) close(err error) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(err)
	if err != nil {
		c.srv.log.Debug("connection ended", "device", c.id.thing, "err", err)
	}
	if _, refused := err.(refusal); refused {
		if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
			w.CloseWrite()
		}
		linger(c.raw)
		return
	}
	c.nc.Close()
}

// serve reads packets until DISCONNECT (nil) or an error.
func (c *conn) serve() error {
	for {
		c.allow(c.keepAlive)
		h, err := readHeader(c.br, true)
		if err != nil {
			return err
		}
		switch h.kind {
		case publish:
			err = c.publish(h)
		case subscribe, unsubscribe:
			err = c.subscribe(h)
		case pingreq:
			err = c.ping(h)
		case disconnect:
			if h.size != 0 {
				return malformed("DISCONNECT of %d bytes", h.size)
			}
			return nil
		default:
			err = malformed("packet kind %d", h.kind)
		}
		if err != nil {
			return err
		}
	}
}

// publish reads one PUBLISH and hands it over. The topic is judged first, then
// there must be room for the message, and only then is it read.
func (c *conn) publish(h header) error {
	p, err := readTopic(c.br, h)
	if err != nil {
		return err
	}
	if string(p.topic) != c.topic {
		topic := string(p.topic)
		if !c.srv.handler.MayPublish(c.id.thing, topic) {
			return errPolicy
		}
		c.topic = topic
	}
	if err := readID(c.br, &p); err != nil {
		return err
	}
	oversize := p.size > c.srv.cfg.MaxPayload
	cost := int32(weight(p.size) + perMessage)
	if oversize {
		cost = oversized + perMessage
	}
	seq, err := c.reserve(slot{cost: cost, id: p.id})
	if err != nil {
		return err
	}
	m := Publish{Thing: c.id.thing, Topic: c.topic, QoS: p.qos, conn: c, seq: seq}
	if c.br.Buffered() < p.size {
		c.allow(bodyTimeout)
	}
	if oversize {
		m.Payload, m.Oversize, err = drain(c.br, p.size)
	} else {
		m.Payload, err = readPayload(c.br, p.size)
	}
	if err != nil {
		c.unreserve(cost)
		return err
	}
	m.Read = time.Now()
	c.srv.handler.Publish(m)
	return nil
}

func (c *conn) subscribe(h header) error {
	c.allow(bodyTimeout)
	body, err := readBody(c.br, h.size)
	if err != nil {
		return err
	}
	id, filters, qos, err := parseFilters(body, h.kind == subscribe)
	if err != nil {
		return err
	}
	if h.kind == unsubscribe {
		return c.write([]byte{unsuback << 4, 2, byte(id >> 8), byte(id)})
	}
	codes := make([]byte, len(filters))
	for i, f := range filters {
		codes[i] = subackFailure
		if c.srv.handler.MaySubscribe(c.id.thing, f) {
			codes[i] = min(qos[i], 1)
		}
	}
	answer := append([]byte{suback << 4}, appendLength(nil, 2+len(codes))...)
	return c.write(append(append(answer, byte(id>>8), byte(id)), codes...))
}

func (c *conn) ping(h header) error {
	if h.size != 0 {
		return malformed("PINGREQ of %d bytes", h.size)
	}
	return c.write([]byte{pingresp << 4, 0})
}

// write writes b at once. Readers and flushers may write at the same time.
func (c *conn) write(b []byte) error {
	c.nc.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout))
	_, err := c.nc.Write(b)
	return err
}

// sessionOf is the name of the session that a client id means, if the
// certificate allows it.
func (id identity) sessionOf(clientID string) (string, bool) {
	switch {
	case clientID == "", clientID == id.thing:
		return id.thing, true
	case strings.EqualFold(strings.TrimLeft(clientID, "0"), id.serial):
		return id.thing + "/" + id.serial, true
	}
	return "", false
}
