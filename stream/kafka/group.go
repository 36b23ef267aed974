package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// GroupConfig says who consumes what, and where it is cut.
type GroupConfig struct {
	Sink           string            // the sink's name, a label of metrics
	Group          string            // the consumer group's id
	Instance       string            // static membership: stable, and unique in the group; empty: a new member at every start
	Cell           string            // prefix of the topics
	Topics         map[string]Limits // by short name
	SessionTimeout time.Duration     // after which a silent member's partitions go to others; 0: 10 s
}

// Validate joins all faults.
func (c GroupConfig) Validate() error {
	var errs []error
	if c.Sink == "" || c.Group == "" || c.Cell == "" || len(c.Topics) == 0 {
		errs = append(errs, errors.New("group: sink, group, cell and topics must be given"))
	}
	for name, l := range c.Topics {
		if l.Records <= 0 || l.Bytes <= 0 || l.Age <= 0 || l.IdleAge <= 0 {
			errs = append(errs, fmt.Errorf("group: every limit of topic %s must be above zero: %+v", name, l))
		}
	}
	if c.SessionTimeout != 0 && (c.SessionTimeout < time.Second || c.SessionTimeout > 5*time.Minute) {
		errs = append(errs, fmt.Errorf("group: session timeout %s is not in 1s..5m", c.SessionTimeout))
	}
	return errors.Join(errs...)
}

// Group feeds a sink with cuts of its topics, together with the other members of
// its consumer group.
type Group struct {
	cfg    GroupConfig
	kafka  Config
	sink   stream.Sink
	log    *slog.Logger
	m      *groupMetrics
	topics map[string]string // short names by full name

	mu      sync.Mutex
	logs    map[string]stream.LogID // by short name, as first met
	member  *member                 // nil between sessions
	since   time.Time               // since when this process is not in the group; zero while it is, and before Run
	why     error                   // how the last session ended
	working bool                    // the present session has stored something
}

// NewGroup checks and stores. The sink is expected to retry for itself: an error
// of its Write ends Run.
func NewGroup(cfg GroupConfig, kafka Config, sink stream.Sink, log *slog.Logger, reg prometheus.Registerer) (*Group, error) {
	if err := errors.Join(cfg.Validate(), kafka.Validate()); err != nil {
		return nil, err
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 10 * time.Second
	}
	g := &Group{cfg: cfg, kafka: kafka, sink: sink, log: log.With("sink", cfg.Sink), topics: map[string]string{}}
	for name := range cfg.Topics {
		g.topics[wire.TopicName(cfg.Cell, name)] = name
	}
	g.m = newGroupMetrics(reg, g, slices.Sorted(maps.Keys(cfg.Topics)))
	return g, nil
}

// final marks what a new client cannot cure: a person must look.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Run consumes until ctx ends, and until the sink or the log says something that
// needs a person. Whatever else ends a session (a rebalance lost, a broker out of
// reach) is answered with a new client.
func (g *Group) Run(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	wait.MaxInterval = 10 * time.Second
	g.left(nil)
	said := ""
	for {
		err := g.session(ctx)
		if f, ok := errors.AsType[final](err); ok {
			return fmt.Errorf("consumer group %s: %w", g.cfg.Group, f.error)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if g.working {
			wait.Reset()
			said = ""
		}
		if what := err.Error(); what != said {
			said = what
			g.log.Warn("consumer session ended, making a new client", "err", err)
		}
		select {
		case <-time.After(wait.NextBackOff()):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// session is one client's life.
func (g *Group) session(ctx context.Context) error {
	m, err := newMember(ctx, g)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.member, g.working = m, false
	g.mu.Unlock()

	err = m.poll()
	m.close()
	g.left(err)
	return err
}

func (g *Group) joined() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Time{}
}

func (g *Group) left(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.member, g.why = nil, why
	if g.since.IsZero() {
		g.since = time.Now()
	}
}

// meet compares the logs' ids with those met first.
func (g *Group) meet(logs map[string]stream.LogID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.logs == nil {
		g.logs = logs
	}
	for name, id := range g.logs {
		if logs[name] != id {
			return g.anotherLog(wire.TopicName(g.cfg.Cell, name), id, logs[name])
		}
	}
	return nil
}

func (g *Group) anotherLog(topic string, was, is stream.LogID) error {
	return final{fmt.Errorf("topic %s was deleted and made again: log %s became log %s. What was stored of the old log stays as it is. "+
		"To go on with the new one from its beginning, stop every member, delete the group's offsets "+
		"(kafka-consumer-groups --group %s --topic %s --delete-offsets) and start again", topic, was, is, g.cfg.Group, topic)}
}

// out is since when this process is not in the group.
func (g *Group) out() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since
}

func (g *Group) stored(topic string) {
	g.m.cuts.WithLabelValues(g.topics[topic]).Inc()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.working {
		g.working = true
		g.log.Info("storing", "topic", topic)
	}
}
