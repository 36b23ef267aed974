package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream/kafka"
)

// asChild is set in the environment of a child: what the test binary is instead.
const asChild = "WEARSTREAM_BRIDGETEST_CHILD"

// child is what a process of its own runs: a bridge, or the log.
type child struct {
	Bridge  Config
	Brokers []string
	Dir     string // of the log
	Listen  string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asChild); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	mosquitto.stop()
	os.Exit(code)
}

func runChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	go func() { // the test's end is ours
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	if c.Dir != "" {
		if _, err := kafka.StartBroker(kafka.BrokerConfig{Dir: c.Dir, Listen: c.Listen}, log); err != nil {
			return err
		}
		select {}
	}
	client, err := kgo.NewClient(append(ingest.ProducerOptions(), kgo.SeedBrokers(c.Brokers...))...)
	if err != nil {
		return err
	}
	b, err := New(c.Bridge, Deps{Cell: cell, Client: client, Log: log, Registerer: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return b.Run(context.Background())
}

// start runs the test binary again as a child. kill is kill -9.
func (c child) start(t *testing.T) (kill func()) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"="+string(text))
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("the child ended by itself: %v", err)
		}
		cmd.Wait()
		if t.Failed() {
			t.Logf("a child said\n%s", stderr.String())
		}
	})
	t.Cleanup(kill)
	return kill
}

// mosquitto is the broker of this test binary.
var mosquitto = broker{stop: func() {}}

type broker struct {
	sync.Once
	addr, pki string
	dir       string
	stop      func()
	err       error
}

// need brings the broker or skips the test; where parts are required it fails.
func (b *broker) need(t *testing.T) {
	t.Helper()
	b.Do(func() { b.err = b.find() })
	if b.err != nil {
		parts.Missing(t, b.err)
	}
	parts.Used(t, parts.Mosquitto)
}

// find starts a broker where the part is in the cache already or parts are required.
func (b *broker) find() error {
	if !parts.Required() {
		cached := os.Getenv("WEARSTREAM_PARTS")
		if cached == "" {
			cache, err := os.UserCacheDir()
			if err != nil {
				return err
			}
			cached = filepath.Join(cache, "wearstream", "parts")
		}
		if found, _ := filepath.Glob(filepath.Join(cached, "mosquitto-*")); len(found) == 0 {
			return errors.New("no Mosquitto here: run deploy/local/mosquitto fetch")
		}
	}
	out, err := exec.Command(local("mosquitto"), "fetch").CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch mosquitto: %w\n%s", err, out)
	}
	return b.start(strings.TrimSpace(string(out)))
}

func local(script string) string { return filepath.Join("..", "..", "deploy", "local", script) }

// start runs the fetched broker with the configuration of deploy/local. A shell ends it
// when this process ends, however that is.
func (b *broker) start(part string) (err error) {
	if b.dir, err = os.MkdirTemp("", "bridgetest-"); err != nil {
		return err
	}
	b.stop = func() { os.RemoveAll(b.dir) }
	b.pki = filepath.Join(b.dir, "pki")
	if out, err := exec.Command(local("certs"), b.pki, "server").CombinedOutput(); err != nil {
		return fmt.Errorf("certificate of mosquitto: %w\n%s", err, out)
	}
	conf, err := os.ReadFile(local("mosquitto.conf"))
	if err != nil {
		return err
	}
	acl, err := os.ReadFile(local("mosquitto.acl"))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.addr = ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(b.addr)
	text := regexp.MustCompile(`(?m)^listener .*`).ReplaceAllString(string(conf), "listener "+port+" 127.0.0.1")
	if err := errors.Join(
		os.Mkdir(filepath.Join(b.dir, "data"), 0o700),
		os.WriteFile(filepath.Join(b.dir, "mosquitto.conf"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(b.dir, "mosquitto.acl"), acl, 0o600)); err != nil {
		return err
	}
	libs, _ := filepath.Glob(filepath.Join(part, "usr", "lib", "*-linux-gnu"))
	shell := exec.Command("sh", "-c", `"$0" -c mosquitto.conf >log 2>&1 & p=$!; cat >/dev/null; kill $p; wait $p`, filepath.Join(part, "usr", "sbin", "mosquitto"))
	shell.Dir, shell.Env = b.dir, append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libs, ":"))
	stdin, err := shell.StdinPipe()
	if err != nil {
		return err
	}
	if err := shell.Start(); err != nil {
		return err
	}
	b.stop = func() { stdin.Close(); shell.Wait(); os.RemoveAll(b.dir) }
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		nc, err := net.Dial("tcp", b.addr)
		if err == nil {
			return nc.Close()
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
			return fmt.Errorf("start mosquitto: %w\n%s", err, log)
		}
	}
}

// certificates are the files of a client, made if need be.
func (b *broker) certificates(t *testing.T, name string) (ca, cert, key string) {
	t.Helper()
	if out, err := exec.Command(local("certs"), b.pki, name).CombinedOutput(); err != nil {
		t.Fatalf("certificate of %s: %v\n%s", name, err, out)
	}
	dir := filepath.Join(b.pki, name)
	return filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}
