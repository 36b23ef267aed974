package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// doctor runs it and answers each part's state in order.
func doctor(t *testing.T, args ...string) (findings []finding, notTried, code int) {
	t.Helper()
	out, code := runProgram(t, append([]string{"doctor", "--json"}, args...)...)
	var got struct {
		Checks   []finding
		NotTried int `json:"not_tried"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("doctor: exit status %d, %q: %v", code, out, err)
	}
	return got.Checks, got.NotTried, code
}

// TestDoctor walks the path of a sample through a running up, and then through
// one with a part that is not there.
func TestDoctor(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	u := startUp(t, data)
	findings, notTried, code := doctor(t, "--data", data)
	if code != exitOK || notTried != 0 {
		t.Fatalf("exit status %d, %d not tried: %+v", code, notTried, findings)
	}
	var walked []string
	for _, f := range findings {
		if f.State == fails || f.State == warns && f.What != "clock" && f.What != "files" {
			t.Errorf("%s: %s %s", f.What, f.State, f.Says)
		}
		walked = append(walked, f.What)
	}
	if want := strings.Fields("clock files services gateway log clickhouse objects objects publish row window object"); !slices.Equal(walked, want) {
		t.Errorf("walked %v, want %v", walked, want)
	}
	text := u.mustQuery("SELECT uniqExact(boot), sum(n) > 0 FROM batches WHERE sensor = 'doctor'")
	if text != "1\t1\n" {
		t.Errorf("boots of the canary, samples: %q", text)
	}

	findings, notTried, code = doctor(t, "--data", data, "--clickhouse.dsn", "http://wearstream@"+freeAddr(t))
	last := findings[len(findings)-1]
	if code != exitFound || last.What != "clickhouse" || last.State != fails || last.Mend == "" || notTried == 0 {
		t.Errorf("without ClickHouse: exit status %d, %d not tried, last %+v", code, notTried, last)
	}

	u.stop()
	if _, stderr, code := call("doctor", "--data", data); code != exitUnreachable || !strings.Contains(stderr, "wearstream up") {
		t.Errorf("without up: exit status %d, %s", code, stderr)
	}
}
