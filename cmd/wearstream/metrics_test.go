package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/gateway/bridge"
)

var update = flag.Bool("update", false, "rewrite testdata/metrics.txt")

// TestMetrics holds what a running `up` exposes, and a bridge and a scorer beside it,
// against the list that alert rules and dashboards rest on; promtool has nothing against
// it; and a real Prometheus that scrapes both answers every query of every
// dashboard.
func TestMetrics(t *testing.T) {
	needEngine(t)
	u := startUp(t, t.TempDir())
	b := bridgeRegistry(t)
	var s *scraper
	if parts.Prometheus.There() {
		s = scrape(t, u.at.Admin, b)
	}
	if _, code := runProgram(t, "replay", "--data", u.at.Data, "--thing", "w1", recordings(t)[0]); code != 0 {
		t.Fatalf("replay: exit status %d\n%s", code, tail(u.errs.String(), 4000))
	}
	u.complete(1)
	t.Run("dashboards", func(t *testing.T) {
		parts.Prometheus.Need(t)
		s.until("scraped what was replayed", fmt.Sprintf(`sum(rate(wearstream_sink_rows_total{instance=~"%s"}[1m])) > 0`, s.instances))
		here := *s
		here.t = t
		here.checkDashboards(golden(t))
	})
	live, bridge, scorer := u.metrics(), exposed(b), exposed(scoreRegistry(t))
	t.Run("list", func(t *testing.T) {
		got := describe(live + bridge + scorer)
		if *update {
			if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := golden(t); got != want {
			t.Errorf("metrics differ from %s (-update rewrites it): %s", goldenFile, firstDifference(got, want))
		}
	})
	for name, text := range map[string]string{"promtool up": live, "promtool bridge": bridge, "promtool score": scorer} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), parts.Promtool.Need(t), "check", "metrics")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	u.stop()
}

// bridgeRegistry is what a bridge that has not started registers.
func bridgeRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	s, err := logConfig{Cell: "main", Partitions: 1, Instance: "b"}.site(&env{log: discard})
	if err != nil {
		t.Fatal(err)
	}
	cfg := bridge.Config{Broker: "mqtt://127.0.0.1:1883", ClientID: "b", Tick: time.Second, Budget: 2 << 20}
	if _, err := bridge.New(cfg, bridge.Deps{Cell: s.cell, Log: s.log, Registerer: s.reg}); err != nil {
		t.Fatal(err)
	}
	return s.reg
}

// scoreRegistry is what a scorer that has not started registers.
func scoreRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Vars{"home": "DATA"}, kong.Configuration(loadYAML))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"score", "--url", "http://127.0.0.1:1", "--kafka.brokers", "127.0.0.1:1", "--clickhouse.dsn", "http://u@127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Score.Log.site(&env{log: discard})
	if err != nil {
		t.Fatal(err)
	}
	_, stop, err := c.Score.group(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s.reg
}

func exposed(reg *prometheus.Registry) string {
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return rec.Body.String()
}

// goldenFile is the list of metrics. Tests of the rules and dashboards read it too.
const goldenFile = "testdata/metrics.txt"

func golden(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describe reads the text format: a line for each metric of ours with its name,
// type, labels and their values, and help.
func describe(text string) string {
	kind, help, labels := map[string]string{}, map[string]string{}, map[string]map[string][]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, rest, _ = strings.Cut(rest, " ")
			help[name] = rest
			if labels[name] == nil {
				labels[name] = map[string][]string{}
			}
		} else if rest, ok := strings.CutPrefix(line, "# TYPE "+name+" "); ok {
			kind[name] = rest
		} else if _, rest, ok := strings.Cut(line, "{"); ok {
			for rest != "" && rest[0] != '}' {
				label, after, _ := strings.Cut(rest, `="`)
				value, more, _ := strings.Cut(after, `"`)
				labels[name][label] = append(labels[name][label], value)
				rest = strings.TrimPrefix(more, ",")
			}
		}
	}
	var b strings.Builder
	for _, name := range keys(kind) {
		if !strings.HasPrefix(name, "wearstream_") {
			continue
		}
		fmt.Fprintf(&b, "%s %s {", name, kind[name])
		separator := ""
		for _, label := range keys(labels[name]) {
			values := strings.Join(slices.Compact(slices.Sorted(slices.Values(labels[name][label]))), "|")
			switch label {
			case "le":
				continue
			case "partition", "version", "revision", "goversion": // not of a list
				values = "*"
			}
			fmt.Fprintf(&b, "%s%s=%s", separator, label, values)
			separator = ", "
		}
		fmt.Fprintf(&b, "} %s\n", help[name])
	}
	return b.String()
}
