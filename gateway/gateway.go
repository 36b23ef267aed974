package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/gateway/mqtt"
	"github.com/wearstream/wearstream/stream/wire"
)

// Deps is what a gateway works with.
type Deps struct {
	Cell       string
	Client     *kgo.Client // made with ingest.ProducerOptions; stays the caller's to close
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Gateway is one replica of the device port. Make one with New.
type Gateway struct {
	cfg    Config
	log    *slog.Logger
	server *mqtt.Server
	ingest *ingest.Ingest

	listening chan struct{} // closed when addr is known
	addr      string
}

// New checks the configuration and reads the certificates. It starts nothing.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	tlsConfig, certs, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	in, err := ingest.New(ingest.Deps{
		Cell: deps.Cell, Via: "mqtt", Tick: cfg.Tick, Client: deps.Client, Log: deps.Log, Registerer: deps.Registerer,
	})
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, log: deps.Log, ingest: in, listening: make(chan struct{})}
	g.server, err = mqtt.New(mqtt.Config{
		TLS:        tlsConfig,
		Ready:      func() bool { return g.Ready() == nil },
		Window:     cfg.Window,
		Budget:     cfg.Budget,
		MaxPayload: wire.MaxPayload,
		Grace:      cfg.Grace,
	}, handler{in, newMetrics(deps.Registerer)}, deps.Log)
	if err != nil {
		return nil, err
	}
	watch(deps.Registerer, g.server, certs)
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
	close(g.listening)
	g.log.Info("gateway listens", "addr", g.addr)
	err = g.ingest.Run(ctx, func(ctx context.Context) error { return g.server.Serve(ctx, ln) })
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
		return g.ingest.Ready(time.Now())
	default:
		return errNotListening
	}
}
