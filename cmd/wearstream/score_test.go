package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

// example is the service of deploy/examples/score, as a process.
type example struct {
	t      testing.TB
	python string
	addr   string
	digest string
	cmd    *exec.Cmd
	errs   lockedBuffer
}

// startExample starts it with the clients' Python, which has what it needs.
func startExample(t testing.TB) *example {
	t.Helper()
	const script = "../../deploy/local/clients"
	if out, err := exec.Command(script, "check").CombinedOutput(); err != nil {
		parts.Missing(t, fmt.Errorf("%s", bytes.TrimSpace(out)))
	}
	out, err := exec.Command(script, "env").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimPrefix(strings.TrimSpace(string(out)), "WEARSTREAM_TEST_CLIENTS=")
	e := &example{t: t, python: filepath.Join(dir, "python", "bin", "python"), addr: freeAddr(t)}
	e.start()
	t.Cleanup(e.kill)
	return e
}

func (e *example) start() {
	e.t.Helper()
	e.cmd = exec.Command(e.python, "-W", "error", "../../deploy/examples/score/serve.py", "--listen", e.addr)
	e.cmd.Stderr = &e.errs
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.errs.String())
	}
	if n, err := fmt.Sscanf(line, "activity-logistic %s on", &e.digest); n != 1 {
		e.t.Fatalf("it says %q: %v", line, err)
	}
	go io.Copy(io.Discard, out)
}

func (e *example) kill() {
	e.cmd.Process.Kill()
	e.cmd.Wait()
}

// posts is how many requests it has answered, also those that nobody heard.
func (e *example) posts() int { return strings.Count(e.errs.String(), " windows\n") }

func (e *example) asked(n int) func() error {
	return func() error {
		if got := e.posts(); got < n {
			return fmt.Errorf("%d times, want %d", got, n)
		}
		return nil
	}
}

// TestScore runs the example behind `wearstream score` on a running `up`: the scores
// are the model's, computed again in Go from the windows as they are, each once and
// none missing, although the scorer is killed again and again, and the service is
// away for a while.
func TestScore(t *testing.T) {
	needEngine(t)
	model := startExample(t)
	u := startUp(t, t.TempDir())
	admin := "http://" + freeAddr(t)
	args := []string{"score", "--url", "http://" + model.addr + "/score", "--data", u.at.Data,
		"--window", "5s,60s", "--score.timeout", "5s", "--score.session_timeout", "6s", "--score.cut", "100ms", "--instance", "s1", "--admin.listen", strings.TrimPrefix(admin, "http://")}
	w := &world{upProcess: u}
	scorer := w.run(args...)

	files := recordings(t)[:2]
	replay := program(context.Background(), append([]string{"replay", "--data", u.at.Data, "--speed", "300"}, files...)...)
	replay.Stderr = u.errs
	if err := replay.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { replay.Process.Kill() })
	scored := func() (n int) {
		text, _ := u.query("SELECT count() FROM scores WHERE name = 'p_active'")
		fmt.Sscan(text, &n)
		return n
	}
	eventually(t, 60*time.Second, "first scores", func() error {
		if scored() == 0 {
			return fmt.Errorf("none\n%s", tail(u.errs.String()+model.errs.String(), 4000))
		}
		return nil
	})
	// Killed as soon as it has an answer, before or after that is kept, or stored.
	for range 8 {
		eventually(t, 30*time.Second, "it asks", model.asked(model.posts()+1))
		scorer.kill()
		scorer.start()
	}
	model.kill()
	time.Sleep(2 * time.Second)
	if scorer.cmd.ProcessState != nil {
		t.Error("the scorer ended with the service")
	}
	model.start()
	if err := replay.Wait(); err != nil {
		t.Fatal(err)
	}
	u.complete(len(files))

	var want int
	fmt.Sscan(u.mustQuery("SELECT (SELECT count() FROM features_5s WHERE status IN ('final', 'corrected') AND algo LIKE 'core.v1@%') + (SELECT count() FROM features_60s WHERE status IN ('final', 'corrected') AND algo LIKE 'core.v1@%')"), &want)
	eventually(t, 60*time.Second, "every window has its score", func() error {
		if n := scored(); n != want {
			return fmt.Errorf("%d scores of %d windows\n%s", n, want, tail(u.errs.String()+model.errs.String(), 4000))
		}
		return nil
	})
	u.sameScores(model.digest, want)
	t.Logf("%d windows, %s scores; asked %d times, answers and windows kept: %s", want, strings.TrimSpace(u.mustQuery("SELECT count() FROM scores")),
		model.posts(), strings.TrimSpace(u.mustQuery("SELECT count(), sum(windows) FROM score_calls")))
	if got := u.mustQuery("SELECT count() - uniqExact(sensor, length_s, window_start, algo, model, digest, generation, revision) FROM scored_windows"); got != "0\n" {
		t.Errorf("%s rows are there twice", got)
	}

	eventually(t, 20*time.Second, "the scorer is ready", func() error { return ready(admin) })
	scorer.stop()
	t.Run("refused", func(t *testing.T) { w.refused(t, args) })
	u.stop()
}

// ready asks /readyz.
func ready(admin string) error {
	resp, err := http.Get(admin + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	return nil
}

// refused: a model that refuses halts what is behind it, /readyz says why, and mending
// it is enough; another scorer skips, which is on record. Neither has scores.
func (w *world) refused(t *testing.T, args []string) {
	var code atomic.Int32
	code.Store(http.StatusUnprocessableEntity)
	picky := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("X-Model-Name", "picky")
		rw.Header().Set("X-Model-Digest", "0123abcd")
		if c := code.Load(); c != http.StatusNoContent {
			http.Error(rw, "too cold", int(c))
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	}))
	defer picky.Close()
	results := func(name string) string {
		return w.mustQuery("SELECT result, code, reason, model, digest, count() > 0 FROM score_calls WHERE scorer = '" + name + "' GROUP BY ALL ORDER BY ALL")
	}
	admin := "http://" + freeAddr(t)
	start := func(name string, flags ...string) *service {
		return w.run(slices.Concat(args, []string{"--url", picky.URL, "--name", name, "--admin.listen", strings.TrimPrefix(admin, "http://")}, flags)...)
	}
	halts := start("halts")
	eventually(t, 30*time.Second, "the refusal is seen", func() error {
		if err := ready(admin); err == nil || !strings.Contains(err.Error(), "is halted, nothing behind it is scored") || !strings.Contains(err.Error(), "422 Unprocessable Entity: too cold") {
			return fmt.Errorf("/readyz says %v", err)
		}
		return nil
	})
	if got := results("halts"); got != "" {
		t.Errorf("kept %s", got)
	}
	code.Store(http.StatusNoContent)
	eventually(t, 60*time.Second, "it goes on by itself", func() error {
		if got := results("halts"); got != "nothing\t204\t\tpicky\t0123abcd\t1\n" {
			return fmt.Errorf("kept %q", got)
		}
		return ready(admin)
	})
	halts.stop()
	code.Store(http.StatusUnprocessableEntity)
	skips := start("skips", "--on-refusal", "skip")
	eventually(t, 30*time.Second, "what is refused is on record", func() error {
		if got := results("skips"); got != "refused\t422\ttoo cold\t\t\t1\n" {
			return fmt.Errorf("kept %q", got)
		}
		return ready(admin)
	})
	skips.stop()
	if got := w.mustQuery("SELECT DISTINCT model FROM scores"); got != "activity-logistic\n" {
		t.Errorf("models %s", got)
	}
}

// sameScores computes the example's model again.
func (u *upProcess) sameScores(digest string, want int) {
	u.t.Helper()
	const of = "SELECT sensor, window_start, toUInt32(%d) AS length_s, algo, revision, input_digest, enmo, anglez_of_mean, study, participant FROM features_%[1]ds"
	rows := u.mustQuery("SELECT f.enmo, f.anglez_of_mean, s.name, s.value, s.text, s.model, s.digest, s.revision = f.revision AND s.input_digest = f.input_digest AND s.participant = f.participant AND s.study = f.study " +
		"FROM scores AS s INNER JOIN (" + fmt.Sprintf(of, 5) + " UNION ALL " + fmt.Sprintf(of, 60) + ") AS f USING (sensor, window_start, length_s, algo) ORDER BY s.sensor, length_s, s.window_start, s.name")
	n, unknown := 0, 0
	for line := range strings.Lines(rows) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		n++
		if f[5] != "activity-logistic" || f[6] != digest || f[7] != "1" {
			u.t.Fatalf("row %q: model %s %s, want digest %s, and the revision and digest of the window", line, f[5], f[6], digest)
		}
		if f[0] == `\N` {
			unknown++
			if f[3] != `\N` || f[4] != "" {
				u.t.Fatalf("row %q: a score of nothing", line)
			}
			continue
		}
		var enmo, angle float32
		var got float64
		if c, err := fmt.Sscan(f[0]+" "+f[1], &enmo, &angle); c != 2 {
			u.t.Fatalf("row %q: %v", line, err)
		}
		fmt.Sscan(f[3], &got)
		p := 1 / (1 + math.Exp(-(-3.0 + 80.0*float64(enmo) + 0.01*float64(angle))))
		label, active := "at rest", 0.0
		if p > 0.5 {
			label, active = "active", 1
		}
		switch f[2] {
		case "p_active":
			if math.Abs(got-p) > 1e-14 {
				u.t.Fatalf("row %q: %v, want %v", line, got, p)
			}
		case "active":
			if got != active {
				u.t.Fatalf("row %q: want %v", line, active)
			}
		case "label":
			if f[4] != label || f[3] != `\N` {
				u.t.Fatalf("row %q: want %v", line, label)
			}
		default:
			u.t.Fatalf("row %q has another name", line)
		}
	}
	if n != 3*want || unknown == n {
		u.t.Errorf("%d scores, %d of them of windows without features, want 3 of %d windows", n, unknown, want)
	}
}

func TestScoreUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	os.WriteFile(file, nil, 0o600)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--kafka.brokers", "127.0.0.1:1"}, "url: give the address"},
		{[]string{"--kafka.brokers", "127.0.0.1:1", "--url", "ftp://x"}, "scheme"},
		{[]string{"--url", "http://127.0.0.1:1", "--kafka.brokers", "127.0.0.1:1", "--window", "7s"}, "there are no windows of 7s"},
		{[]string{"--url", "http://127.0.0.1:1", "--on-refusal", "shrug"}, "on-refusal"},
		{[]string{"--url", "http://127.0.0.1:1", "--kafka.brokers", "127.0.0.1:1", "--name", "a b"}, "name"},
		{[]string{"--url", "http://127.0.0.1:1", "--kafka.brokers", "127.0.0.1:1", "--score.token_file", file}, "score.token_file"},
		{[]string{"--url", "http://127.0.0.1:1", "--kafka.brokers", "127.0.0.1:1"}, "clickhouse.dsn"},
		{[]string{"--url", "http://127.0.0.1:1", "--clickhouse.dsn", "http://u@127.0.0.1:1"}, "kafka.brokers"},
	} {
		_, stderr, code := call(append([]string{"score", "--data", t.TempDir()}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.says) {
			t.Errorf("score %v: exit status %d, want %q:\n%s", c.args, code, c.says, stderr)
		}
	}
}
