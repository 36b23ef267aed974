// Package enginetest gives tests a real ClickHouse: one engine per test binary,
// one database per test.
//
// The engine is a child process that runs the test binary again, so a package
// that uses it has this TestMain and nothing else in it:
//
//	func TestMain(m *testing.M) { enginetest.Main(m) }
//
// The engine starts at the first DSN that a test asks for. Where its library is
// not there a test that needs it is skipped, with the way to get it, or fails
// where WEARSTREAM_PARTS_REQUIRED is set, as in `make test`.
package enginetest

import (
	"context"
	"crypto/rand"
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

	"github.com/wearstream/wearstream/sink/clickhouse/engine"
)

// asChild is set in the environment of the child.
const asChild = "WEARSTREAM_ENGINETEST_CHILD"

// User is the one user of the engine.
const User = "wearstream"

// Password is the password of User, made for this run.
var Password = rand.Text()

var shared struct {
	sync.Once
	dir   string
	child *engine.Child
	err   error
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

// Need skips or fails the test where the engine's library is not there.
func Need(t testing.TB) {
	t.Helper()
	err := engine.Config{}.Check()
	switch {
	case err == nil:
	case os.Getenv("WEARSTREAM_PARTS_REQUIRED") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Options are what an engine of this test binary is started with, for tests that
// kill and restart one of their own: a folder of the test's, a free port.
func Options(t testing.TB) engine.Options {
	t.Helper()
	Need(t)
	o, err := options(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return o
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

// Addr is the address of the shared engine, which it starts if need be.
func Addr(t testing.TB) string {
	t.Helper()
	Need(t)
	shared.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "enginetest-"); shared.err != nil {
			return
		}
		var o engine.Options
		if o, shared.err = options(shared.dir); shared.err != nil {
			return
		}
		// Not the test's context: the engine outlives the test that came first.
		shared.child, shared.err = engine.Start(context.Background(), o)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.child.Addr
}

// DSN makes a database for the test and returns a clickhouse-go DSN for it (over
// HTTP). The database is dropped when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	addr := Addr(t)
	database := "test_" + strings.ToLower(rand.Text())
	statement(t, addr, "CREATE DATABASE "+database)
	t.Cleanup(func() { statement(t, addr, "DROP DATABASE "+database+" SYNC") })
	u := url.URL{Scheme: "http", User: url.UserPassword(User, Password), Host: addr, Path: "/" + database}
	return u.String()
}

func statement(t testing.TB, addr, sql string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(User, Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", sql, resp.Status, resp.Header.Get("X-ClickHouse-Exception-Code"))
	}
}
