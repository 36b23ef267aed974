package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// probe asks one part whether it is there and what we need it to be.
type probe struct {
	what, at string
	mend     string // what a person does when it fails
	code     int    // exit code of a failure
	within   time.Duration
	ask      func(context.Context) (says string, err error)
}

// finding is what a probe found.
type finding struct {
	What  string        `json:"what"`
	At    string        `json:"at"`
	State state         `json:"state"`
	Says  string        `json:"says,omitempty"`
	Mend  string        `json:"mend,omitempty"`
	Took  time.Duration `json:"took_ns"`

	code int
}

type state string

const (
	good  state = "ok"
	warns state = "warn"
	fails state = "fail"
)

// warning is an error that stops nothing.
type warning struct {
	error
	mend string // instead of the probe's; empty: as the probe says
}

func (p probe) try(ctx context.Context) finding {
	if p.within == 0 {
		p.within = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	start := time.Now()
	says, err := p.ask(ctx)
	f := finding{What: p.what, At: p.at, State: good, Says: says, Took: time.Since(start), code: p.code}
	if err != nil {
		f.State, f.Says, f.Mend = fails, err.Error(), p.mend
		if w, ok := errors.AsType[warning](err); ok {
			f.State, f.Mend = warns, cmp.Or(w.mend, p.mend)
		}
	}
	return f
}

func (f finding) print(w io.Writer) {
	fmt.Fprintf(w, "%-4s  %-11s %-40s %8s  %s\n", f.State, f.What, f.At, f.Took.Round(time.Millisecond), strings.ReplaceAll(f.Says, "\n", "\n"+strings.Repeat(" ", 68)))
	if f.Mend != "" {
		fmt.Fprintf(w, "      try: %s\n", f.Mend)
	}
}

// probes are those of all that the configuration names. What it leaves out is
// looked for in the running `up` of the data folder.
func (c *upCmd) probes(e *env) []probe {
	s, err := c.Log.site(e)
	if err != nil {
		return []probe{{what: "cell", at: c.Log.Cell, code: exitUsage, ask: func(context.Context) (string, error) { return "", err }}}
	}
	s.kafka.Log = nil
	if at, err := readEndpoints(c.Data); err == nil {
		c.adopt(s, at)
	}
	all := []probe{
		{what: "log", at: "embedded, " + c.KafkaListen, code: exitUsage, ask: func(context.Context) (string, error) { return "not started yet", s.embeddable() }},
		{what: "clickhouse", at: "embedded, " + c.Engine.Listen, code: exitUsage, ask: func(context.Context) (string, error) { return "not started yet", c.Engine.Check() },
			mend: "deploy/local/clickhouse fetch, or give --clickhouse.dsn"},
	}
	if len(s.kafka.Brokers) > 0 {
		all[0] = probe{what: "log", at: strings.Join(s.kafka.Brokers, ","), code: exitUnreachable, ask: s.checkTopics,
			mend: "start the brokers, or give others by --kafka.brokers; topics are made by the first service that starts"}
		if err := s.kafka.Validate(); err != nil {
			all[0] = probe{what: "log", at: all[0].at, code: exitUsage, ask: func(context.Context) (string, error) { return "", err }}
		}
	}
	if c.ClickHouse.DSN != "" {
		all[1] = probe{what: "clickhouse", at: redacted(c.ClickHouse.DSN), code: exitUnreachable,
			ask: func(ctx context.Context) (string, error) {
				return checkClickHouse(ctx, clickhouse.Config(c.ClickHouse), s.cell)
			},
			mend: "curl the address of --clickhouse.dsn; the tables are made by `wearstream sink clickhouse` or `up`"}
	}
	if place := c.Objects.Objects; place != "" {
		all = append(all, probe{what: "objects", at: place, code: exitUnreachable,
			ask:  func(ctx context.Context) (string, error) { return checkObjects(ctx, place, s.cell) },
			mend: "give --objects a folder or bucket that exists and that this user may write; AWS_ENDPOINT_URL_S3, AWS_REGION and AWS_PROFILE say which S3"})
	}
	for _, file := range [][2]string{{"tls_cert", c.MQTT.TLSCert}, {"tls_key", c.MQTT.TLSKey}, {"client_ca", c.MQTT.ClientCA}} {
		if file[1] != "" {
			all = append(all, probe{what: file[0], at: file[1], code: exitUsage, mend: "give --mqtt." + file[0] + " a file that this user may read",
				ask: func(context.Context) (string, error) { _, err := os.ReadFile(file[1]); return "", err }})
		}
	}
	return all
}

// adopt looks at a running `up` where nothing else was named.
func (c *upCmd) adopt(s *site, at *endpoints) {
	if len(s.kafka.Brokers) == 0 {
		s.kafka.Brokers, s.kafka.Security, s.cell = at.Kafka, at.KafkaSecurity, at.Cell
	}
	if c.Objects.Objects == "" {
		c.Objects.Objects = at.Objects
	}
	if c.ClickHouse.DSN == "" {
		c.ClickHouse = clickhouseFlags(at.clickhouse())
	}
}

// checkTopics wants the topics as they should be, on brokers that all answer.
func (s *site) checkTopics(ctx context.Context) (string, error) {
	cl, err := kgo.NewClient(s.kafka.Options()...)
	if err != nil {
		return "", err
	}
	defer cl.Close()
	replicas, err := s.replication(ctx, cl)
	if err != nil {
		return "", err
	}
	topics := wire.Topics(s.partitions)
	if err := kafka.Verify(ctx, cl, s.cell, topics, replicas); err != nil {
		return "", err
	}
	brokers, versions, err := kafka.Speaks(ctx, cl)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("brokers: %d, speaking Kafka %s; %d topics of cell %s as they should be",
		brokers, strings.Join(versions, " and "), len(topics), s.cell)
	if slices.ContainsFunc(versions, kafka.Tears) {
		return "", warning{error: fmt.Errorf("%s; but this version may leave a transaction by half when all brokers that keep a partition restart at once (KAFKA-20734)", text),
			mend: "run Apache Kafka 4.0 to 4.2, or a release that names KAFKA-20734 as fixed"}
	}
	return text, nil
}

func checkObjects(ctx context.Context, place, cell string) (string, error) {
	store, err := object.Open(place)
	if err != nil {
		return "", err
	}
	for _, err := range store.List(ctx, cell+"/", "") {
		return "listed", err // the first answer is enough
	}
	return "empty", nil
}

func checkClickHouse(ctx context.Context, cfg clickhouse.Config, cell string) (string, error) {
	conn, err := clickhouse.Open(cfg, cell)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var n uint64
	var version string
	if err := conn.QueryRow(ctx, "SELECT version(), count() FROM system.tables WHERE database = currentDatabase() AND name = 'windows'").Scan(&version, &n); err != nil {
		return "", err
	}
	if n == 0 {
		return "", fmt.Errorf("ClickHouse %s, but database %s has no table windows", version, clickhouse.Database(cell))
	}
	return fmt.Sprintf("ClickHouse %s, database %s", version, clickhouse.Database(cell)), nil
}
