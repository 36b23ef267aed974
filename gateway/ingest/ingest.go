package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// Deps is what an Ingest works with.
type Deps struct {
	Cell       string
	Via        string        // how messages come: the header of their records
	Tick       time.Duration // interval of the ticks
	Client     *kgo.Client   // made with ProducerOptions; stays the caller's to close
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// MaxTick keeps a tick's absence from looking like an outage (60 s).
const MaxTick = 20 * time.Second

// flushGrace is the time for records that nobody waits for: wills, ticks.
const flushGrace = time.Second

// Ingest writes messages to the log of one cell. Make one with New.
type Ingest struct {
	ctx        context.Context // of all records; ends with Run
	client     *kgo.Client
	via        []byte
	device     string // names of topics
	quarantine string
	ticker     *ticker
	health     *health
	metrics    *metrics
	log        *slog.Logger
}

// New starts nothing.
func New(deps Deps) (*Ingest, error) {
	if !wire.ValidName(deps.Cell) {
		return nil, fmt.Errorf("cell %q is not a name", deps.Cell)
	}
	in := &Ingest{
		client:     deps.Client,
		via:        []byte(deps.Via),
		device:     wire.TopicName(deps.Cell, wire.TopicDevice),
		quarantine: wire.TopicName(deps.Cell, wire.TopicQuarantine),
		health:     new(health),
		log:        deps.Log,
	}
	in.ticker = &ticker{
		client: deps.Client, topics: []string{in.device, in.quarantine}, every: deps.Tick, health: in.health, log: deps.Log,
	}
	in.metrics = newMetrics(deps.Registerer, in.ticker.latest)
	in.ticker.metrics = in.metrics
	return in, nil
}

// Run writes ticks while front runs, and returns what front does. Only front may
// call Take. Records outlive ctx until front has returned and a moment more. It
// may be called once.
func (in *Ingest) Run(ctx context.Context, front func(context.Context) error) error {
	records, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	in.ctx = records

	ticking, stopTicks := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { in.ticker.run(ticking, records) })
	err := front(ctx)
	stopTicks()
	wg.Wait()

	flush, done := context.WithTimeout(records, flushGrace)
	defer done()
	if ferr := in.client.Flush(flush); ferr != nil {
		// Nothing is lost: what the log has not taken was never acknowledged.
		in.log.Warn("records left unwritten at shutdown", "err", ferr)
	}
	return err
}

// Ready is nil while the log takes records, else it says why not.
func (in *Ingest) Ready(now time.Time) error { return in.health.check(now) }

// Refused counts a message that the front turned away with its connection.
func (in *Ingest) Refused() { in.metrics.refused.Inc() }

// Acknowledged counts an acknowledgement that the front has written, so long after
// the message was read.
func (in *Ingest) Acknowledged(took time.Duration) { in.metrics.ackSeconds.Observe(took.Seconds()) }
