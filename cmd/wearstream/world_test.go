package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wearstream/wearstream/sink/clickhouse"
)

// world is every service as a process of its own over one log. Its data folder
// says where everything is, as that of an up does, so what works on an up works
// on it.
type world struct {
	*upProcess
	dsn string
}

// sessionTimeout is that of every replica: the least that Apache Kafka allows.
const sessionTimeout = 6 * time.Second

// newWorld starts the engine and the gateway.
func newWorld(t testing.TB, dir, cell, brokers, objects string) *world {
	t.Helper()
	data := filepath.Join(dir, "data")
	for _, args := range [][]string{{"certs", "init"}, {"certs", "server"}} {
		if _, code := runProgram(t, append(args, "--data", data)...); code != 0 {
			t.Fatalf("%v failed", args)
		}
	}
	engine := freeAddr(t)
	pki, password := filepath.Join(data, "pki"), filepath.Join(dir, "password")
	w := &world{
		dsn: "http://" + chUser + "@" + engine,
		upProcess: &upProcess{t: t, errs: new(lockedBuffer), at: endpoints{
			Version: 1, PID: os.Getpid(), Data: data, Cell: cell, MQTT: freeAddr(t), ServerName: "localhost", CA: filepath.Join(pki, "root.pem"),
			Admin: "http://" + freeAddr(t), Kafka: strings.Split(brokers, ","), Objects: objects,
			ClickHouse: "http://" + engine, ClickHouseUser: chUser, ClickHousePasswordFile: password, Database: clickhouse.Database(cell),
		}},
	}
	if err := os.WriteFile(password, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.at.write(); err != nil {
		t.Fatal(err)
	}
	w.run("engine", "--dir", filepath.Join(dir, "clickhouse"), "--password_file", password, "--clickhouse.listen", engine)
	eventually(t, 30*time.Second, "the engine answers", func() error { _, err := w.query("SELECT 1"); return ignoreDatabase(err) })
	w.run("gateway", "--cell", cell, "--kafka.brokers", brokers, "--admin.listen", strings.TrimPrefix(w.at.Admin, "http://"),
		"--mqtt.listen", w.at.MQTT, "--mqtt.tick", "1s", "--mqtt.client_ca", w.at.CA,
		"--mqtt.tls_cert", filepath.Join(pki, "server.pem"), "--mqtt.tls_key", filepath.Join(pki, "server.key"))
	return w
}

// ignoreDatabase: the sink makes the database later.
func ignoreDatabase(err error) error {
	if err != nil && strings.Contains(err.Error(), "UNKNOWN_DATABASE") {
		return nil
	}
	return err
}

func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// process, adhere, object and tables start a replica of this name.

func (w *world) process(instance string, flags ...string) *service {
	return w.replica(instance, slices.Concat([]string{"process", "--process.session_timeout", sessionTimeout.String()}, flags)...)
}

func (w *world) adhere(instance string, flags ...string) *service {
	return w.replica(instance, slices.Concat([]string{"adhere", "--adhere.session_timeout", sessionTimeout.String()}, flags)...)
}

func (w *world) object(instance string, flags ...string) *service {
	return w.replica(instance, slices.Concat([]string{"sink", "object", "--objects", w.at.Objects, "--object.cut", "1s",
		"--object.session_timeout", sessionTimeout.String()}, flags)...)
}

func (w *world) tables(instance string, flags ...string) *service {
	return w.replica(instance, slices.Concat([]string{"sink", "clickhouse", "--clickhouse.dsn", w.dsn,
		"--clickhouse.password_file", w.at.ClickHousePasswordFile, "--clickhouse.session_timeout", sessionTimeout.String()}, flags)...)
}

func (w *world) replica(instance string, args ...string) *service {
	w.t.Helper()
	return w.run(append(args, "--instance", instance, "--cell", w.at.Cell,
		"--kafka.brokers", strings.Join(w.at.Kafka, ","), "--admin.listen", "127.0.0.1:0")...)
}

// service is a process of a world, started as often as wanted.
type service struct {
	w    *world
	args []string
	cmd  *exec.Cmd
}

func (w *world) run(args ...string) *service {
	w.t.Helper()
	s := &service{w: w, args: args}
	s.start()
	w.t.Cleanup(func() { s.kill() })
	return s
}

func (s *service) start() {
	s.w.t.Helper()
	s.cmd = program(context.Background(), s.args...)
	s.cmd.Stderr = s.w.errs
	if err := s.cmd.Start(); err != nil {
		s.w.t.Fatal(err)
	}
}

func (s *service) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// stop asks it to end and wants a clean end.
func (s *service) stop() {
	s.w.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.w.t.Errorf("%s: %v\n%s", strings.Join(s.args[:2], " "), err, tail(s.w.errs.String(), 4000))
	}
}

func (s *service) freeze() { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *service) thaw()   { s.cmd.Process.Signal(syscall.SIGCONT) }
