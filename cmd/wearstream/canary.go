package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/wearstream/wearstream/loadtest/replay"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// canary is two minutes of generated samples on their way through all parts, as
// a sensor of its own.
type canary struct {
	cell, sensor       string
	addr, serverName   string
	cert, key, ca      string
	replay             replay.Config
	clickhouse         clickhouse.Config
	objects            string
	boot               uint64
	batches            int64
	sent, acknowledged time.Time
}

const canaryLength = 2 * time.Minute

// canary says where it starts from.
func (c *doctorCmd) canary(at *endpoints) (*canary, error) {
	y := &canary{cell: c.Up.Log.Cell, sensor: c.Thing, clickhouse: clickhouse.Config(c.Up.ClickHouse), objects: c.Up.Objects.Objects}
	y.replay = replay.Config{Thing: c.Thing, Patience: c.Wait}
	if c.MQTT == "" {
		y.cell, y.addr, y.serverName = at.Cell, at.MQTT, at.ServerName
		y.replay.Data = at.Data
	} else {
		host, _, err := net.SplitHostPort(c.MQTT)
		if err != nil || c.CA == "" || c.Cert == "" || c.Key == "" {
			return nil, usage(errors.New("--mqtt: give host:port, and --ca, --cert and --key"))
		}
		y.addr, y.serverName, y.sensor = c.MQTT, host, c.Thing+"/doctor"
		y.replay.MQTT, y.replay.CA, y.replay.Cert, y.replay.Key = c.MQTT, c.CA, c.Cert, c.Key
		y.replay.Sensor = y.sensor
	}
	var err error
	y.cert, y.key, y.ca, err = c.credentials(at)
	return y, err
}

// probes follow it. Each waits for so long at most.
func (y *canary) probes(wait time.Duration) []probe {
	reached := func(ask func(context.Context, driver.Conn) (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			conn, err := clickhouse.Open(y.clickhouse, y.cell)
			if err != nil {
				return "", err
			}
			defer conn.Close()
			return until(ctx, func() (string, error) { return ask(ctx, conn) })
		}
	}
	db := clickhouse.Database(y.cell)
	return []probe{
		{what: "publish", at: y.addr, within: wait, ask: y.publish, mend: "look at what the gateway says; /readyz of the gateway names the log's brokers where they are the cause"},
		{what: "row", at: db + ".batches", within: wait, ask: reached(y.row), mend: "look at `wearstream sink clickhouse`: its /readyz and wearstream_sink_ metrics"},
		{what: "window", at: db + ".features_5s", within: wait, ask: reached(y.window), mend: "look at `wearstream process`: its /readyz and wearstream_process_ metrics"},
		{what: "object", at: y.objects, within: wait, ask: reached(y.landed), mend: "look at `wearstream sink object`: its /readyz; objects are cut every --object.cut"},
	}
}

// until asks again while the answer is not there yet.
func until(ctx context.Context, ask func() (string, error)) (string, error) {
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		text, err := ask()
		if err == nil {
			return text, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("gave up waiting: %w", err)
		}
	}
}

// publish sends it as a device and waits for every acknowledgement.
func (y *canary) publish(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "wearstream-doctor")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	y.sent = time.Now()
	file, acked := filepath.Join(dir, "canary.csv.gz"), filepath.Join(dir, "acked.jsonl")
	if err := recording.Generate(file, uint64(y.sent.Unix()), y.sent.UTC().Add(-canaryLength).Truncate(time.Second), canaryLength); err != nil {
		return "", err
	}
	y.replay.Acked = acked
	r, err := replay.New(y.replay, []string{file}, replay.Deps{})
	if err != nil {
		return "", err
	}
	result, err := r.Run(ctx)
	if err != nil {
		return "", err
	}
	y.acknowledged, y.batches = time.Now(), result.Acknowledged
	f, err := os.Open(acked)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var line struct{ Boot uint64 }
	if err := json.NewDecoder(f).Decode(&line); err != nil {
		return "", fmt.Errorf("read what was acknowledged: %w", err)
	}
	y.boot = line.Boot
	return fmt.Sprintf("%d batches of sensor %s acknowledged after the log had them", y.batches, y.sensor), nil
}

// row wants every batch, and compares the log's clock with ours.
func (y *canary) row(ctx context.Context, conn driver.Conn) (string, error) {
	var n uint64
	var first, last time.Time
	if err := conn.QueryRow(ctx, "SELECT count(), min(received_at), max(received_at) FROM batches WHERE sensor = ? AND boot = ?", y.sensor, y.boot).Scan(&n, &first, &last); err != nil {
		return "", err
	}
	if int64(n) != y.batches {
		return "", fmt.Errorf("%d of %d batches are there", n, y.batches)
	}
	const tolerance = time.Second
	if first.Before(y.sent.Add(-tolerance)) || last.After(y.acknowledged.Add(tolerance)) {
		return fmt.Sprintf("%d batches; but the log's clock differs from this machine's: received %s, sent %s", n, first.Format(time.RFC3339Nano), y.sent.UTC().Format(time.RFC3339Nano)), nil
	}
	return fmt.Sprintf("%d batches", n), nil
}

// window wants its last whole window, which no earlier canary can have made.
func (y *canary) window(ctx context.Context, conn driver.Conn) (string, error) {
	var n uint64
	var last time.Time
	if err := conn.QueryRow(ctx, "SELECT count(), max(window_start) FROM features_5s WHERE sensor = ? AND window_start >= ?", y.sensor, y.sent.Add(-10*time.Second)).Scan(&n, &last); err != nil {
		return "", err
	}
	if n == 0 {
		return "", errors.New("its last window is not there")
	}
	return "up to " + last.Format(time.TimeOnly), nil
}

// landed wants an object that reaches past its last record.
func (y *canary) landed(ctx context.Context, conn driver.Conn) (string, error) {
	var log string
	var partition int32
	var last int64
	if err := conn.QueryRow(ctx, "SELECT log_id, partition, offset FROM batches WHERE sensor = ? AND boot = ? ORDER BY seq DESC LIMIT 1", y.sensor, y.boot).Scan(&log, &partition, &last); err != nil {
		return "", err
	}
	store, err := object.Open(y.objects)
	if err != nil {
		return "", err
	}
	prefix := fmt.Sprintf("%s/landing/v1/topic=%s/log=%s/partition=%d/", y.cell, wire.TopicDevice, log, partition)
	var newest string
	for info, err := range store.List(ctx, prefix, "") {
		if err != nil {
			return "", err
		}
		newest = info.Key
	}
	if newest == "" {
		return "", fmt.Errorf("no object below %s", prefix)
	}
	info, err := store.Head(ctx, newest)
	if err != nil {
		return "", err
	}
	meta, err := object.ParseMeta(info.Meta)
	if err != nil {
		return "", err
	}
	if meta.Next <= last {
		return "", fmt.Errorf("landed up to offset %d of partition %d, the canary is at %d", meta.Next, partition, last)
	}
	return newest, nil
}
