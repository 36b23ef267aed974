package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

// scraper is a real Prometheus and what it scrapes for this test.
type scraper struct {
	t         testing.TB
	addr      string
	instances string // as a regular expression
}

// scrape has the real Prometheus scrape these until the test ends.
func scrape(t testing.TB, admin string, registries ...*prometheus.Registry) *scraper {
	t.Helper()
	s := &scraper{t: t, addr: parts.Prometheus.Need(t)}
	all := []string{strings.TrimPrefix(admin, "http://")}
	for _, reg := range registries {
		server := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
		t.Cleanup(server.Close)
		all = append(all, server.Listener.Addr().String())
	}
	s.instances = strings.Join(all, "|")
	text, err := json.Marshal([]map[string]any{{"targets": all}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(os.Getenv("WEARSTREAM_TEST_PROMETHEUS_TARGETS"), fmt.Sprintf("metrics-%d.json", os.Getpid()))
	if err := os.WriteFile(file+".tmp", text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".tmp", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
	s.until("scraped", fmt.Sprintf(`count(count_over_time(up{instance=~"%s"}[1m]) > 1) == %d`, s.instances, len(all)))
	return s
}

// until waits until a query answers anything.
func (s *scraper) until(what, query string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, what, func() error {
		if values, err := s.query(query); err != nil || len(values) == 0 {
			return fmt.Errorf("%s: %v, %w", query, values, err)
		}
		return nil
	})
}

// query answers the values of an instant vector.
func (s *scraper) query(text string) (values []float64, err error) {
	resp, err := http.Get(s.addr + "/api/v1/query?query=" + url.QueryEscape(text))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s", answer.Error)
	}
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(r.Value[1].(string), 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// checkDashboards runs every query of every panel; each must answer a number. Where
// a metric says of itself that it may be NaN, that will do.
func (s *scraper) checkDashboards(help string) {
	files, err := filepath.Glob("../../deploy/grafana/*.json")
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no dashboards: %v", err)
	}
	ran := 0
	for _, file := range files {
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &dashboard)
		}
		if err != nil {
			s.t.Fatalf("%s: %v", file, err)
		}
		for _, p := range dashboard.Panels {
			for _, target := range p.Targets {
				ran++
				expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", s.instances).Replace(target.Expr)
				values, err := s.query(expr)
				number := slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
				if err != nil || !number && !(len(values) > 0 && mayBeNaN(help, expr)) {
					s.t.Errorf("%s, panel %q: %s\nanswers %v, %v", filepath.Base(file), p.Title, expr, values, err)
				}
			}
		}
	}
	s.t.Logf("%d queries of %d dashboards answered", ran, len(files))
}

func mayBeNaN(help, expr string) bool {
	for line := range strings.Lines(help) {
		if name, _, _ := strings.Cut(line, " "); strings.Contains(line, "NaN:") && strings.Contains(expr, name) {
			return true
		}
	}
	return false
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
