package main

import (
	"context"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/processor"
	"github.com/wearstream/wearstream/stream/wire"
)

// processCmd is the processor alone.
type processCmd struct {
	Log     logConfig        `embed:""`
	Process processor.Config `embed:"" prefix:"process."`
	Admin   adminConfig      `embed:"" prefix:"admin."`
}

func (processCmd) Help() string {
	return "Example:\n  wearstream process --kafka.brokers kafka:9092 --instance process-1"
}

// Run processes until it is told to stop.
func (c *processCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	p, err := s.processor(c.Process)
	if err != nil {
		return usage(err)
	}
	return s.serve(ctx, c.Admin, p.Run)
}

// processor makes the processor of the device topic.
func (s *site) processor(cfg processor.Config) (*processor.Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := processor.New(cfg, processor.Deps{
		Kafka: s.kafka, Cell: s.cell, Group: "process", Instance: s.instance,
		Input: wire.TopicDevice, Changelog: wire.TopicStateDevice,
		New: device.New(device.Config{Cell: s.cell, Set: features.Core, Memory: device.DefaultMemory}, s.reg),
		Log: s.log, Registry: s.reg, Embedded: s.embedded,
	})
	s.health.add("process", p.Ready)
	return p, nil
}
