package main

import (
	"context"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

type sinkCmd struct {
	Object     sinkObjectCmd     `cmd:"" help:"Land the log and the features as Parquet objects."`
	Clickhouse sinkClickHouseCmd `cmd:"" help:"Load batches, windows, wear, pairs and quarantine into ClickHouse."`
}

// objectsConfig says where objects go and how often they are cut.
type objectsConfig struct {
	Objects string        `name:"objects" default:"" help:"Where objects go: a folder (file:///DIR or DIR) or s3://BUCKET/PREFIX. Default: DATA/objects."`
	Cut     time.Duration `name:"object.cut" default:"30s" help:"An object ends when the next record is so much later than its first."`
	Idle    time.Duration `name:"object.idle_cut" default:"15m" help:"The same, while a partition carries nothing but ticks."`
	Bytes   int           `name:"object.bytes" default:"67108864" help:"An object ends at so many bytes of records."`
	Records int           `name:"object.records" default:"100000" help:"An object ends at so many records."`
	Session time.Duration `name:"object.session_timeout" default:"10s" help:"Silence after which the group gives a replica's partitions to others."`
}

func (c objectsConfig) limits() kafka.Limits {
	return kafka.Limits{Records: c.Records, Bytes: c.Bytes, Age: c.Cut, IdleAge: c.Idle}
}

// tablesConfig says how often ClickHouse is loaded.
type tablesConfig struct {
	Cut     time.Duration `name:"clickhouse.cut" default:"1s" help:"An insert ends when the next record is so much later than its first."`
	Idle    time.Duration `name:"clickhouse.idle_cut" default:"15m" help:"The same, while a partition carries nothing but ticks."`
	Bytes   int           `name:"clickhouse.bytes" default:"16777216" help:"An insert ends at so many bytes of records."`
	Records int           `name:"clickhouse.records" default:"20000" help:"An insert ends at so many records."`
	Session time.Duration `name:"clickhouse.session_timeout" default:"10s" help:"Silence after which the group gives a replica's partitions to others."`
}

func (c tablesConfig) limits() kafka.Limits {
	return kafka.Limits{Records: c.Records, Bytes: c.Bytes, Age: c.Cut, IdleAge: c.Idle}
}

// sinkObjectCmd is the object sink alone.
type sinkObjectCmd struct {
	Log     logConfig     `embed:""`
	Objects objectsConfig `embed:""`
	Admin   adminConfig   `embed:"" prefix:"admin."`
}

func (sinkObjectCmd) Help() string {
	return "Example:\n  wearstream sink object --kafka.brokers kafka:9092 --objects /srv/wearstream --instance object-1"
}

// Run lands until it is told to stop.
func (c *sinkObjectCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	g, err := s.objectSink(c.Objects)
	if err != nil {
		return err
	}
	return s.serve(ctx, c.Admin, g.Run)
}

func (s *site) objectSink(cfg objectsConfig) (*kafka.Group, error) {
	store, err := object.Open(cfg.Objects)
	if err != nil {
		return nil, usage(err)
	}
	return s.group("object", object.New(object.Instrument(store, s.cell, s.reg), s.cell, build()), cfg.limits(), cfg.Session)
}

// sinkClickHouseCmd is the ClickHouse sink alone.
type sinkClickHouseCmd struct {
	Log        logConfig       `embed:""`
	ClickHouse clickhouseFlags `embed:"" prefix:"clickhouse."`
	Tables     tablesConfig    `embed:""`
	Admin      adminConfig     `embed:"" prefix:"admin."`
}

func (sinkClickHouseCmd) Help() string {
	return "Example:\n  wearstream sink clickhouse --kafka.brokers kafka:9092 --clickhouse.dsn http://wearstream@clickhouse:8123 --clickhouse.password_file /run/secrets/clickhouse"
}

// Run loads until it is told to stop.
func (c *sinkClickHouseCmd) Run(ctx context.Context, e *env) error {
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	g, stop, err := s.clickhouseSink(ctx, clickhouse.Config(c.ClickHouse), c.Tables)
	if err != nil {
		return err
	}
	defer stop()
	return s.serve(ctx, c.Admin, g.Run)
}

// clickhouseSink brings the schema up to date and makes the sink; stop lets go of
// its connections.
func (s *site) clickhouseSink(ctx context.Context, cfg clickhouse.Config, tables tablesConfig) (g *kafka.Group, stop func(), err error) {
	schema := rowColumns()
	conn, err := clickhouse.Open(cfg, s.cell)
	if err != nil {
		return nil, nil, usage(err)
	}
	if err := clickhouse.Migrate(ctx, cfg, s.cell, schema); err != nil {
		conn.Close()
		return nil, nil, unreachable(err)
	}
	g, err = s.group("clickhouse", clickhouse.New(conn, s.cell, schema, s.reg), tables.limits(), tables.Session)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return g, func() { conn.Close() }, nil
}

// rowColumns are the columns of windows and of pairs, and those of the view of each
// length of window.
func rowColumns() clickhouse.Schema {
	schema := clickhouse.Schema{Windows: wire.WindowSchema(features.Columns(streamSets...)), Views: map[time.Duration][]string{}}
	for _, length := range features.Lengths {
		for _, set := range streamSets {
			schema.Views[length] = append(schema.Views[length], set.ColumnsAt(length)...)
		}
	}
	var pairs []string
	for _, f := range pair.Features {
		pairs = append(pairs, f.ID)
	}
	schema.Pairs = wire.PairSchema(pairs)
	return schema
}

// group feeds a sink with the topics that hold data.
func (s *site) group(name string, to stream.Sink, limits kafka.Limits, session time.Duration) (*kafka.Group, error) {
	topics := map[string]kafka.Limits{}
	for _, topic := range []string{wire.TopicDevice, wire.TopicFeatures, wire.TopicParticipants, wire.TopicQuarantine} {
		topics[topic] = limits
	}
	g, err := kafka.NewGroup(kafka.GroupConfig{
		Sink: name, Group: s.cell + ".sink-" + name, Instance: s.instance, Cell: s.cell,
		Topics: topics, SessionTimeout: session,
	}, s.kafka, sink.Retry(sink.Instrument(to, name, s.reg), s.log), s.log, s.reg)
	if err != nil {
		return nil, usage(err)
	}
	s.health.add("sink "+name, g.Ready)
	return g, nil
}
