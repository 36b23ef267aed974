package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream/recording"
)

const (
	// outageBudget is --mqtt.budget here: more than all devices ever have in
	// flight, so that it is the devices' windows that hold them back and the gateway
	// goes on answering their pings.
	outageBudget = 16 << 20

	// outageGrowth is what a process may grow by while the log is away: what the
	// gateway may hold, twice because the collector lets the heap double, and 32 MiB
	// for the handshakes of a second fleet, and for clients that try again.
	outageGrowth = 2*outageBudget + 32<<20

	fleet = 100
)

// TestBrokerAway takes Apache Kafka from a running `up` for a minute (TEST_OUTAGE)
// while a hundred devices publish, and a hundred more want in. Nothing is
// acknowledged meanwhile, memory stays bounded, /readyz says what is wrong; and
// when the broker is back everything goes on by itself and nothing is lost.
func TestBrokerAway(t *testing.T) {
	needEngine(t)
	if !parts.Required() {
		t.Skip("starts an Apache Kafka of its own: run with WEARSTREAM_PARTS_REQUIRED=1")
	}
	t.Parallel() // most of it is waiting
	parts.Used(t, parts.Kafka.Name)
	away := time.Minute
	if text := os.Getenv("TEST_OUTAGE"); text != "" {
		var err error
		if away, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	kafka := startOwnKafka(t)
	u := launchUpOn(t, t.TempDir(), "--kafka.brokers", kafka.brokers, "--mqtt.budget", fmt.Sprint(outageBudget))
	u.ready()
	dir := t.TempDir()
	early, late := filepath.Join(dir, "early.csv.gz"), filepath.Join(dir, "late.csv.gz")
	for file, length := range map[string]time.Duration{early: 20 * time.Minute, late: 10 * time.Minute} {
		if err := recording.Generate(file, uint64(length), time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), length); err != nil {
			t.Fatal(err)
		}
	}

	first := u.replayFleet(filepath.Join(dir, "first.jsonl"), "--speed", "30", early)
	eventually(t, 60*time.Second, "the fleet publishes", func() error {
		if lines, conns := countLines(t, first.acked), u.metric("wearstream_gateway_connections"); lines < 10*fleet || conns != fleet {
			return fmt.Errorf("%d batches acknowledged, %v devices connected", lines, conns)
		}
		return nil
	})
	before := u.outage(0)
	began := time.Now()
	kafka.do("kill", "1")
	second := u.outlast(before, began, away, first, late)
	kafka.do("restart", "1")
	back := time.Now()
	t.Logf("the broker is back after %.0f s", time.Since(began).Seconds())

	eventually(t, 30*time.Second, "ready again", func() error {
		if s := u.outage(time.Since(began)); s.ready != http.StatusOK {
			return fmt.Errorf("/readyz: %d %s", s.ready, s.text)
		}
		return nil
	})
	t.Logf("ready %.1f s after the broker", time.Since(back).Seconds())
	acknowledged := first.wait() + second.wait()
	t.Logf("%d batches acknowledged, the last %.1f s after the broker was back", acknowledged, time.Since(back).Seconds())
	u.complete(2 * fleet)
	t.Logf("every window final %.1f s after; %v", time.Since(back).Seconds(), u.outage(time.Since(began)))
	acked := filepath.Join(dir, "acked.jsonl")
	concatenate(t, acked, first.acked, second.acked)
	if r := u.verified(acked); r.Acked != acknowledged || r.Batches != acknowledged {
		t.Errorf("%d acknowledged, verify: %+v", acknowledged, r)
	} else {
		t.Logf("verify: %+v", r)
	}
	u.stop()
}

// outlast watches an up without its log, and sends it a second fleet on the way.
func (u *upProcess) outlast(before outage, began time.Time, away time.Duration, first *fleetRun, late string) (second *fleetRun) {
	u.t.Helper()
	u.t.Logf("before: %v", before)
	// What the log had taken before it died may be on its way to the device still.
	const underway = 3 * time.Second
	// Ticks wait first of all, a second later at the latest; and a moment.
	const noticed = ingest.StallAfter + 5*time.Second
	// The devices of a replay themselves hang up after 30 s without an answer.
	const patient = 25 * time.Second

	acked, worst, said := -1, before, time.Duration(0)
	for now := time.Since(began); now < away; now = time.Since(began) {
		s := u.outage(now)
		if s.rss > worst.rss {
			worst = s
		}
		if s.rss > before.rss+outageGrowth {
			u.t.Errorf("%v: grown by more than %d MiB", s, outageGrowth>>20)
			break
		}
		if s.live != http.StatusOK {
			u.t.Errorf("%v: /livez is %d", s, s.live)
		}
		switch {
		case s.ready != http.StatusOK && said == 0:
			said = now
			u.t.Logf("not ready after %.1f s: %s", now.Seconds(), s.text)
		case s.ready == http.StatusOK && now > noticed:
			u.t.Fatalf("%v: still ready", s)
		}
		if now < patient && s.connections < fleet {
			u.t.Errorf("%v: devices were disconnected", s)
		}
		lines := countLines(u.t, first.acked)
		switch {
		case acked < 0 && now > underway:
			acked = lines
		case acked >= 0 && lines > acked:
			u.t.Fatalf("%v: %d batches acknowledged without a log", s, lines-acked)
		}
		if second == nil && now > away/4 {
			second = u.replayFleet(filepath.Join(filepath.Dir(first.acked), "second.jsonl"), late)
		}
		time.Sleep(500 * time.Millisecond)
	}
	last := u.outage(time.Since(began))
	u.t.Logf("largest: %v; at the end: %v\n%s", worst, last, last.text)
	for part, line := range map[string]string{"gateway": "", "process": "", "sink object": "", "sink clickhouse": ""} {
		for l := range strings.Lines(last.text) {
			if strings.HasPrefix(l, part+":") {
				line = l
			}
		}
		if !strings.Contains(line, "Kafka") || !strings.Contains(line, "--kafka.brokers") {
			u.t.Errorf("/readyz does not say of %s what is wrong and what to do: %q", part, line)
		}
	}
	if n := countLines(u.t, second.acked); n > 0 {
		u.t.Errorf("%d batches of the second fleet acknowledged without a log", n)
	}
	return second
}

// outage is how an up looks from outside.
type outage struct {
	at                    time.Duration
	rss                   int64 // of its own process, without the engine's
	live, ready           int   // HTTP status
	text                  string
	connections, inFlight float64
}

func (o outage) String() string {
	return fmt.Sprintf("at %.1f s: %d MiB resident, %.0f connections, %.1f MiB in flight, readyz %d", o.at.Seconds(), o.rss>>20, o.connections, o.inFlight/(1<<20), o.ready)
}

func (u *upProcess) outage(at time.Duration) (o outage) {
	u.t.Helper()
	o.at = at
	o.live, _ = u.admin("/livez")
	o.ready, o.text = u.admin("/readyz")
	o.connections, o.inFlight = u.metric("wearstream_gateway_connections"), u.metric("wearstream_gateway_inflight_bytes")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", u.cmd.Process.Pid))
	if err != nil {
		u.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(rest, &o.rss)
			o.rss <<= 10
		}
	}
	return o
}

// admin asks the operators' listener, which must answer whatever else does not.
func (u *upProcess) admin(path string) (status int, body string) {
	u.t.Helper()
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get(u.at.Admin + path)
	if err != nil {
		u.t.Fatalf("%v\n%s", err, tail(u.errs.String(), 4000))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// metric is one value of /metrics.
func (u *upProcess) metric(name string) float64 {
	u.t.Helper()
	_, text := u.admin("/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	u.t.Fatalf("/metrics has no %s", name)
	return 0
}

// fleetRun is a replay of many devices.
type fleetRun struct {
	u         *upProcess
	acked     string
	cmd       *exec.Cmd
	out, errs bytes.Buffer
}

func (u *upProcess) replayFleet(acked string, args ...string) *fleetRun {
	u.t.Helper()
	if err := os.WriteFile(acked, nil, 0o600); err != nil {
		u.t.Fatal(err)
	}
	f := &fleetRun{u: u, acked: acked}
	f.cmd = program(u.t.Context(), append([]string{"replay", "--json", "--data", u.at.Data, "--acked", acked, "--devices", fmt.Sprint(fleet), "--patience", "5m"}, args...)...)
	f.cmd.Stdout, f.cmd.Stderr = &f.out, &f.errs
	if err := f.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { f.cmd.Process.Kill() })
	return f
}

// wait wants every batch acknowledged and answers how many there were.
func (f *fleetRun) wait() int {
	f.u.t.Helper()
	if err := f.cmd.Wait(); err != nil {
		f.u.t.Fatalf("replay: %v\n%s%s", err, tail(f.errs.String(), 4000), tail(f.u.errs.String(), 4000))
	}
	var r struct{ Batches, Acknowledged int }
	if err := json.Unmarshal(f.out.Bytes(), &r); err != nil || r.Batches == 0 || r.Batches != r.Acknowledged {
		f.u.t.Fatalf("replay said %q: %v", f.out.String(), err)
	}
	return r.Acknowledged
}

func concatenate(t *testing.T, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, file := range from {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ownKafka is Apache Kafka with one node, for a test that breaks it.
type ownKafka struct {
	t       *testing.T
	run     string
	brokers string
}

func startOwnKafka(t *testing.T) *ownKafka {
	t.Helper()
	k := &ownKafka{t: t, run: t.TempDir()}
	t.Cleanup(func() { k.do("stop") })
	for line := range strings.Lines(k.do("start")) {
		if rest, ok := strings.CutPrefix(line, "WEARSTREAM_TEST_KAFKA="); ok {
			k.brokers = strings.TrimSpace(rest)
		}
	}
	if k.brokers == "" {
		t.Fatal("deploy/local/kafka start does not say where it is")
	}
	return k
}

func (k *ownKafka) do(args ...string) string {
	k.t.Helper()
	cmd := exec.Command(filepath.Join("..", "..", "deploy", "local", "kafka"), args...)
	cmd.Env = append(os.Environ(), "WEARSTREAM_RUN="+k.run, "NODES=1", "TLS=", "PURGE=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("kafka %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}
