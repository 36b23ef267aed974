package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// Deps is what a gateway works with.
type Deps struct {
	Cell       string
	Client     *kgo.Client // made with ProducerOptions; stays the caller's to close
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Gateway is one replica of the device port. Make one with New.
type Gateway struct {
	cfg    Config
	client *kgo.Client
	log    *slog.Logger
	server *mqtt.Server
	ingest *ingest
	ticker *ticker
	health *health

	listening chan struct{} // closed when addr is known
	addr      string
}

// flushGrace is the time for records that no connection waits for: wills, ticks.
const flushGrace = time.Second

// New checks the configuration and reads the certificates. It starts nothing.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !wire.ValidName(deps.Cell) {
		return nil, fmt.Errorf("cell %q is not a name", deps.Cell)
	}
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	h, m := new(health), newMetrics(deps.Registerer)
	g := &Gateway{cfg: cfg, client: deps.Client, log: deps.Log, health: h, listening: make(chan struct{})}
	device := wire.TopicName(deps.Cell, wire.TopicDevice)
	quarantine := wire.TopicName(deps.Cell, wire.TopicQuarantine)
	g.ticker = &ticker{
		client: deps.Client, topics: []string{device, quarantine}, every: cfg.Tick, health: h, metrics: m, log: deps.Log,
	}
	g.ingest = &ingest{
		client:     deps.Client,
		device:     device,
		quarantine: quarantine,
		health:     h,
		metrics:    m,
		log:        deps.Log,
	}
	g.server, err = mqtt.New(mqtt.Config{
		TLS:        tlsConfig,
		Ready:      func() bool { return g.Ready() == nil },
		Window:     cfg.Window,
		Budget:     cfg.Budget,
		MaxPayload: wire.MaxPayload,
		Grace:      cfg.Grace,
	}, g.ingest, deps.Log)
	if err != nil {
		return nil, err
	}
	m.watch(g.server)
	return g, nil
}

// Run serves devices until ctx is done: then it accepts no more, gives what is in
// flight its grace, acknowledges, closes, and returns nil. It may be called once.
func (g *Gateway) Run(ctx context.Context) error {
	ln, err := net.Listen("tcp", g.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on --mqtt.listen: %w", err)
	}
	g.addr = ln.Addr().String()
	// Records outlive ctx by the grace, and end with Run.
	records, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	g.ingest.ctx = records
	close(g.listening)
	g.log.Info("gateway listens", "addr", g.addr)

	ticking, stopTicks := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { g.ticker.run(ticking, records) })
	err = g.server.Serve(ctx, ln)
	stopTicks()
	wg.Wait()

	flush, done := context.WithTimeout(records, flushGrace)
	defer done()
	if ferr := g.client.Flush(flush); ferr != nil {
		// Nothing is lost: what the log has not taken was never acknowledged.
		g.log.Warn("records left unwritten at shutdown", "err", ferr)
	}
	g.log.Info("gateway stopped")
	return err
}

// Addr is the address of the device port, once Run listens.
func (g *Gateway) Addr(ctx context.Context) (string, error) {
	select {
	case <-g.listening:
		return g.addr, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

var errNotListening = errors.New("the device port is not open yet")

// Ready is nil while the gateway takes messages, else it says why not. New
// connections are then told to come back later.
func (g *Gateway) Ready() error {
	select {
	case <-g.listening:
		return g.health.check(time.Now())
	default:
		return errNotListening
	}
}
