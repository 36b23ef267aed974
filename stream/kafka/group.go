package kafka

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
)

// GroupConfig says who consumes what, and where it is cut.
type GroupConfig struct {
	Sink           string            // the sink's name in metrics
	Group          string            // consumer group id
	Instance       string            // static membership: unique and stable per process; empty: dynamic
	Cell           string            //
	Topics         map[string]Limits // by short name
	SessionTimeout time.Duration     // 0: 10 s
}

// Group feeds a sink from the log.
type Group struct{}

// NewGroup checks and stores.
func NewGroup(cfg GroupConfig, kafka Config, sink stream.Sink, log *slog.Logger, reg prometheus.Registerer) (*Group, error) {
	return &Group{}, nil
}

// Run consumes until ctx ends or the sink or the log says something final.
func (g *Group) Run(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
