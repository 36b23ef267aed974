package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// checkCmd takes the names of up, of which every service's are a part.
type checkCmd struct {
	Up upCmd `embed:""`
}

func (checkCmd) Help() string {
	return "It takes the flags, environment and configuration file of any service, says what they mean and dials what they name. " +
		"Without brokers and DSN it looks at the `wearstream up` of the data folder.\n\n" +
		"Examples:\n  wearstream check\n  wearstream check --config wearstream.yaml"
}

// finding is one line of a check.
type finding struct {
	What string        `json:"what"`
	At   string        `json:"at"`
	Err  string        `json:"error,omitempty"`
	Took time.Duration `json:"took_ns"`

	code int // exit code of a failure
}

// Run prints the effective values and what answers. The exit status is that of
// the first failure: 2 configuration, 5 a dependency.
func (c *checkCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	values := effective(k)
	findings := c.dial(ctx, e)
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(map[string]any{"values": values, "checks": findings}); err != nil {
			return err
		}
	} else {
		for _, v := range values {
			fmt.Fprintf(e.stdout, "%-28s %s\n", v[0], v[1])
		}
		for _, f := range findings {
			state := "ok"
			if f.Err != "" {
				state = "FAIL " + f.Err
			}
			fmt.Fprintf(e.stdout, "check %-12s %-40s %6s  %s\n", f.What, f.At, f.Took.Round(time.Millisecond), state)
		}
	}
	for _, f := range findings {
		if f.Err != "" {
			return coded(f.code, fmt.Errorf("%s: %s", f.What, f.Err))
		}
	}
	return nil
}

// effective lists every flag with its value, without secrets.
func effective(k *kong.Context) [][2]string {
	var all [][2]string
	for _, f := range k.Flags() {
		if f.Name == "help" {
			continue
		}
		value := fmt.Sprint(k.FlagValue(f))
		if strings.HasSuffix(f.Name, ".dsn") {
			if u, err := url.Parse(value); err == nil {
				value = u.Redacted()
			}
		}
		all = append(all, [2]string{f.Name, strings.Trim(value, "[]")})
	}
	return all
}

// dial asks every part whether it is there and what we need it to be.
func (c *checkCmd) dial(ctx context.Context, e *env) []finding {
	var all []finding
	try := func(what, at string, code int, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		start, found := time.Now(), finding{What: what, At: at, code: code}
		if err := f(ctx); err != nil {
			found.Err = err.Error()
		}
		found.Took = time.Since(start)
		all = append(all, found)
	}
	s, err := c.Up.Log.site(e)
	if err != nil {
		try("cell", c.Up.Log.Cell, exitUsage, func(context.Context) error { return err })
		return all
	}
	s.kafka.Log = nil
	if at, err := readEndpoints(c.Up.Data); err == nil {
		c.adopt(s, at)
	}
	if len(s.kafka.Brokers) > 0 {
		try("log", strings.Join(s.kafka.Brokers, ","), exitUnreachable, s.checkTopics)
	} else {
		try("log", "embedded, "+c.Up.KafkaListen, exitUsage, func(context.Context) error { return nil })
	}
	if c.Up.Objects.Objects != "" {
		try("objects", c.Up.Objects.Objects, exitUnreachable, func(ctx context.Context) error { return checkObjects(ctx, c.Up.Objects.Objects, s.cell) })
	}
	if c.Up.ClickHouse.DSN != "" {
		try("clickhouse", redacted(c.Up.ClickHouse.DSN), exitUnreachable, func(ctx context.Context) error {
			return checkClickHouse(ctx, clickhouse.Config(c.Up.ClickHouse), s.cell)
		})
	} else {
		try("clickhouse", "embedded, "+c.Up.Engine.Listen, exitUsage, func(context.Context) error { return c.Up.Engine.Check() })
	}
	for flag, file := range map[string]string{"mqtt.tls_cert": c.Up.MQTT.TLSCert, "mqtt.tls_key": c.Up.MQTT.TLSKey, "mqtt.client_ca": c.Up.MQTT.ClientCA} {
		if file != "" {
			try(flag, file, exitUsage, func(context.Context) error { _, err := os.ReadFile(file); return err })
		}
	}
	return all
}

// adopt looks at a running `up` where nothing else was named.
func (c *checkCmd) adopt(s *site, at *endpoints) {
	if len(s.kafka.Brokers) == 0 {
		s.kafka.Brokers, s.cell = at.Kafka, at.Cell
	}
	if c.Up.Objects.Objects == "" {
		c.Up.Objects.Objects = at.Objects
	}
	if c.Up.ClickHouse.DSN == "" {
		c.Up.ClickHouse = clickhouseFlags(at.clickhouse())
	}
}

// clickhouse is how to reach the ClickHouse of a running up.
func (e *endpoints) clickhouse() clickhouse.Config {
	return clickhouse.Config{
		DSN: strings.Replace(e.ClickHouse, "://", "://"+e.ClickHouseUser+"@", 1), PasswordFile: e.ClickHousePasswordFile,
	}
}

func redacted(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}

func (s *site) checkTopics(ctx context.Context) error {
	cl, err := kgo.NewClient(s.kafka.Options()...)
	if err != nil {
		return err
	}
	defer cl.Close()
	replicas, err := s.replication(ctx, cl)
	if err != nil {
		return err
	}
	return kafka.Verify(ctx, cl, s.cell, wire.Topics(s.partitions), replicas)
}

func checkObjects(ctx context.Context, place, cell string) error {
	store, err := object.Open(place)
	if err != nil {
		return err
	}
	for _, err := range store.List(ctx, cell+"/", "") {
		return err // the first answer is enough
	}
	return nil
}

func checkClickHouse(ctx context.Context, cfg clickhouse.Config, cell string) error {
	conn, err := clickhouse.Open(cfg, cell)
	if err != nil {
		return err
	}
	defer conn.Close()
	var n uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'windows'").Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return errors.New("the database has no table windows yet: the ClickHouse sink makes it when it starts")
	}
	return nil
}
