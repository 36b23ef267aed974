package mqtt

import (
	"crypto/tls"
	"errors"
	"time"
)

// Config is what a Server must know. The zero value of a limit is its default.
type Config struct {
	// TLS holds the server's certificate and the authorities of its clients
	// (ClientCAs). A VerifyConnection in it runs after the server's own.
	TLS *tls.Config

	// Ready says whether messages are taken at present; if not, a CONNECT is
	// answered with code 3, server unavailable. Nil: always.
	Ready func() bool

	Window         int           // messages in flight per connection; default 64
	Budget         int64         // bytes in flight of all connections; default 128 MiB
	MaxPayload     int           // largest payload that is kept; default 262,144
	Handshakes     int           // TLS handshakes at a time; default 64
	Flushers       int           // goroutines that write acknowledgements; default 8
	ConnectTimeout time.Duration // from accept to CONNECT; default 10 s
	WriteTimeout   time.Duration // for one write; default 2 s
	Grace          time.Duration // for what is in flight at shutdown; default 5 s
}

// Limits of a packet. After CONNECT only a PUBLISH may be larger than
// maxControl.
const (
	maxControl = 64 << 10
	maxPublish = 1 << 20
	maxTopic   = 512     // bytes; no topic of ours comes near
	oversized  = 4 << 10 // what is kept of a payload above MaxPayload
)

// perMessage is what a message costs of the budget beside its payload, so that
// the budget bounds their number too.
const perMessage = 512

// bodyTimeout is how long a packet may take to arrive once it has begun.
const bodyTimeout = time.Minute

func (c Config) withDefaults() (Config, error) {
	if c.TLS == nil || c.TLS.ClientCAs == nil {
		return c, errors.New("mqtt: TLS with ClientCAs is needed")
	}
	c.Window = or(c.Window, 64)
	c.Budget = max(or(c.Budget, 128<<20), maxPublish+perMessage) // one message always fits
	c.MaxPayload = or(c.MaxPayload, 262_144)
	c.Handshakes = or(c.Handshakes, 64)
	c.Flushers = or(c.Flushers, 8)
	c.ConnectTimeout = or(c.ConnectTimeout, 10*time.Second)
	c.WriteTimeout = or(c.WriteTimeout, 2*time.Second)
	c.Grace = or(c.Grace, 5*time.Second)
	return c, nil
}

func or[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}
