package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/kafka"
)

// TestServices runs every service as a process of its own over one log: the same
// functions as in up, with the same result. One of each is killed on the way.
func TestServices(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	broker, err := kafka.StartBroker(kafka.BrokerConfig{Dir: filepath.Join(dir, "log"), Listen: "127.0.0.1:0"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	w := newWorld(t, dir, "main", strings.Join(broker.Addrs(), ","), filepath.Join(dir, "objects"))
	replicas := []*service{w.process("p1"), w.adhere("a1"), w.object("o1"), w.tables("c1")}

	device, acked := filepath.Join(dir, "w1"), filepath.Join(dir, "acked.jsonl")
	if _, code := runProgram(t, "certs", "device", "w1", "--data", w.at.Data, "--out", device); code != 0 {
		t.Fatal("certs device failed")
	}
	replay := program(t.Context(), "replay", "--mqtt", w.at.MQTT, "--ca", filepath.Join(device, "ca.pem"), "--cert", filepath.Join(device, "cert.pem"),
		"--key", filepath.Join(device, "key.pem"), "--thing", "w1", "--acked", acked, "--speed", "600", recordings(t)[0])
	replay.Stderr = w.errs
	if err := replay.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, "rows arrive", func() error {
		if text, err := w.query("SELECT count() FROM features_5s"); err != nil || text == "0\n" {
			return fmt.Errorf("%q %v", text, err)
		}
		return nil
	})
	for _, s := range replicas {
		s.kill()
		s.start()
	}
	if err := replay.Wait(); err != nil {
		t.Fatalf("replay: %v\n%s", err, tail(w.errs.String(), 4000))
	}
	w.complete(1)
	// By flags, as where no `up` says where everything is.
	parts := []string{"--kafka.brokers", w.at.Kafka[0], "--objects", w.at.Objects, "--clickhouse.dsn", w.dsn, "--clickhouse.password_file", w.at.ClickHousePasswordFile}
	eventually(t, 60*time.Second, "verify is clean and nothing is left to land", func() error {
		out, code := runProgram(t, append([]string{"verify", "--acked", acked, "--object.idle_cut", "1h"}, parts...)...)
		if code != 0 {
			return stop{fmt.Errorf("exit status %d: %s\n%s", code, out, tail(w.errs.String(), 4000))}
		}
		if lines := countLines(t, acked); !strings.Contains(out, fmt.Sprintf("%d batches, %d acknowledged", lines, lines)) {
			return fmt.Errorf("%d lines acknowledged, verify says %s", lines, out)
		}
		return nil
	})
	if out, code := runProgram(t, append([]string{"check"}, parts...)...); code != 0 {
		t.Errorf("check: exit status %d\n%s", code, out)
	}
}

func countLines(t testing.TB, file string) (n int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		n++
	}
	return n
}
