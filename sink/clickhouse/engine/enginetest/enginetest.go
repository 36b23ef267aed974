// Package enginetest gives tests a real ClickHouse: one server per test binary,
// one database per test.
//
// The server is the one that WEARSTREAM_TEST_CLICKHOUSE names, a DSN as
// --clickhouse.dsn takes it, with its password in the file
// WEARSTREAM_TEST_CLICKHOUSE_PASSWORD_FILE; it may be an engine that runs by itself
// (deploy/local/clickhouse) or an installed ClickHouse (deploy/local/clickhouse-server).
// Else it is an engine that is a child process and runs the test binary again, so a
// package that uses it has this TestMain and nothing else in it:
//
//	func TestMain(m *testing.M) { enginetest.Main(m) }
//
// The engine starts at the first DSN that a test asks for. Where its library is
// not there a test that needs it is skipped, with the way to get it, or fails
// where WEARSTREAM_PARTS_REQUIRED is set, as in `make test`.
//
// Tests that a server cannot take say so, with the reason: Options (tests that kill
// engines of their own) and Front (tests of what only our front does).
package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink/clickhouse/engine"
)

// asChild is set in the environment of the child.
const asChild = "WEARSTREAM_ENGINETEST_CHILD"

// User is the one user of engines that a test binary starts.
const User = "wearstream"

// Password is the password of User, made for this run.
var Password = rand.Text()

var shared struct {
	sync.Once
	dir   string
	child *engine.Child
	err   error

	server *url.URL // with user and password
	front  bool     // it is our front
}

// Main is the package's TestMain. In the child it is the engine instead.
func Main(m *testing.M) {
	if os.Getenv(asChild) != "" {
		os.Exit(runChild())
	}
	code := m.Run()
	if shared.child != nil {
		if err := shared.child.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop engine:", err)
			code = max(code, 1)
		}
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func runChild() int {
	var d engine.Daemon
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	parser, err := kong.New(&d)
	if err == nil {
		_, err = parser.Parse(os.Args[1:])
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = d.Run(ctx, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		return 1
	}
	return 0
}

// named is the DSN that the environment names, if it does.
func named() string { return os.Getenv("WEARSTREAM_TEST_CLICKHOUSE") }

// Need skips or fails the test where the engine's library is not there.
func Need(t testing.TB) {
	t.Helper()
	if err := (engine.Config{}).Check(); err != nil {
		parts.Missing(t, err)
	}
	parts.Used(t, parts.Engine)
}

// Options are what an engine of this test binary is started with, for tests that
// kill and restart one of their own: a folder of the test's, a free port.
func Options(t testing.TB) engine.Options {
	t.Helper()
	if named() != "" {
		t.Skip("embedded only: it starts and kills engines of its own")
	}
	Need(t)
	o, err := options(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Front skips a test of what only our front does where the server is another's.
func Front(t testing.TB, why string) {
	t.Helper()
	if Server(t); !shared.front {
		t.Skip("our front only: " + why)
	}
}

func options(dir string) (engine.Options, error) {
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte(Password+"\n"), 0o600); err != nil {
		return engine.Options{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return engine.Options{}, err
	}
	return engine.Options{
		Config:       engine.Config{Listen: "127.0.0.1:0", MemoryMiB: 2048, MaxQueries: 16},
		Dir:          filepath.Join(dir, "engine"),
		User:         User,
		PasswordFile: file,
		Command:      []string{exe},
		Env:          []string{asChild + "=1"},
	}, nil
}

// Server is the address of the server with user and password, without a database.
// It starts the engine if need be.
func Server(t testing.TB) url.URL {
	t.Helper()
	if named() == "" {
		Need(t)
	}
	shared.Do(func() {
		if dsn := named(); dsn != "" {
			shared.server, shared.err = external(dsn)
		} else {
			shared.server, shared.err = embedded()
		}
		if shared.err == nil {
			shared.front, shared.err = isFront(shared.server)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	switch {
	case named() == "":
	case shared.front:
		parts.Used(t, "ClickHouse engine by DSN")
	default:
		parts.Used(t, "installed ClickHouse by DSN")
	}
	return *shared.server
}

func embedded() (*url.URL, error) {
	var err error
	if shared.dir, err = os.MkdirTemp("", "enginetest-"); err != nil {
		return nil, err
	}
	o, err := options(shared.dir)
	if err != nil {
		return nil, err
	}
	// Not the test's context: the engine outlives the test that came first.
	if shared.child, err = engine.Start(context.Background(), o); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", User: url.UserPassword(User, Password), Host: shared.child.Addr}, nil
}

func external(dsn string) (*url.URL, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("WEARSTREAM_TEST_CLICKHOUSE: %w", err)
	}
	password, given := u.User.Password()
	if file := os.Getenv("WEARSTREAM_TEST_CLICKHOUSE_PASSWORD_FILE"); file != "" && !given {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("WEARSTREAM_TEST_CLICKHOUSE_PASSWORD_FILE: %w", err)
		}
		password = strings.TrimSpace(string(b))
	}
	// Databases are made for each test, and the clients' scripts know no TLS.
	if u.Scheme != "http" || u.Port() == "" || u.User.Username() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("WEARSTREAM_TEST_CLICKHOUSE: the tests take http://USER@HOST:PORT, nothing behind it")
	}
	return &url.URL{Scheme: "http", User: url.UserPassword(u.User.Username(), password), Host: u.Host}, nil
}

// isFront asks the server for the name that our front gives itself.
func isFront(server *url.URL) (bool, error) {
	resp, err := http.Get("http://" + server.Host + "/ping")
	if err != nil {
		return false, err
	}
	return resp.Header.Get("X-ClickHouse-Server-Display-Name") == "wearstream", resp.Body.Close()
}

// DSN makes a database for the test and returns a clickhouse-go DSN for it (over
// HTTP). The database is dropped when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	u := Server(t)
	database := "test_" + strings.ToLower(rand.Text())
	statement(t, u, "CREATE DATABASE "+database)
	t.Cleanup(func() { statement(t, u, "DROP DATABASE "+database+" SYNC") })
	in := u
	in.Path = "/" + database
	return in.String()
}

func statement(t testing.TB, server url.URL, sql string) {
	t.Helper()
	resp, err := http.Post(server.String(), "", strings.NewReader(sql)) // with the user of the address
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", sql, resp.Status, resp.Header.Get("X-ClickHouse-Exception-Code"))
	}
}
