package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// logConfig is what every service must know of the log.
type logConfig struct {
	Cell       string     `name:"cell" default:"main" help:"The cell (sponsor and region); it prefixes topics, objects and the database."`
	Brokers    kafkaFlags `embed:"" prefix:"kafka."`
	Partitions int32      `name:"kafka.partitions" default:"8" help:"Partitions of the device topic. Fixed for the life of a cell."`
	Replicas   int16      `name:"kafka.replication" default:"0" help:"Replicas of new topics. 0: three, or as many as there are brokers."`
	Instance   string     `name:"instance" default:"" help:"Name of this replica, unique and stable. Default: the host's name."`
}

// site is where services run: one log, one registry, one health.
type site struct {
	cell       string
	instance   string
	kafka      kafka.Config
	partitions int32
	replicas   int16
	embedded   bool // the log is the embedded one
	log        *slog.Logger
	reg        *prometheus.Registry
	health     *health
}

func (c logConfig) site(e *env) (*site, error) {
	if !wire.ValidName(c.Cell) {
		return nil, usage(fmt.Errorf("cell: %q is not a name", c.Cell))
	}
	if c.Partitions < 1 {
		return nil, usage(fmt.Errorf("kafka.partitions: %d is less than 1", c.Partitions))
	}
	if c.Instance == "" {
		c.Instance, _ = os.Hostname()
	}
	s := &site{
		cell: c.Cell, instance: c.Instance, kafka: kafka.Config(c.Brokers), partitions: c.Partitions, replicas: c.Replicas, log: e.log,
		reg: newRegistry(), health: &health{checks: map[string]func() error{}},
	}
	s.kafka.Log, s.kafka.Metrics = e.log, kafka.NewMetrics(s.reg, s.cell)
	return s, nil
}

// ensureTopics makes or checks the topics and answers their ids.
func (s *site) ensureTopics(ctx context.Context) (map[string]stream.LogID, error) {
	if err := s.kafka.Validate(); err != nil {
		return nil, usage(err)
	}
	cl, err := kgo.NewClient(s.kafka.Options()...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	replicas, err := s.replication(ctx, cl)
	if err != nil {
		return nil, unreachable(err)
	}
	topics := wire.Topics(s.partitions)
	if s.embedded { // a folder of an earlier version
		if err := kafka.Raise(ctx, cl, s.cell, topics, replicas); err != nil {
			return nil, err
		}
	}
	ids, err := kafka.Ensure(ctx, cl, s.cell, topics, replicas)
	if err != nil {
		return nil, unreachable(err)
	}
	return ids, nil
}

// embeddable refuses what the embedded log has not.
func (s *site) embeddable() error {
	if s.kafka.Given() {
		return errors.New("kafka.brokers: TLS or a user is given for brokers, and none is; the embedded log has neither")
	}
	return nil
}

// replication is the number of replicas of a topic.
func (s *site) replication(ctx context.Context, cl *kgo.Client) (int16, error) {
	brokers, err := kadm.NewClient(cl).ListBrokers(ctx)
	if err != nil {
		return 0, fmt.Errorf("reach the log at %v: %w", s.kafka.Brokers, s.kafka.Explain(err))
	}
	if s.replicas > 0 {
		return s.replicas, nil
	}
	return int16(max(1, min(3, len(brokers)))), nil
}

// serve runs the parts beside the operators' listener until one of them ends.
func (s *site) serve(ctx context.Context, admin adminConfig, parts ...func(context.Context) error) error {
	_, serve, err := listenAdmin(admin, s.reg, s.health, s.log)
	if err != nil {
		return err
	}
	return clean(ctx, together(ctx, append(parts, serve)...))
}

// clean is nil for a stop that was asked for.
func clean(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// build names this binary: its module version and commit.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			version += "+" + s.Value[:12]
		}
	}
	return version
}
