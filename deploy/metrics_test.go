package deploy_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

const (
	rulesFile = "prometheus/wearstream.rules.yaml"
	testsFile = "prometheus/wearstream.test.yaml"
)

// TestRules: the rules are rules, and each alert fires when it should and not when
// it should not.
func TestRules(t *testing.T) {
	promtool := parts.Promtool.Need(t)
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", testsFile}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

var (
	alertName  = regexp.MustCompile(`(?m)^      - alert: (\w+)$`)
	runbookURL = regexp.MustCompile(`runbook_url: README\.md#(\w+)`)
	metricName = regexp.MustCompile(`wearstream_[a-z0-9_]+`)
	suffix     = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestAlertsAreExplained: every alert has a section of the runbook, which it names,
// a test that fires it and one that does not; the runbook has no other.
func TestAlertsAreExplained(t *testing.T) {
	rules, tests, book := read(t, rulesFile), read(t, testsFile), read(t, "prometheus/README.md")
	var names, sections []string
	for _, m := range alertName.FindAllStringSubmatch(rules, -1) {
		names = append(names, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(book, -1) {
		sections = append(sections, m[1])
	}
	if !slices.Equal(names, sections) {
		t.Errorf("alerts are %v, sections of the runbook %v", names, sections)
	}
	anchors := runbookURL.FindAllStringSubmatch(rules, -1)
	if len(anchors) != len(names) {
		t.Fatalf("%d alerts name %d sections", len(names), len(anchors))
	}
	for i, name := range names {
		if anchors[i][1] != strings.ToLower(name) {
			t.Errorf("%s names section %s", name, anchors[i][1])
		}
		if !regexp.MustCompile(`alertname: ` + name + `\n\s+exp_alerts:\n`).MatchString(tests) {
			t.Errorf("no test fires %s", name)
		}
		if !strings.Contains(tests, "alertname: "+name+", exp_alerts: []") {
			t.Errorf("no test leaves %s silent", name)
		}
	}
}

// TestMetricNames: what rules, their tests and dashboards ask for exists. The list
// is held against a running `up` by a test of cmd/wearstream.
func TestMetricNames(t *testing.T) {
	exists := map[string]bool{}
	for line := range strings.Lines(read(t, "../cmd/wearstream/testdata/metrics.txt")) {
		exists[strings.Fields(line)[0]] = true
	}
	files, err := filepath.Glob("grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range append(files, rulesFile, testsFile) {
		names := metricName.FindAllString(read(t, file), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range names {
			if !exists[name] && !exists[suffix.ReplaceAllString(name, "")] {
				t.Errorf("%s: no metric %s", file, name)
			}
		}
	}
}

// TestDashboards: what Grafana's model of a dashboard asks for, as far as it can be
// told without Grafana.
func TestDashboards(t *testing.T) {
	files, _ := filepath.Glob("grafana/*.json")
	uids := map[string]bool{}
	for _, file := range files {
		var d struct {
			UID, Title    string
			SchemaVersion int
			Templating    struct{ List []struct{ Name, Type string } }
			Panels        []struct {
				ID                       int
				Type, Title, Description string
				GridPos                  struct{ X, Y, W, H int }
				Datasource               struct{ UID string }
				FieldConfig              struct{ Defaults struct{ Unit string } }
				Targets                  []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal([]byte(read(t, file)), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if d.UID == "" || uids[d.UID] || d.Title == "" || d.SchemaVersion == 0 {
			t.Errorf("%s: uid %q, title %q, schema %d", file, d.UID, d.Title, d.SchemaVersion)
		}
		uids[d.UID] = true
		variables := map[string]string{}
		for _, v := range d.Templating.List {
			variables[v.Name] = v.Type
		}
		if variables["datasource"] != "datasource" || variables["instance"] != "query" {
			t.Errorf("%s: variables %v", file, variables)
		}
		ids, cells := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: panel %q has id %d again", file, p.Title, p.ID)
			}
			ids[p.ID] = true
			if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %q lies at %+v", file, p.Title, p.GridPos)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if cells[at] != "" {
						t.Fatalf("%s: panels %q and %q overlap", file, p.Title, cells[at])
					}
					cells[at] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %q: description %q, unit %q, data source %q, %d queries", file, p.Title, p.Description, p.FieldConfig.Defaults.Unit, p.Datasource.UID, len(p.Targets))
			}
			for _, q := range p.Targets {
				if !strings.Contains(q.Expr, `instance=~"$instance"`) {
					t.Errorf("%s: panel %q asks all instances: %s", file, p.Title, q.Expr)
				}
			}
		}
	}
}
