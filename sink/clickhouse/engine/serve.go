package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	lockWithin = 20 * time.Second // for an engine that is just ending
	drain      = 1500 * time.Millisecond
)

// Serve owns the engine in this process and answers HTTP until ctx is done. It
// calls ready with the address when it answers. It takes over standard input, and
// there can be one in a process.
func Serve(ctx context.Context, cfg Config, dir, user, password string, ready func(addr string)) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if user == "" || password == "" {
		return errors.New("the engine needs a user and a password")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder %q: %w", dir, err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for clickhouse.listen: %w", err)
	}
	defer listener.Close()
	f, root, err := boot(cfg, dir)
	if err != nil {
		return err
	}
	defer root.close()
	f.user, f.password = sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	return f.listen(ctx, listener, ready)
}

// listen serves until ctx is done, lets what runs finish for a moment, kills the
// rest, and returns when nothing uses the engine any more.
func (f *front) listen(ctx context.Context, listener net.Listener, ready func(addr string)) error {
	var running sync.WaitGroup
	base, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			f.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ready(listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if server.Shutdown(stop) != nil {
		kill()
		server.Close() // ends bodies that are being read
	}
	running.Wait()
	f.named.close()
	return nil
}

// boot starts libchdb on the folder. The returned session keeps it open.
func boot(cfg Config, dir string) (*front, *session, error) {
	path, err := cfg.library()
	if err != nil {
		return nil, nil, err
	}
	// The engine reads standard input as the data of an INSERT.
	if err := nullStdin(); err != nil {
		return nil, nil, fmt.Errorf("close standard input: %w", err)
	}
	config, err := writeConfig(cfg, dir)
	if err != nil {
		return nil, nil, err
	}
	lib, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	// Before the first connection: with its handlers on, a nil dereference that Go
	// would recover from hangs the process.
	lib.setSignalHandlersEnabled(0)
	args := []string{"clickhouse", "--path=" + filepath.Join(dir, "data"), "--config-file=" + config}
	root, err := lib.open(args)
	if err != nil {
		return nil, nil, fmt.Errorf("open engine on %q: %w", dir, err)
	}
	zone, _, err := root.run("SELECT timezone()", "TSVRaw")
	if err != nil {
		root.close()
		return nil, nil, fmt.Errorf("first statement: %w", err)
	}
	return &front{
		lib:      lib,
		timezone: strings.TrimSpace(string(zone)),
		slots:    make(chan struct{}, cfg.MaxQueries),
		named:    &namedSessions{args: args, byID: map[string]*namedSession{}},
	}, root, nil
}
