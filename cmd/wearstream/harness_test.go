package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/stream/recording"
)

var discard = slog.New(slog.DiscardHandler)

// asProgram makes the test binary the program that it tests.
const asProgram = "WEARSTREAM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	// The engine's child gets a clean environment and is known by its word.
	if os.Getenv(asProgram) != "" || len(os.Args) > 1 && os.Args[1] == "engine" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program is the program with these words, not started.
func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	return cmd
}

// runProgram runs it to its end and answers stdout and the exit status.
func runProgram(t testing.TB, args ...string) (stdout string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := program(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatalf("%v: %v", args, err)
	}
	if cmd.ProcessState.ExitCode() != 0 {
		t.Logf("wearstream %s: exit status %d\n%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), tail(errs.String(), 4000))
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// needEngine wants the ClickHouse engine, and time.
func needEngine(t testing.TB) {
	t.Helper()
	enginetest.Need(t)
	if testing.Short() {
		t.Skip("starts the whole product")
	}
}

// upProcess is a running `wearstream up`.
type upProcess struct {
	t    testing.TB
	cmd  *exec.Cmd
	at   endpoints
	errs *lockedBuffer
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePorts and short cuts, so that a verdict does not have to wait.
var upFlags = []string{
	"--mqtt.listen", "127.0.0.1:0", "--kafka.listen", "127.0.0.1:0", "--clickhouse.listen", "127.0.0.1:0",
	"--admin.listen", "127.0.0.1:0", "--mqtt.tick", "1s", "--object.cut", "1s", "--object.idle_cut", "20s",
}

// onReal reports whether the suite runs on Apache Kafka and an S3 server instead
// of the embedded log and a folder.
func onReal() bool { return os.Getenv("WEARSTREAM_SUITE") == "real" }

// realFlags name the real parts.
func realFlags(t testing.TB, data string) []string {
	t.Helper()
	if !onReal() {
		return nil
	}
	cell, brokers, objects := realParts(t, data)
	return []string{"--cell", cell, "--kafka.brokers", brokers, "--objects", objects}
}

// realParts are the real parts, and the cell that a data folder has there.
func realParts(t testing.TB, data string) (cell, brokers, objects string) {
	t.Helper()
	brokers = parts.Kafka.Need(t)
	t.Setenv("AWS_ENDPOINT_URL_S3", parts.S3.Need(t))
	h := fnv.New32a()
	h.Write([]byte(data))
	cell = fmt.Sprintf("t%08x%x", h.Sum32(), os.Getpid())
	return cell, brokers, "s3://" + os.Getenv("WEARSTREAM_TEST_BUCKET") + "/" + cell
}

// launchUp starts `up` without waiting for it.
func launchUp(t testing.TB, data string, flags ...string) *upProcess {
	t.Helper()
	return launchUpOn(t, data, slices.Concat(realFlags(t, data), flags)...)
}

// launchUpOn starts it on the parts that the flags name, else on embedded ones.
func launchUpOn(t testing.TB, data string, flags ...string) *upProcess {
	t.Helper()
	u := &upProcess{t: t, errs: new(lockedBuffer), done: make(chan struct{})}
	u.cmd = program(context.Background(), slices.Concat([]string{"up", "--data", data}, upFlags, flags)...)
	u.cmd.Stderr = u.errs
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { u.cmd.Wait(); close(u.done) }()
	t.Cleanup(func() { u.dump(); u.kill() })
	return u
}

// startUp starts `up` and waits until it says that it is ready.
func startUp(t testing.TB, data string, flags ...string) *upProcess {
	t.Helper()
	u := launchUp(t, data, flags...)
	u.ready()
	return u
}

func (u *upProcess) ready() {
	u.t.Helper()
	data := u.cmd.Args[3]
	eventually(u.t, 60*time.Second, "up is ready", func() error {
		select {
		case <-u.done:
			return stop{fmt.Errorf("up ended:\n%s", tail(u.errs.String(), 4000))}
		default:
		}
		at, err := readEndpoints(data)
		if err != nil {
			return err
		}
		if at.PID != u.cmd.Process.Pid {
			return fmt.Errorf("endpoints of process %d", at.PID)
		}
		u.at = *at
		return nil
	})
}

func (u *upProcess) kill() {
	u.cmd.Process.Kill()
	<-u.done
}

// dump says of an up whose test failed whether it takes itself for ready, what waits in
// front of it, what it said last, and what its parts do.
func (u *upProcess) dump() {
	if !u.t.Failed() {
		return
	}
	for _, path := range []string{"/readyz", "/metrics"} {
		resp, err := http.Get(u.at.Admin + path)
		if err != nil {
			break
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		for line := range strings.Lines(string(body)) {
			if path == "/readyz" || strings.Contains(line, "_lag_") && !strings.HasSuffix(line, " 0\n") {
				u.t.Log(strings.TrimSpace(line))
			}
		}
	}
	said := tail(u.errs.String(), 4000)
	_ = u.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-u.done:
	case <-time.After(5 * time.Second):
	}
	u.t.Logf("up said last:\n%s\nand does:\n%s", said, tail(u.errs.String(), 40_000))
}

// stop asks it to end and wants a clean end within ten seconds.
func (u *upProcess) stop() {
	u.t.Helper()
	u.cmd.Process.Signal(os.Interrupt)
	select {
	case <-u.done:
	case <-time.After(10 * time.Second):
		u.t.Errorf("up did not end within 10 s:\n%s", tail(u.errs.String(), 4000))
		u.kill()
	}
	if code := u.cmd.ProcessState.ExitCode(); code != 0 {
		u.t.Errorf("up ended with %d:\n%s", code, tail(u.errs.String(), 4000))
	}
	if _, err := os.Stat(endpointsPath(u.at.Data)); err == nil {
		u.t.Error("endpoints.json is left after a clean end")
	}
}

// query answers rows as tab-separated text.
func (u *upProcess) query(sql string) (string, error) {
	password, err := os.ReadFile(u.at.ClickHousePasswordFile)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(u.t.Context(), http.MethodPost,
		u.at.ClickHouse+"/?database="+url.QueryEscape(u.at.Database), strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-ClickHouse-User", u.at.ClickHouseUser)
	req.Header.Set("X-ClickHouse-Key", strings.TrimSpace(string(password)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), nil
}

func (u *upProcess) mustQuery(sql string) string {
	u.t.Helper()
	text, err := u.query(sql)
	if err != nil {
		u.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// report is what `verify --json` prints.
type report struct {
	Records, Batches, Acked, Landed, Windows, Lost, Duplicated, Unexplained int
	Explained                                                               map[string]int
	Findings                                                                []string
}

// verified waits until verify has nothing that is not due yet, and wants it clean.
func (u *upProcess) verified(acked string) report {
	u.t.Helper()
	args := []string{"verify", "--json", "--data", u.at.Data, "--object.cut", "1s", "--object.idle_cut", "1h"}
	if acked != "" {
		args = append(args, "--acked", acked)
	}
	var r report
	eventually(u.t, 90*time.Second, "verify has all of it", func() error {
		out, code := runProgram(u.t, args...)
		r = report{}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			return stop{fmt.Errorf("verify: exit status %d, %q: %w\n%s", code, out, err, tail(u.errs.String(), 4000))}
		}
		if code != 0 {
			return stop{fmt.Errorf("verify: exit status %d: %+v\n%s", code, r, tail(u.errs.String(), 4000))}
		}
		if n := u.behind(r); n > 0 {
			return fmt.Errorf("%d not yet due: %+v", n, r)
		}
		return nil
	})
	return r
}

// behind is how much of what is not due yet is data: ticks land in their own time.
func (u *upProcess) behind(r report) int {
	text := u.mustQuery("SELECT count() FROM batches")
	var n int
	fmt.Sscan(text, &n)
	return r.Batches - n
}

// stop is an error that waiting does not mend.
type stop struct{ error }

// eventually waits for a real process; it polls, since there is nothing to wait on.
func eventually(t testing.TB, within time.Duration, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := f()
		if err == nil {
			return
		}
		if _, final := err.(stop); final || time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// recordings are the real ones, or generated ones where the shared folder is
// missing.
func recordings(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("RECORDINGS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "real", "e4-stress-predict")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	if len(files) > 0 {
		return files
	}
	t.Logf("no recordings in %s: generated ones are used", dir)
	for i := range 4 {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("G%02d.csv.gz", i+1))
		if err := recording.Generate(path, uint64(i+1), time.Date(2026, 3, 1, 8+i, 0, 0, 0, time.UTC), time.Hour); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	return files
}
