package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
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
	brokers := strings.Join(broker.Addrs(), ",")
	u := &upProcess{t: t, errs: new(lockedBuffer), at: endpoints{Database: "wearstream_main", ClickHouseUser: chUser, ClickHousePasswordFile: filepath.Join(dir, "password")}}
	if err := os.WriteFile(u.at.ClickHousePasswordFile, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	clickhouse, mqtt := freeAddr(t), freeAddr(t)
	u.at.ClickHouse = "http://" + clickhouse
	service := func(args ...string) (kill func()) {
		t.Helper()
		cmd := program(context.Background(), args...)
		cmd.Stderr = u.errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = func() { cmd.Process.Kill(); cmd.Wait() }
		t.Cleanup(kill)
		return kill
	}
	service("engine", "--dir", filepath.Join(dir, "clickhouse"), "--password_file", u.at.ClickHousePasswordFile, "--clickhouse.listen", clickhouse)
	eventually(t, 30*time.Second, "the engine answers", func() error { _, err := u.query("SELECT 1"); return ignoreDatabase(err) })

	pki := filepath.Join(dir, "data")
	if _, code := runProgram(t, "certs", "init", "--data", pki); code != 0 {
		t.Fatal("certs init failed")
	}
	if _, code := runProgram(t, "certs", "server", "--data", pki); code != 0 {
		t.Fatal("certs server failed")
	}
	device := filepath.Join(dir, "w1")
	if _, code := runProgram(t, "certs", "device", "w1", "--data", pki, "--out", device); code != 0 {
		t.Fatal("certs device failed")
	}
	common := []string{"--kafka.brokers", brokers, "--admin.listen", "127.0.0.1:0"}
	with := func(more ...string) []string { return append(more, common...) }
	service(with("gateway", "--mqtt.listen", mqtt, "--mqtt.tick", "1s", "--mqtt.tls_cert", filepath.Join(pki, "pki", "server.pem"),
		"--mqtt.tls_key", filepath.Join(pki, "pki", "server.key"), "--mqtt.client_ca", filepath.Join(pki, "pki", "root.pem"))...)
	process := with("process", "--instance", "p1", "--process.session_timeout", "6s")
	object := with("sink", "object", "--instance", "o1", "--objects", filepath.Join(dir, "objects"), "--object.cut", "1s")
	tables := with("sink", "clickhouse", "--instance", "c1", "--clickhouse.dsn", "http://wearstream@"+clickhouse, "--clickhouse.password_file", u.at.ClickHousePasswordFile)
	var kills []func()
	for _, args := range [][]string{process, object, tables} {
		kills = append(kills, service(args...))
	}
	acked := filepath.Join(dir, "acked.jsonl")
	replay := program(t.Context(), "replay", "--mqtt", mqtt, "--ca", filepath.Join(device, "ca.pem"), "--cert", filepath.Join(device, "cert.pem"),
		"--key", filepath.Join(device, "key.pem"), "--thing", "w1", "--acked", acked, "--speed", "600", recordings(t)[0])
	replay.Stderr = u.errs
	if err := replay.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, "rows arrive", func() error {
		if text, err := u.query("SELECT count() FROM features_5s"); err != nil || text == "0\n" {
			return fmt.Errorf("%q %v", text, err)
		}
		return nil
	})
	for i, args := range [][]string{process, object, tables} {
		kills[i]()
		service(args...)
	}
	if err := replay.Wait(); err != nil {
		t.Fatalf("replay: %v\n%s", err, tail(u.errs.String(), 4000))
	}
	u.complete(1)
	eventually(t, 60*time.Second, "verify is clean and nothing is left to land", func() error {
		out, code := runProgram(t, append([]string{"verify", "--objects", filepath.Join(dir, "objects"), "--acked", acked,
			"--clickhouse.dsn", "http://wearstream@" + clickhouse, "--clickhouse.password_file", u.at.ClickHousePasswordFile, "--object.idle_cut", "1h"}, "--kafka.brokers", brokers)...)
		if code != 0 {
			return stop{fmt.Errorf("exit status %d: %s\n%s", code, out, tail(u.errs.String(), 4000))}
		}
		if lines := countLines(t, acked); !strings.Contains(out, fmt.Sprintf("%d batches, %d acknowledged", lines, lines)) {
			return fmt.Errorf("%d lines acknowledged, verify says %s", lines, out)
		}
		return nil
	})
	if out, code := runProgram(t, append([]string{"check", "--objects", filepath.Join(dir, "objects"), "--clickhouse.dsn", "http://wearstream@" + clickhouse,
		"--clickhouse.password_file", u.at.ClickHousePasswordFile}, "--kafka.brokers", brokers)...); code != 0 {
		t.Errorf("check: exit status %d\n%s", code, out)
	}
}

// ignoreDatabase: the sink makes the database later.
func ignoreDatabase(err error) error {
	if err != nil && strings.Contains(err.Error(), "UNKNOWN_DATABASE") {
		return nil
	}
	return err
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func countLines(t *testing.T, file string) (n int) {
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
