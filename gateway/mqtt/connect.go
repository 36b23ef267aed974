package mqtt

import "fmt"

// refusal is a CONNECT that was answered with a code.
type refusal struct {
	code byte
	err  error // errPolicy, errPacket or nil
}

func (r refusal) Error() string { return fmt.Sprintf("CONNECT refused with code %d", r.code) }
func (r refusal) Unwrap() error { return r.err }

// connect reads CONNECT and answers it. The deadline is the one of the accept.
func (c *conn) connect() error {
	h, err := readHeader(c.br, false)
	if err != nil {
		return err
	}
	if h.kind != connect {
		return malformed("packet kind %d before CONNECT", h.kind)
	}
	body, err := readBody(c.br, h.size)
	if err != nil {
		return err
	}
	p, code, err := parseConnect(body)
	if err != nil {
		return err
	}
	reason := errPacket
	if code == codeAccepted {
		code, reason = c.admit(&p)
	}
	if code != codeAccepted {
		c.write([]byte{connack << 4, 2, 0, code})
		return refusal{code, reason}
	}
	if err := c.srv.register(c); err != nil {
		return err
	}
	c.keepAlive = p.keepAlive * 3 / 2
	c.will = p.will
	c.srv.handler.Connected(ConnectOK)
	return c.write([]byte{connack << 4, 2, 0, codeAccepted})
}

// admit decides on a CONNECT that can be read.
func (c *conn) admit(p *connectPacket) (byte, error) {
	session, ok := c.id.sessionOf(p.clientID)
	if !ok || p.will != nil && !c.srv.handler.MayPublish(c.id.thing, p.will.topic) {
		return codeNotAuthorised, errPolicy
	}
	// While the log takes nothing a reader blocks and cannot answer pings: who is
	// let in would only leave and come back.
	if c.srv.cfg.Ready != nil && !c.srv.cfg.Ready() {
		c.srv.handler.Connected(ConnectBusy)
		return codeUnavailable, nil
	}
	c.session = session
	return codeAccepted, nil
}
