package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// side is what stands between devices and Kafka. It is started anew, on a topic of
// its own, for every run.
type side interface {
	title() string
	start(ctx context.Context) error
	stop()
	addr() string                                          // of the device port
	devices() (*authority, error)                          // who signs the devices' certificates
	processes() (map[string]int, error)                    // what is measured: process ids by name
	revive(ctx context.Context, processes ...string) error // kill -9 all, start them again
	topic() string
	payload(*kgo.Record) ([]byte, error) // what a device sent; nil: something else
	forget(ctx context.Context, r *reader) error
}

// stage is where things run.
type stage struct {
	root    string // of the repository
	run     string // folder of this run
	bin     string // wearstream
	brokers []string
}

// script runs a script of deploy/local and answers the variables that it prints.
func (s stage) script(ctx context.Context, name, verb string, env ...string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.root, "deploy/local", name), verb)
	cmd.Env = append(append(os.Environ(), "WEARSTREAM_RUN="+s.run, "WEARSTREAM_TEST_KAFKA="+strings.Join(s.brokers, ",")), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("deploy/local/%s %s: %w\n%s", name, verb, err, errs.Bytes())
	}
	found := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			found[name] = value
		}
	}
	return found, nil
}

// wearstream is the program with these words, not started.
func (s stage) wearstream(log io.Writer, args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}
