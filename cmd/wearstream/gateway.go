package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway"
	"github.com/wearstream/wearstream/gateway/ingest"
)

// gatewayCmd is the gateway alone.
type gatewayCmd struct {
	Log   logConfig    `embed:""`
	MQTT  gatewayFlags `embed:"" prefix:"mqtt."`
	Admin adminConfig  `embed:"" prefix:"admin."`
}

func (gatewayCmd) Help() string {
	return "Example:\n  wearstream gateway --kafka.brokers kafka:9092 --mqtt.listen 0.0.0.0:8883 --mqtt.tls_cert s.pem --mqtt.tls_key s.key --mqtt.client_ca ca.pem"
}

// Run serves devices until it is told to stop.
func (c *gatewayCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	g, stop, err := s.gateway(gateway.Config(c.MQTT))
	if err != nil {
		return usage(err)
	}
	defer stop()
	return s.serve(ctx, c.Admin, g.Run)
}

// gateway makes the gateway; stop lets go of its connection to the log.
func (s *site) gateway(cfg gateway.Config) (g *gateway.Gateway, stop func(), err error) {
	cl, err := kgo.NewClient(append(s.kafka.Options(), ingest.ProducerOptions()...)...)
	if err != nil {
		return nil, nil, err
	}
	g, err = gateway.New(cfg, gateway.Deps{Cell: s.cell, Client: cl, Log: s.log, Registerer: s.reg})
	if err != nil {
		cl.Close()
		return nil, nil, err
	}
	s.health.add("gateway", g.Ready)
	return g, cl.Close, nil
}
