package main

import (
	"context"

	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/participant"
	"github.com/wearstream/wearstream/stream/processor"
	"github.com/wearstream/wearstream/stream/wire"
)

// adhereCmd is what follows participants alone.
type adhereCmd struct {
	Log    logConfig   `embed:""`
	Adhere adhereFlags `embed:"" prefix:"adhere." set:"commit_interval=1s"`
	Admin  adminConfig `embed:"" prefix:"admin."`
}

// adhereFlags are those of the processor of the features topic.
type adhereFlags struct {
	processor.Config `embed:""`
}

// Validate reports all that is wrong, each with its flag.
func (c adhereFlags) Validate() error { return c.Check("adhere") }

func (adhereCmd) Help() string {
	return "It makes pairs of both wrists of a participant. Without assignments there is nothing to do.\n\n" +
		"Example:\n  wearstream adhere --kafka.brokers kafka:9092 --instance adhere-1"
}

// Run follows participants until it is told to stop.
func (c *adhereCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	p, err := s.adhere(c.Adhere)
	if err != nil {
		return usage(err)
	}
	return s.serve(ctx, c.Admin, p.Run)
}

// adhere makes the processor of the features topic.
func (s *site) adhere(cfg adhereFlags) (*processor.Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := processor.New(cfg.Config, processor.Deps{
		Kafka: s.kafka, Cell: s.cell, Group: "adhere", Instance: s.instance,
		Input: wire.TopicFeatures, Changelog: wire.TopicStateParticipant,
		New: participant.New(participant.Config{Cell: s.cell, Sources: s.partitions, Memory: device.DefaultMemory}, s.reg),
		Log: s.log.With("service", "adhere"), Registry: s.reg, Embedded: s.embedded,
	})
	s.health.add("adhere", p.Ready)
	return p, nil
}
