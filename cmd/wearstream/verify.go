package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wearstream/wearstream/loadtest/verify"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/stream/kafka"
)

// verifyCmd holds everything against everything.
type verifyCmd struct {
	Data       string          `name:"data" type:"path" default:"${home}" help:"Data folder of a running wearstream up."`
	Acked      string          `name:"acked" type:"path" placeholder:"FILE" help:"Acknowledged batches as replay --acked wrote them."`
	Log        logConfig       `embed:""`
	Objects    string          `name:"objects" help:"Where the objects are, instead of --data."`
	Cut        time.Duration   `name:"object.cut" default:"30s" help:"Cut of the object sink: what is younger is not due."`
	Idle       time.Duration   `name:"object.idle_cut" default:"15m" help:"Its cut of partitions that carry nothing but ticks."`
	ClickHouse clickhouseFlags `embed:"" prefix:"clickhouse."`
}

func (verifyCmd) Help() string {
	return "It reads the log, landing and ClickHouse and changes nothing. Exit status 0: nothing lost, duplicated or unexplained; 3: something is.\n\n" +
		"Examples:\n  wearstream verify\n  wearstream verify --data ./data --acked acked.jsonl --json"
}

// Run prints the verdict.
func (c *verifyCmd) Run(ctx context.Context, e *env) error {
	cfg, err := c.config(ctx, e)
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(clickhouse.Config(c.ClickHouse), cfg.Cell)
	if err != nil {
		return unreachable(err)
	}
	defer conn.Close()
	cfg.ClickHouse = conn
	r, err := verify.Run(ctx, cfg)
	if err != nil {
		return unreachable(err)
	}
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(r); err != nil {
			return err
		}
	} else {
		printReport(e, r)
	}
	if !r.Clean() {
		return coded(exitFound, fmt.Errorf("%d lost, %d duplicated, %d unexplained", r.Lost, r.Duplicated, r.Unexplained))
	}
	return nil
}

func (c *verifyCmd) config(ctx context.Context, e *env) (verify.Config, error) {
	brokers, cell, objects := kafka.Config(c.Log.Brokers), c.Log.Cell, c.Objects
	if len(brokers.Brokers) == 0 || objects == "" || c.ClickHouse.DSN == "" {
		at, err := readEndpoints(c.Data)
		if err != nil {
			return verify.Config{}, err
		}
		brokers, cell, objects = brokersAt(at, e), at.Cell, at.Objects
		c.ClickHouse = clickhouseFlags(at.clickhouse())
	}
	if err := brokers.Validate(); err != nil {
		return verify.Config{}, usage(err)
	}
	if err := brokers.Reach(ctx); err != nil {
		return verify.Config{}, unreachable(err)
	}
	objects = strings.TrimPrefix(objects, "file://")
	if strings.Contains(objects, "://") && !strings.HasPrefix(objects, "s3://") {
		return verify.Config{}, usage(errors.New("objects: name a folder (file:///DIR) or s3://BUCKET/PREFIX"))
	}
	const slack = 30 * time.Second // ticks, writes, what a busy machine takes
	return verify.Config{
		Cell: cell, Kafka: brokers.Options(), Objects: objects, Acked: c.Acked, Now: time.Now(),
		Due: verify.Due{Landing: c.Cut + slack, Idle: c.Idle + slack, Tables: slack},
		Progress: func(step string, done, total int) {
			e.log.Debug("verify", "step", step, "done", done, "total", total)
		},
	}, nil
}

func printReport(e *env, r *verify.Report) {
	fmt.Fprintf(e.stdout, "%d records, %d batches, %d acknowledged by the list; %d rows in %d landing objects; %d windows, %d rows of wear, %d of pairs\n",
		r.Records, r.Batches, r.Acked, r.Landed, r.Objects, r.Windows, r.Minutes, r.Pairs)
	fmt.Fprintf(e.stdout, "lost %d, duplicated %d, unexplained %d\n", r.Lost, r.Duplicated, r.Unexplained)
	for _, class := range slices.Sorted(maps.Keys(r.Explained)) {
		fmt.Fprintf(e.stdout, "  explained: %-40s %d\n", class, r.Explained[class])
	}
	for _, f := range r.Findings {
		fmt.Fprintln(e.stdout, "  "+f)
	}
}

// brokersAt are the brokers of a running up.
func brokersAt(at *endpoints, e *env) kafka.Config {
	return kafka.Config{Brokers: at.Kafka, Security: at.KafkaSecurity, Log: e.log}
}
