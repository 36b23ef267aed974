package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// peer is the other side: Mosquitto, and Telegraf from it to Kafka.
type peer struct {
	stage
	conf string // Mosquitto's settings; empty: those of deploy/local
	runs int    // makes the topic
	env  map[string]string
}

func (p *peer) title() string { return "Mosquitto + Telegraf" }
func (p *peer) topic() string { return fmt.Sprintf("telegraf-%d", p.runs) }
func (p *peer) addr() string  { return p.env["WEARSTREAM_TEST_MOSQUITTO"] }
func (p *peer) pki() string   { return p.env["WEARSTREAM_TEST_MOSQUITTO_PKI"] }

func (p *peer) devices() (*authority, error) {
	return openAuthority(filepath.Join(p.pki(), "ca.pem"), filepath.Join(p.pki(), "ca.key"))
}

func (p *peer) processes() (map[string]int, error) {
	pids := map[string]int{}
	for _, name := range []string{"mosquitto", "telegraf"} {
		text, err := os.ReadFile(filepath.Join(p.run, name, name+".pid"))
		if err != nil {
			return nil, err
		}
		if pids[name], err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
			return nil, fmt.Errorf("process id of %s: %w", name, err)
		}
	}
	return pids, nil
}

// start begins with an empty broker and a new topic, with as many partitions as ours.
func (p *peer) start(ctx context.Context) error {
	p.runs++
	if err := os.RemoveAll(filepath.Join(p.run, "mosquitto", "data")); err != nil {
		return err
	}
	r, err := newReader(p.brokers)
	if err != nil {
		return err
	}
	defer r.adm.Close()
	if _, err := r.adm.CreateTopic(ctx, wire.DefaultPartitions, -1, nil, p.topic()); err != nil {
		return fmt.Errorf("create topic %s: %w", p.topic(), err)
	}
	if p.env, err = p.script(ctx, "mosquitto", "start", "CONF="+p.conf); err != nil {
		return err
	}
	return p.telegraf(ctx)
}

func (p *peer) telegraf(ctx context.Context) error {
	_, err := p.script(ctx, "telegraf", "start", "TOPIC="+p.topic(), "WEARSTREAM_TEST_MOSQUITTO="+p.addr(), "WEARSTREAM_TEST_MOSQUITTO_PKI="+p.pki())
	return err
}

// revive starts what it kills in this order.
func (p *peer) revive(ctx context.Context, processes ...string) error {
	for _, name := range processes {
		if _, err := p.script(ctx, name, "kill"); err != nil {
			return err
		}
	}
	for _, name := range processes {
		if name == "telegraf" {
			if err := p.telegraf(ctx); err != nil {
				return err
			}
		} else if _, err := p.script(ctx, name, "start", "CONF="+p.conf); err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) stop() {
	for _, name := range []string{"telegraf", "mosquitto"} {
		p.script(context.Background(), name, "stop")
	}
}

// payload undoes what Telegraf made of it: a line with the payload in base64.
func (p *peer) payload(rec *kgo.Record) ([]byte, error) {
	_, rest, ok := bytes.Cut(rec.Value, []byte(` value="`))
	text, _, ok2 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 {
		return nil, fmt.Errorf("%s/%d/%d: no value in %.80q", rec.Topic, rec.Partition, rec.Offset, rec.Value)
	}
	return base64.StdEncoding.AppendDecode(nil, text)
}

func (p *peer) forget(ctx context.Context, r *reader) error { return r.forget(ctx, p.topic()) }
