package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
)

// Deps is what a bridge works with.
type Deps struct {
	Cell       string
	Client     *kgo.Client // made with ingest.ProducerOptions; stays the caller's to close
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Bridge is one member. Make one with New.
type Bridge struct {
	cfg     Config
	log     *slog.Logger
	ingest  *ingest.Ingest
	metrics *metrics
	flight  *flight
	order   chan *delivery             // taken and not yet acknowledged, in the order of receipt
	certs   atomic.Pointer[tls.Config] // as last read

	mu          sync.Mutex
	away        error // why the broker is not connected; nil: it is
	connections int
}

// perMessage is what a message costs of the budget beside its payload, here and
// in paho, so that the budget bounds their number too.
const perMessage = 2 << 10

// inPaho is above the number of messages that paho can hold in its channels when
// the gate closes.
const inPaho = 64

// steady is how long a connection must have lasted to be called a good one.
const steady = 30 * time.Second

var errNeverConnected = errors.New("no connection yet: see --bridge.broker")

// New checks the configuration and reads the certificates. It starts nothing.
func New(cfg Config, deps Deps) (*Bridge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	_, secured, err := cfg.address()
	if err != nil {
		return nil, err
	}
	in, err := ingest.New(ingest.Deps{
		Cell: deps.Cell, Via: "bridge", Tick: cfg.Tick, Client: deps.Client, Log: deps.Log, Registerer: deps.Registerer,
	})
	if err != nil {
		return nil, err
	}
	b := &Bridge{
		cfg: cfg, log: deps.Log, ingest: in, flight: newFlight(), away: errNeverConnected,
		order: make(chan *delivery, cfg.Budget/perMessage+inPaho),
	}
	b.certs.Store(secured)
	b.metrics = newMetrics(deps.Registerer, b.flight)
	ingest.WatchCertificates(deps.Registerer, b.certificates)
	return b, nil
}

// Run takes messages until ctx is done: then it reads no more, gives what is in
// flight its grace, acknowledges, disconnects, and returns nil. The broker keeps
// the session. It may be called once.
func (b *Bridge) Run(ctx context.Context) error {
	return b.ingest.Run(ctx, func(ctx context.Context) error {
		acknowledging, stop := context.WithCancel(context.WithoutCancel(ctx))
		var wg sync.WaitGroup
		wg.Go(func() { b.acknowledge(acknowledging) })
		b.sessions(ctx)
		stop()
		wg.Wait()
		b.log.Info("bridge stopped")
		return nil
	})
}

// sessions connects again and again until ctx is done.
func (b *Bridge) sessions(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = steady
	for {
		begun := time.Now()
		err := b.session(ctx)
		if ctx.Err() != nil {
			return
		}
		b.setAway(err)
		b.log.Warn("broker away", "err", err)
		if time.Since(begun) > steady {
			pause.Reset()
		}
		// The broker sends again all that was not acknowledged on the lost connection.
		// Until the log has answered for it that would only be a second copy.
		if b.flight.until(ctx, 0) != nil {
			return
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
			return
		}
	}
}

// acknowledge answers the broker in the order in which it sent, as MQTT demands,
// whatever the order of the log's answers. A crash before an acknowledgement makes
// a repeat.
func (b *Bridge) acknowledge(ctx context.Context) {
	for {
		select {
		case d := <-b.order:
			select {
			case stored := <-d.stored:
				if stored {
					d.msg.Ack() // paho drops it if the connection is gone: the message comes again
					b.ingest.Acknowledged(time.Since(d.Received()))
				} else {
					d.session.end(errNotStored)
				}
				b.flight.add(-d.cost)
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// certificates are the bridge's own, as it last showed them to the broker.
func (b *Bridge) certificates() (own []*x509.Certificate) {
	if c := b.certs.Load(); c != nil {
		for _, pair := range c.Certificates {
			own = append(own, pair.Leaf)
		}
	}
	return own
}

// Ready is nil while messages are taken, else it says whether the broker or the
// log is away.
func (b *Bridge) Ready() error {
	b.mu.Lock()
	away := b.away
	b.mu.Unlock()
	if away != nil {
		away = fmt.Errorf("the broker %s is away: %w", b.cfg.Broker, away)
	}
	return errors.Join(away, b.ingest.Ready(time.Now()))
}

func (b *Bridge) setAway(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = err
	b.metrics.connected.Set(0)
	if err != nil {
		return
	}
	b.metrics.connected.Set(1)
	if b.connections > 0 {
		b.metrics.reconnects.Inc()
	}
	b.connections++
}
