package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// gateway is our side: the program's own gateway command.
type gateway struct {
	stage
	runs  int // makes the cell
	mqtt  string
	admin string
	cmd   *exec.Cmd
	log   *os.File
}

func (g *gateway) title() string { return "gateway" }
func (g *gateway) addr() string  { return g.mqtt }
func (g *gateway) cell() string  { return fmt.Sprintf("versus-%d", g.runs) }
func (g *gateway) topic() string { return wire.TopicName(g.cell(), wire.TopicDevice) }
func (g *gateway) pki() string   { return filepath.Join(g.run, "gateway", "pki") }

func (g *gateway) devices() (*authority, error) {
	return openAuthority(filepath.Join(g.pki(), "root.pem"), filepath.Join(g.pki(), "root.key"))
}

func (g *gateway) processes() (map[string]int, error) {
	return map[string]int{"gateway": g.cmd.Process.Pid}, nil
}

// start begins a new cell.
func (g *gateway) start(ctx context.Context) (err error) {
	g.runs++
	data := filepath.Join(g.run, "gateway")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if g.log, err = os.OpenFile(filepath.Join(data, "gateway.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	for _, what := range []string{"init", "server"} {
		if err := g.wearstream(g.log, "certs", what, "--data", data).Run(); err != nil {
			return fmt.Errorf("wearstream certs %s: %w, see %s", what, err, g.log.Name())
		}
	}
	if g.mqtt, err = freeAddr(); err == nil {
		g.admin, err = freeAddr()
	}
	if err != nil {
		return err
	}
	return g.launch(ctx)
}

func (g *gateway) launch(ctx context.Context) error {
	// The rarest ticks, since observe waits until nothing more comes.
	g.cmd = g.wearstream(g.log, "gateway", "--mqtt.tick", "20s", "--cell", g.cell(), "--kafka.brokers", strings.Join(g.brokers, ","),
		"--mqtt.listen", g.mqtt, "--admin.listen", g.admin, "--mqtt.tls_cert", filepath.Join(g.pki(), "server.pem"),
		"--mqtt.tls_key", filepath.Join(g.pki(), "server.key"), "--mqtt.client_ca", filepath.Join(g.pki(), "root.pem"))
	if err := g.cmd.Start(); err != nil {
		return err
	}
	return ready(ctx, g.admin, g.log.Name())
}

func (g *gateway) revive(ctx context.Context, _ ...string) error {
	g.cmd.Process.Kill()
	g.cmd.Wait()
	return g.launch(ctx)
}

func (g *gateway) stop() {
	if g.cmd != nil && g.cmd.Process != nil {
		end(g.cmd)
	}
	g.log.Close()
}

func (g *gateway) payload(rec *kgo.Record) ([]byte, error) {
	for _, h := range rec.Headers {
		if h.Key == wire.HeaderKind && string(h.Value) == wire.KindSamples {
			return rec.Value, nil
		}
	}
	return nil, nil // a tick
}

func (g *gateway) forget(ctx context.Context, r *reader) error {
	return forgetCell(ctx, r, g.cell())
}

func forgetCell(ctx context.Context, r *reader, cell string) error {
	var topics []string
	for _, t := range wire.Topics(wire.DefaultPartitions) {
		topics = append(topics, wire.TopicName(cell, t.Name))
	}
	return r.forget(ctx, topics...)
}

// ready waits until a service says so.
func ready(ctx context.Context, admin, log string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: see %s", log)
		}
	}
}

// end asks a process to end and kills it if it does not.
func end(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(15*time.Second, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
