package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wearstream/wearstream/gateway"
	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/clickhouse/engine"
	"github.com/wearstream/wearstream/stream/kafka"
)

// upCmd is everything on this machine, in one process and the engine's.
type upCmd struct {
	Data        string          `name:"data" type:"path" default:"${home}" help:"Data folder; embedded parts keep everything in it."`
	Log         logConfig       `embed:""`
	KafkaListen string          `name:"kafka.listen" default:"127.0.0.1:9092" help:"Address of the embedded log, while no brokers are given. Port 0 takes a free one."`
	MQTT        gatewayFlags    `embed:"" prefix:"mqtt."`
	Process     processFlags    `embed:"" prefix:"process."`
	Adhere      adhereFlags     `embed:"" prefix:"adhere." set:"commit_interval=1s"`
	Objects     objectsConfig   `embed:""`
	ClickHouse  clickhouseFlags `embed:"" prefix:"clickhouse."`
	Tables      tablesConfig    `embed:""`
	Engine      engine.Config   `embed:"" prefix:"clickhouse."`
	Admin       adminConfig     `embed:"" prefix:"admin."`
}

func (upCmd) Help() string {
	return "Without --kafka.brokers the log is the embedded one, for evaluation: no acknowledged batch is lost when the process is killed, but a power cut may lose some.\n" +
		"Without --clickhouse.dsn ClickHouse is the embedded engine, confined to its folder. An installed ClickHouse is used by naming it: run `clickhouse server`, give --clickhouse.dsn and --clickhouse.password_file.\n\n" +
		"Examples:\n  wearstream up\n  wearstream up --data ./data --mqtt.listen 0.0.0.0:8883\n  wearstream up --kafka.brokers kafka:9092 --clickhouse.dsn http://wearstream@clickhouse:8123"
}

const chUser = "wearstream"

// Run starts the parts in the order in which they need each other, says where
// they are, and stops them in the reverse order.
func (c *upCmd) Run(ctx context.Context, e *env) error {
	release, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer release()
	_ = os.Remove(endpointsPath(c.Data)) // of an `up` that was killed
	if err := c.certificates(); err != nil {
		return err
	}
	if c.Log.Instance == "" {
		c.Log.Instance = "up"
	}
	s, err := c.Log.site(e)
	if err != nil {
		return err
	}
	at := &endpoints{
		Version: 1, PID: os.Getpid(), Data: c.Data, Cell: s.cell, ServerName: "localhost",
		CA: filepath.Join(pkiDir(c.Data), authority.RootCert), Database: clickhouse.Database(s.cell),
	}
	stopLog, err := c.startLog(s)
	if err != nil {
		return err
	}
	defer stopLog()
	at.Kafka, at.KafkaSecurity = s.kafka.Brokers, s.kafka.Security
	if _, err := s.ensureTopics(ctx); err != nil {
		return err
	}
	child, err := c.startClickHouse(ctx, at)
	if err != nil {
		return err
	}
	if child != nil {
		defer child.Stop()
	}
	return c.serve(ctx, s, at, child, e)
}

// serve runs the services over the log until one of them ends.
func (c *upCmd) serve(ctx context.Context, s *site, at *endpoints, child *engine.Child, e *env) error {
	if c.Objects.Objects == "" {
		c.Objects.Objects = filepath.Join(c.Data, "objects")
	}
	g, stopGateway, err := s.gateway(gateway.Config(c.MQTT))
	if err != nil {
		return usage(err)
	}
	defer stopGateway()
	process, err := s.processor(c.Process)
	if err != nil {
		return err
	}
	adhere, err := s.adhere(c.Adhere)
	if err != nil {
		return err
	}
	objects, err := s.objectSink(c.Objects)
	if err != nil {
		return err
	}
	tables, stopTables, err := s.clickhouseSink(ctx, clickhouse.Config(c.ClickHouse), c.Tables)
	if err != nil {
		return err
	}
	defer stopTables()
	admin, serveAdmin, err := listenAdmin(c.Admin, s.reg, s.health, s.log)
	if err != nil {
		return usage(err)
	}
	at.Admin, at.Objects = admin, fileURL(c.Objects.Objects)
	parts := []func(context.Context) error{serveAdmin, g.Run, process.Run, adhere.Run, objects.Run, tables.Run, func(ctx context.Context) error {
		if at.MQTT, err = g.Addr(ctx); err != nil {
			return err
		}
		if err := s.untilReady(ctx); err != nil {
			return err
		}
		if err := at.write(); err != nil {
			return err
		}
		if e.json {
			if err := json.NewEncoder(e.stdout).Encode(at); err != nil {
				return err
			}
		}
		say(e, at, s.embedded, child != nil)
		s.showStatus(ctx, e)
		return ctx.Err()
	}}
	if child != nil {
		parts = append(parts, func(ctx context.Context) error {
			ended := make(chan error, 1)
			go func() { ended <- child.Wait() }()
			select {
			case err := <-ended:
				return fmt.Errorf("the ClickHouse engine ended: %w", err)
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	err = together(ctx, parts...)
	_ = os.Remove(endpointsPath(c.Data))
	return clean(ctx, err)
}

// certificates makes the development authority and the gateway's certificate,
// unless others were given.
func (c *upCmd) certificates() error {
	dir := pkiDir(c.Data)
	a, err := authority.Init(dir)
	if err != nil {
		return err
	}
	if c.MQTT.ClientCA == "" {
		c.MQTT.ClientCA = filepath.Join(dir, authority.RootCert)
	}
	if c.MQTT.TLSCert != "" || c.MQTT.TLSKey != "" {
		return nil
	}
	var names []string
	if host, _, err := net.SplitHostPort(c.MQTT.Listen); err == nil && host != "" {
		names = append(names, host)
	}
	c.MQTT.TLSCert, c.MQTT.TLSKey, err = writeServer(a, dir, names)
	return err
}

// startLog starts the embedded log where no brokers are given.
func (c *upCmd) startLog(s *site) (stop func(), err error) {
	if len(s.kafka.Brokers) > 0 {
		return func() {}, nil
	}
	if err := s.embeddable(); err != nil {
		return nil, usage(err)
	}
	broker, err := kafka.StartBroker(kafka.BrokerConfig{Dir: filepath.Join(c.Data, "log"), Listen: c.KafkaListen}, s.log)
	if err != nil {
		return nil, err
	}
	s.kafka.Brokers, s.kafka.Security, s.embedded = broker.Addrs(), kafka.Security{}, true
	return broker.Close, nil
}

// startClickHouse starts the embedded engine where no DSN is given.
func (c *upCmd) startClickHouse(ctx context.Context, at *endpoints) (*engine.Child, error) {
	if c.ClickHouse.DSN != "" {
		u, err := url.Parse(c.ClickHouse.DSN)
		if err != nil {
			return nil, usage(fmt.Errorf("clickhouse.dsn: %w", err))
		}
		at.ClickHouse, at.ClickHouseUser, at.ClickHousePasswordFile = u.Scheme+"://"+u.Host, u.User.Username(), c.ClickHouse.PasswordFile
		return nil, nil
	}
	file := filepath.Join(c.Data, "clickhouse.password")
	if err := makePassword(file); err != nil {
		return nil, err
	}
	child, err := engine.Start(ctx, engine.Options{
		Config: c.Engine, Dir: filepath.Join(c.Data, "clickhouse"), User: chUser, PasswordFile: file,
	})
	if err != nil {
		return nil, unreachable(fmt.Errorf("start the ClickHouse engine: %w", err))
	}
	c.ClickHouse.DSN, c.ClickHouse.PasswordFile = "http://"+chUser+"@"+child.Addr, file
	at.ClickHouse, at.ClickHouseUser, at.ClickHousePasswordFile = "http://"+child.Addr, chUser, file
	return child, nil
}

// makePassword makes the password of the data folder, once.
func makePassword(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	random := make([]byte, 18)
	rand.Read(random)
	if err := os.WriteFile(file+".tmp", []byte(hex.EncodeToString(random)), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

func fileURL(place string) string {
	if strings.Contains(place, "://") {
		return place
	}
	abs, err := filepath.Abs(place)
	if err != nil {
		return place
	}
	return "file://" + abs
}

// untilReady waits until every part is.
func (s *site) untilReady(ctx context.Context) error {
	check := time.NewTicker(20 * time.Millisecond)
	defer check.Stop()
	for s.health.ready() != nil {
		select {
		case <-check.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func say(e *env, at *endpoints, embedded, child bool) {
	kind := func(own bool, what string) string {
		if own {
			return what
		}
		return "yours"
	}
	fmt.Fprintf(e.stderr, "wearstream is ready, process %d, data in %s\n", at.PID, at.Data)
	for _, row := range [][3]string{
		{"devices", "mqtts://" + at.MQTT, "MQTT with client certificates; wearstream certs device NAME makes one"},
		{"log", strings.Join(at.Kafka, ","), kind(embedded, "embedded Kafka protocol, for evaluation")},
		{"objects", at.Objects, "Parquet: landing and features"},
		{"clickhouse", at.ClickHouse, kind(child, "embedded engine") + ", database " + at.Database + ", user " + at.ClickHouseUser},
		{"operators", at.Admin, "/metrics /livez /readyz"},
	} {
		fmt.Fprintf(e.stderr, "  %-11s %-28s %s\n", row[0], row[1], row[2])
	}
}
