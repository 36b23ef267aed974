package bridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream/wire"
)

// Times of a connection.
const (
	connectTimeout = 10 * time.Second
	keepAlive      = 30 * time.Second
)

var errNotStored = errors.New("the log refused a message; the broker must send it again")

// session is one connection to the broker.
type session struct {
	bridge *Bridge
	client paho.Client
	ctx    context.Context // done: take no more
	end    context.CancelCauseFunc
}

// session connects, subscribes and takes messages until the connection is lost, a
// message could not be stored, or ctx is done.
func (b *Bridge) session(ctx context.Context) error {
	live, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	s := &session{bridge: b, ctx: ctx, end: end}
	s.client = paho.NewClient(s.options())
	defer func() { s.client.Disconnect(uint((time.Second + b.cfg.Grace).Milliseconds())) }()

	connect := s.client.Connect().(*paho.ConnectToken)
	if err := wait(ctx, connect); err != nil {
		return fmt.Errorf("connect to %s as %q: %w", b.cfg.Broker, b.cfg.ClientID, err)
	}
	if !connect.SessionPresent() {
		b.metrics.fresh.Inc()
	}
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	b.setAway(nil)
	b.log.Info("broker connected", "addr", b.cfg.Broker, "session", connect.SessionPresent())
	if err := s.watchDropped(ctx); err != nil {
		return err
	}
	select {
	case <-live.Done():
		return context.Cause(live)
	case <-ctx.Done():
	}
	// Nothing more is taken. What is in flight gets its grace; what does
	// not make it is sent again to the next session.
	grace, cancel := context.WithTimeout(live, b.cfg.Grace)
	defer cancel()
	return b.flight.until(grace, 0)
}

// options are the rules under which nothing is lost when a bridge dies. The default
// handler is set before Connect because the broker sends what waits right after
// CONNACK, and a message without a handler would hold its place for ever.
func (s *session) options() *paho.ClientOptions {
	b := s.bridge
	return paho.NewClientOptions().
		AddBroker(b.cfg.Broker).
		SetClientID(b.cfg.ClientID).
		SetProtocolVersion(4).
		SetCleanSession(false).
		SetAutoAckDisabled(true).
		SetOrderMatters(true).
		SetDefaultPublishHandler(s.take).
		SetAutoReconnect(false). // a session is one connection
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.end(fmt.Errorf("connection lost: %w", err)) }).
		SetConnectTimeout(connectTimeout).
		SetKeepAlive(keepAlive).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return b.dial(s.ctx) })
}

func (b *Bridge) dial(ctx context.Context) (net.Conn, error) {
	addr, cfg, err := b.cfg.address()
	if err != nil {
		return nil, err
	}
	b.certs.Store(cfg)
	bounded, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var nc net.Conn
	if cfg == nil {
		nc, err = new(net.Dialer).DialContext(bounded, "tcp", addr)
	} else {
		nc, err = (&tls.Dialer{Config: cfg}).DialContext(bounded, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	return newGate(nc, b, ctx), nil
}

// subscribe asks for the topics of all things. A grant of less than QoS 1 would
// lose messages and is refused.
func (s *session) subscribe(ctx context.Context) error {
	b := s.bridge
	filters := map[string]byte{}
	for _, name := range ingest.Names {
		filters[b.cfg.filter(name)] = 1
	}
	token := s.client.SubscribeMultiple(filters, nil)
	if err := wait(ctx, token); err != nil {
		return fmt.Errorf("subscribe at %s: %w", b.cfg.Broker, err)
	}
	for filter, qos := range token.(*paho.SubscribeToken).Result() {
		if qos != 1 {
			return fmt.Errorf("subscribe to %q: the broker answers %#x, not QoS 1: allow client %q to read it", filter, qos, b.cfg.ClientID)
		}
	}
	return nil
}

// watchDropped asks for the broker's own count of what it dropped.
func (s *session) watchDropped(ctx context.Context) error {
	topic := s.bridge.cfg.Dropped
	if topic == "" {
		return nil
	}
	token := s.client.Subscribe(topic, 0, nil)
	if err := wait(ctx, token); err != nil {
		return fmt.Errorf("subscribe to --bridge.dropped_topic %q: %w", topic, err)
	}
	if qos := token.(*paho.SubscribeToken).Result()[topic]; qos > 2 {
		s.bridge.log.Warn("the broker does not let its dropped messages be read", "topic", topic)
	}
	return nil
}

func wait(ctx context.Context, t paho.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// delivery is a message on its way to the log and back to the broker.
type delivery struct {
	ingest.Delivery
	session *session
	msg     paho.Message
	cost    int64
	stored  chan bool // the log's answer, once
}

func (d *delivery) Ack()   { d.stored <- true }
func (d *delivery) Close() { d.stored <- false }

// take is paho's handler: one message at a time, in order. It does not block, for
// order has room for all that the budget lets in.
func (s *session) take(_ paho.Client, msg paho.Message) {
	b, topic, payload := s.bridge, msg.Topic(), msg.Payload()
	if topic == b.cfg.Dropped {
		if n, err := strconv.ParseFloat(string(payload), 64); err == nil {
			b.metrics.dropped.Set(n)
		}
		return
	}
	if s.ctx.Err() != nil {
		return // paho had it in its hands; it comes again
	}
	d := &delivery{session: s, msg: msg, cost: int64(len(payload)) + perMessage, stored: make(chan bool, 1)}
	m := ingest.Message{Thing: ingest.ThingOf(topic), Topic: topic, QoS: msg.Qos(), Payload: payload, Received: time.Now()}
	if len(payload) > wire.MaxPayload {
		m.Oversize = &ingest.Oversize{Size: len(payload), SHA256: sha256.Sum256(payload)}
		m.Payload = bytes.Clone(payload[:ingest.KeepOversized])
	}
	b.flight.add(d.cost)
	b.order <- d
	b.ingest.Take(&d.Delivery, m, d)
}
