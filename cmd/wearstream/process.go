package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/processor"
	"github.com/wearstream/wearstream/stream/wire"
)

// processCmd is the processor alone.
type processCmd struct {
	Log     logConfig    `embed:""`
	Process processFlags `embed:"" prefix:"process."`
	Admin   adminConfig  `embed:"" prefix:"admin."`
}

// streamSets are the sets that can be computed live.
var streamSets = []*features.Set{features.Core, features.Ref}

// processFlags are the processor's, and what it computes.
type processFlags struct {
	processor.Config `embed:""`
	Sets             []string `name:"sets" default:"core.v1,ref.v1" enum:"core.v1,ref.v1" help:"Feature sets: core.v1, and ref.v1 for comparisons with the field's reference implementations, whose windows are final 20 minutes later at most."`
	Wear             []string `name:"wear" default:"device,detach,ggir2023,actipy" help:"Algorithms of wear, the one that decides first in front: accelthreshold, actipy, cta, detach, device, ggir2013, ggir2023. none: of wear nothing is said, and wrists are not paired."`
	WearModel        string   `name:"wear_model" default:"" placeholder:"MODEL" help:"Model of the devices, whose noise and steps some algorithms of wear ask for: E4, GENEA, Verisense. Default: the thresholds of the papers."`
}

// wear is what is said of minutes; nil: nothing.
func (c processFlags) wear() (*wear.Config, error) {
	if slices.Equal(c.Wear, []string{"none"}) {
		return nil, nil
	}
	cfg := &wear.Config{Order: c.Wear, Params: wear.ForModel(c.WearModel)}
	if err := device.CheckWear(*cfg); err != nil {
		return nil, fmt.Errorf("--process.wear: %w", err)
	}
	return cfg, nil
}

// Validate reports all that is wrong, each with its flag.
func (c processFlags) Validate() error { return c.Check("process") }

func (c processFlags) sets() (sets []*features.Set, err error) {
	for _, name := range c.Sets {
		set := features.ByName(name)
		if !slices.Contains(streamSets, set) || slices.Contains(sets, set) {
			return nil, fmt.Errorf("--process.sets: %q is none of core.v1 and ref.v1, or there twice", name)
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, errors.New("--process.sets: none; name core.v1, ref.v1 or both")
	}
	return sets, nil
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
func (s *site) processor(cfg processFlags) (*processor.Processor, error) {
	sets, err := cfg.sets()
	worn, errWear := cfg.wear()
	if err := errors.Join(cfg.Validate(), err, errWear); err != nil {
		return nil, err
	}
	p := processor.New(cfg.Config, processor.Deps{
		Kafka: s.kafka, Cell: s.cell, Group: "process", Instance: s.instance,
		Input: wire.TopicDevice, Changelog: wire.TopicStateDevice,
		New: device.New(device.Config{Cell: s.cell, Sets: sets, Wear: worn, Memory: device.DefaultMemory}, s.reg),
		Log: s.log, Registry: s.reg, Embedded: s.embedded,
	})
	s.health.add("process", p.Ready)
	return p, nil
}
