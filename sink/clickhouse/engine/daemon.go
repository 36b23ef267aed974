package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Daemon is the child process: the flags that Start gives it, and what it does.
// It is also what the subcommand `engine` runs.
type Daemon struct {
	Dir          string `name:"dir" required:"" type:"path" help:"Folder of the engine's data."`
	User         string `name:"user" default:"wearstream" help:"The one user."`
	PasswordFile string `name:"password_file" required:"" type:"path" help:"File that holds the user's password."`
	Parent       int    `name:"parent" help:"Descriptor of a socket: told when ready, and its end ends the engine. 0: none."`
	Engine       Config `embed:"" prefix:"clickhouse."`
}

// Run serves until ctx is done or the parent is gone. It belongs into main: it
// takes over standard input and the process's ways to end.
func (d Daemon) Run(ctx context.Context, log *slog.Logger) error {
	if !d.Engine.Unconfined && os.Getenv(confined) == "" {
		log.Warn("the engine is not confined: statements can read files of this user", "err", d.confine())
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready := func(addr string) { log.Info("engine ready", "addr", addr) }
	if d.Parent != 0 {
		parent := os.NewFile(uintptr(d.Parent), "parent")
		if parent == nil {
			return fmt.Errorf("descriptor %d of the parent is not open", d.Parent)
		}
		defer parent.Close()
		ready = func(addr string) { fmt.Fprintln(parent, addr) }
		go func() {
			// Nothing is ever sent: reading ends when the parent closes its end or
			// dies, however it dies.
			_, err := parent.Read(make([]byte, 1))
			stop(fmt.Errorf("parent is gone: %w", err))
		}()
	}
	password, err := os.ReadFile(d.PasswordFile)
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	return Serve(ctx, d.Engine, d.Dir, d.User, strings.TrimSpace(string(password)), ready)
}

// confine starts this process again, confined; it returns only when it cannot.
func (d Daemon) confine() error {
	lib, err := d.Engine.library()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	return confine(d.Dir, lib, d.PasswordFile)
}

// args is the command line that makes d again.
func (d Daemon) args() []string {
	return []string{
		"--dir=" + d.Dir, "--user=" + d.User, "--password_file=" + d.PasswordFile, fmt.Sprintf("--parent=%d", d.Parent),
		"--clickhouse.listen=" + d.Engine.Listen, "--clickhouse.lib=" + d.Engine.Lib,
		fmt.Sprintf("--clickhouse.memory_mib=%d", d.Engine.MemoryMiB), fmt.Sprintf("--clickhouse.max_queries=%d", d.Engine.MaxQueries),
		fmt.Sprintf("--clickhouse.unconfined=%t", d.Engine.Unconfined),
	}
}
