package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/bridge"
	"github.com/wearstream/wearstream/gateway/ingest"
)

// bridgeCmd is a bridge alone: the gateway's place where a broker is already there.
type bridgeCmd struct {
	Log    logConfig   `embed:""`
	Bridge bridgeFlags `embed:"" prefix:"bridge."`
	Admin  adminConfig `embed:"" prefix:"admin."`
}

type bridgeFlags bridge.Config

func (bridgeCmd) Help() string {
	return "A broker in front can drop what it has acknowledged to a device; gateway/bridge/README.md says how to limit that.\n\n" +
		"Example:\n  wearstream bridge --kafka.brokers kafka:9092 --bridge.broker mqtts://mosquitto:8883 --bridge.client_id bridge-1 --bridge.tls_ca ca.pem --bridge.tls_cert c.pem --bridge.tls_key c.key"
}

// Run takes messages from the broker until it is told to stop.
func (c *bridgeCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	cl, err := kgo.NewClient(append(s.kafka.Options(), ingest.ProducerOptions()...)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	b, err := bridge.New(bridge.Config(c.Bridge), bridge.Deps{Cell: s.cell, Client: cl, Log: s.log, Registerer: s.reg})
	if err != nil {
		return usage(err)
	}
	s.health.add("bridge", b.Ready)
	return s.serve(ctx, c.Admin, b.Run)
}
