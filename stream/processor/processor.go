package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
)

// Deps is what a processor works on and with. Topics are short names.
type Deps struct {
	Kafka     kafka.Config
	Cell      string
	Group     string // consumer group and owner of the state, without the cell
	Instance  string // this process: unique in the group, the same after a restart
	Input     string // topic that is read
	Changelog string // topic of the state, with the partitions of Input
	Embedded  bool   // the log is the embedded one: rebuild where a transaction was torn
	New       stream.NewOperator
	Log       *slog.Logger
	Registry  prometheus.Registerer
}

// Processor runs operators.
type Processor struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	slots   []*slot

	hook func(step string) error // crashes a test at a step
}

// New checks nothing and stores; it dials nothing.
func New(cfg Config, deps Deps) *Processor {
	p := &Processor{cfg: cfg, deps: deps, hook: func(string) error { return nil }}
	for i := range cfg.Slots {
		p.slots = append(p.slots, &slot{
			p:     p,
			name:  fmt.Sprintf("%s-%s-%s-%d", deps.Cell, deps.Group, deps.Instance, i),
			log:   deps.Log.With("slot", i),
			state: errors.New("not started"),
		})
	}
	p.metrics = newMetrics(deps.Registry, p)
	return p
}

// Run processes until ctx ends or an operator, or the log, says something final,
// and answers which. What was applied when ctx ends is still committed.
func (p *Processor) Run(ctx context.Context) error {
	reader, err := kafka.NewHistoryReader(p.deps.Kafka)
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for _, s := range p.slots {
		wg.Go(func() {
			if err := s.run(ctx, reader); err != nil {
				stop(fmt.Errorf("process %s: %w", p.deps.Input, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// Ready answers what keeps a partition of this process from being processed.
func (p *Processor) Ready() error {
	var errs []error
	for _, s := range p.slots {
		errs = append(errs, s.ready())
	}
	return errors.Join(errs...)
}

// group is the id of the consumer group.
func (p *Processor) group() string { return p.deps.Cell + "-" + p.deps.Group }

// final is an error that a new session does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

func isFinal(err error) bool {
	if _, ok := errors.AsType[final](err); ok {
		return true
	}
	_, ok := errors.AsType[*kafka.SessionFault](err)
	return ok
}

// Pauses between sessions.
const (
	pauseMin = 100 * time.Millisecond
	pauseMax = 5 * time.Second
	grace    = 5 * time.Second // for the last commit
	silent   = 8 * time.Second // brokers answer fetches at least every 5 s
)
