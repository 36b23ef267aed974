package mqtt

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Kinds of control packets.
const (
	connect     = 1
	connack     = 2
	publish     = 3
	puback      = 4
	subscribe   = 8
	suback      = 9
	unsubscribe = 10
	unsuback    = 11
	pingreq     = 12
	pingresp    = 13
	disconnect  = 14
)

// Return codes of CONNACK and SUBACK.
const (
	codeAccepted      = 0
	codeVersion       = 1
	codeIdentifier    = 2
	codeUnavailable   = 3
	codeNotAuthorised = 5

	subackFailure = 0x80
)

// errPacket is the class of what ends a connection with reason packet.
var errPacket = errors.New("protocol error")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errPacket}, args...)...)
}

// header is the fixed header of a packet.
type header struct {
	kind, flags byte
	size        int // bytes that follow
}

// readHeader reads a fixed header and checks its flags and its size; publishes
// says whether a large PUBLISH may come (after CONNECT).
func readHeader(r *bufio.Reader, publishes bool) (header, error) {
	first, err := r.ReadByte()
	if err != nil {
		return header{}, err
	}
	h := header{kind: first >> 4, flags: first & 0xf}
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return h, err
		}
		h.size |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift == 21 {
			return h, malformed("remaining length of more than 4 bytes")
		}
	}
	limit, flags := maxControl, byte(0)
	switch h.kind {
	case publish:
		if publishes {
			limit = maxPublish
		}
		flags = h.flags // DUP, QoS, RETAIN
	case subscribe, unsubscribe:
		flags = 2
	}
	if h.flags != flags {
		return h, malformed("flags %#x of packet kind %d", h.flags, h.kind)
	}
	if h.size > limit {
		return h, malformed("packet of %d bytes, at most %d", h.size, limit)
	}
	return h, nil
}

// publishHead is a PUBLISH up to its payload.
type publishHead struct {
	topic []byte // valid until the next read
	id    uint16 // 0 with QoS 0
	qos   byte
	size  int // of the payload
}

// readTopic reads a PUBLISH up to and including its topic; readID goes on. The
// topic is judged between the two.
func readTopic(r *bufio.Reader, h header) (publishHead, error) {
	p := publishHead{qos: h.flags >> 1 & 3}
	if p.qos > 1 {
		return p, malformed("QoS %d", p.qos)
	}
	if h.size < 3 {
		return p, malformed("PUBLISH of %d bytes", h.size)
	}
	size, err := r.Peek(2)
	if err != nil {
		return p, err
	}
	n := int(binary.BigEndian.Uint16(size))
	p.size = h.size - 2 - n - 2*int(p.qos)
	if p.size < 0 || n == 0 || n > maxTopic {
		return p, malformed("topic of %d bytes in a packet of %d", n, h.size)
	}
	b, err := r.Peek(2 + n)
	if err != nil {
		return p, err
	}
	p.topic = b[2:]
	return p, nil
}

func readID(r *bufio.Reader, p *publishHead) error {
	if _, err := r.Discard(2 + len(p.topic)); err != nil {
		return err
	}
	p.topic = nil
	if p.qos == 0 {
		return nil
	}
	b, err := r.Peek(2)
	if err != nil {
		return err
	}
	if p.id = binary.BigEndian.Uint16(b); p.id == 0 {
		return malformed("packet id 0")
	}
	_, err = r.Discard(2)
	return err
}

// readBody reads n bytes into memory of their own.
func readBody(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// drain reads n bytes and keeps the first of them.
func drain(r io.Reader, n int) ([]byte, *Oversize, error) {
	head, err := readBody(r, min(n, oversized))
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.New()
	sum.Write(head)
	if _, err := io.CopyN(sum, r, int64(n-len(head))); err != nil {
		return nil, nil, err
	}
	o := &Oversize{Size: n}
	sum.Sum(o.SHA256[:0])
	return head, o, nil
}

// fields reads the fields of a packet's body. After the first that does not fit,
// all are zero and short is true.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if len(f.b) < n {
		f.b, f.short = nil, true
		return make([]byte, min(n, 2))
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

func (f *fields) byte() byte     { return f.take(1)[0] }
func (f *fields) uint16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) text() []byte   { return f.take(int(f.uint16())) }

// connectPacket is what the server needs of a CONNECT. User name and password
// are read over: the certificate is the identity.
type connectPacket struct {
	clientID  string
	clean     bool
	keepAlive time.Duration // 0: none
	will      *will
}

type will struct {
	topic   string
	payload []byte
	qos     byte
}

// parseConnect reads a CONNECT. A code other than accepted is to be answered.
func parseConnect(body []byte) (c connectPacket, code byte, err error) {
	f := fields{b: body}
	name := string(f.text())
	if name != "MQTT" && name != "MQIsdp" { // MQTT 3.1 had the other name
		return c, 0, malformed("protocol name %q", name)
	}
	if level := f.byte(); !f.short && (level != 4 || name != "MQTT") {
		return c, codeVersion, nil
	}
	flags := f.byte()
	hasWill, willQoS := flags&4 != 0, flags>>3&3
	if flags&1 != 0 || willQoS == 3 || !hasWill && flags&0x38 != 0 || flags&0xc0 == 0x40 {
		return c, 0, malformed("connect flags %#x", flags)
	}
	c.clean = flags&2 != 0
	c.keepAlive = time.Duration(f.uint16()) * time.Second
	c.clientID = string(f.text())
	if hasWill {
		c.will = &will{topic: string(f.text()), payload: append([]byte(nil), f.text()...), qos: willQoS}
	}
	if flags&0x80 != 0 {
		f.text()
	}
	if flags&0x40 != 0 {
		f.text()
	}
	if f.short || len(f.b) > 0 {
		return c, 0, malformed("CONNECT of %d bytes", len(body))
	}
	if c.clientID == "" && !c.clean {
		return c, codeIdentifier, nil
	}
	return c, codeAccepted, nil
}

// parseFilters reads SUBSCRIBE and, without the QoS of each, UNSUBSCRIBE.
func parseFilters(body []byte, withQoS bool) (id uint16, filters []string, qos []byte, err error) {
	f := fields{b: body}
	id = f.uint16()
	for len(f.b) > 0 {
		filter := f.text()
		f.short = f.short || len(filter) == 0
		filters = append(filters, string(filter))
		if withQoS {
			qos = append(qos, f.byte())
		}
	}
	if f.short || id == 0 || len(filters) == 0 {
		return id, nil, nil, malformed("list of filters of %d bytes", len(body))
	}
	for _, q := range qos {
		if q > 2 {
			return id, nil, nil, malformed("subscription with QoS %d", q)
		}
	}
	return id, filters, qos, nil
}

// appendLength appends a remaining length.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
