package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/score"
	"github.com/wearstream/wearstream/stream/wire"
)

// scoreCmd asks a model of one's own about windows.
type scoreCmd struct {
	Data       string          `name:"data" type:"path" default:"${home}" help:"Data folder of a running wearstream up, which says where log and ClickHouse are, unless one of them is named."`
	Log        logConfig       `embed:""`
	Name       string          `name:"name" default:"score" help:"Name of this scorer: of its consumer group, and of its answers in score_calls. Another name begins with the oldest window in the log."`
	Model      modelFlags      `embed:""`
	ClickHouse clickhouseFlags `embed:"" prefix:"clickhouse."`
	Cuts       scoreCuts       `embed:""`
	Admin      adminConfig     `embed:"" prefix:"admin."`
}

// scoreCuts says how much is asked at once.
type scoreCuts struct {
	Cut     time.Duration `name:"score.cut" default:"1s" help:"A request ends when the next record is so much later than its first."`
	Idle    time.Duration `name:"score.idle_cut" default:"15m" help:"The same, while a partition carries nothing but ticks."`
	Bytes   int           `name:"score.bytes" default:"4194304" help:"A request ends at so many bytes of records."`
	Records int           `name:"score.records" default:"5000" help:"A request ends at so many records, each with the rows of one commit."`
	Session time.Duration `name:"score.session_timeout" default:"10s" help:"Silence after which the group gives a replica's partitions to others."`
}

func (scoreCmd) Help() string {
	return "It reads features.v1 as a group of its own, posts final and corrected rows as Arrow IPC to the service of --url, and writes what the service answers to ClickHouse: " +
		"a row of scores for each column of the answer, with the model's name and digest, and the revision and input_digest of the row that was scored. Nothing else waits for it.\n\n" +
		"The service gets POST with Content-Type application/vnd.apache.arrow.stream and the columns of features_60s and length_s. It answers 200 with the same content type, the stream up to the mark of its end: sensor, window_start and length_s as they came, " +
		"and any number of columns of floats, integers up to 2^53, truth values or texts; or 204, nothing to say. It says who it is by the headers X-Model-Name and X-Model-Digest, 8 to 64 hex digits over whatever decides its numbers. " +
		"NULL and NaN are no value; a window that is left out has no score.\n\n" +
		"After a crash the same rows come again with the same Idempotency-Key, LOG/TOPIC/PARTITION/FIRST-NEXT. The first answer that was kept (table score_calls) holds, also where a model answers otherwise the second time: no score is there twice, and none is missing. " +
		"5xx, 429 and silence are asked again. 4xx, redirects and answers that cannot be read halt the partition: /readyz says why, and it goes on by itself when the service is mended. With --on-refusal skip, rows that are refused by 400, 413 or 422 are skipped; score_calls has the reason.\n\n" +
		"deploy/examples/score/serve.py is such a service, in Python.\n\n" +
		"Examples:\n  python deploy/examples/score/serve.py --listen 127.0.0.1:8000\n" +
		"  wearstream score --url http://127.0.0.1:8000/score --admin.listen 127.0.0.1:9465    # beside a running up\n" +
		"  wearstream score --name sleep-2 --url https://models.example.org/sleep --score.token_file /run/secrets/token --window 5s,60s --study ST01 --kafka.brokers kafka:9092 --clickhouse.dsn http://wearstream@clickhouse:8123 --clickhouse.password_file /run/secrets/clickhouse\n" +
		"  SELECT sensor, window_start, name, value, model, digest, revision FROM scores WHERE study = 'ST01' ORDER BY sensor, window_start, name"
}

// Run scores until it is told to stop.
func (c *scoreCmd) Run(ctx context.Context, e *env) error {
	if len(c.Log.Brokers.Brokers) == 0 && c.ClickHouse.DSN == "" {
		at, err := readEndpoints(c.Data)
		if err != nil {
			return err
		}
		c.Log.Cell, c.Log.Brokers, c.ClickHouse = at.Cell, kafkaFlags(brokersAt(at, e)), clickhouseFlags(at.clickhouse())
	}
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	g, stop, err := c.group(s)
	if err != nil {
		return usage(err)
	}
	defer stop()
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	if err := clickhouse.Migrate(ctx, clickhouse.Config(c.ClickHouse), s.cell, rowColumns()); err != nil {
		return unreachable(err)
	}
	return s.serve(ctx, c.Admin, g.Run)
}

// group feeds the scorer, and dials nothing yet; stop lets go of its connections.
func (c *scoreCmd) group(s *site) (g *kafka.Group, stop func(), err error) {
	for _, w := range c.Model.Window {
		if !slices.Contains(features.Lengths, w) {
			return nil, nil, fmt.Errorf("window: there are no windows of %s; there are %v", w, features.Lengths)
		}
	}
	scorer, err := score.New(score.Config(c.Model), s.cell, c.Name, rowColumns().Windows, s.reg)
	if err != nil {
		return nil, nil, err
	}
	conn, err := clickhouse.Open(clickhouse.Config(c.ClickHouse), s.cell)
	if err != nil {
		return nil, nil, err
	}
	to := sink.Retry(sink.Instrument(clickhouse.NewScores(conn, s.cell, c.Name, scorer, s.reg), "score", s.reg), s.log)
	g, err = kafka.NewGroup(kafka.GroupConfig{
		Sink: "score", Group: s.cell + ".score-" + c.Name, Instance: s.instance, Cell: s.cell,
		Topics:         map[string]kafka.Limits{wire.TopicFeatures: {Records: c.Cuts.Records, Bytes: c.Cuts.Bytes, Age: c.Cuts.Cut, IdleAge: c.Cuts.Idle}},
		SessionTimeout: c.Cuts.Session,
	}, s.kafka, to, s.log, s.reg)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	s.health.add("score", g.Ready)
	s.health.add("model", scorer.Ready)
	return g, func() { conn.Close() }, nil
}
