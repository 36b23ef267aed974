package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDevicesAtOnce replays as many devices at once as TEST_DEVICES says
// (20 unless said): nothing is lost, and the lag comes back. It prints the
// figures; what they should be stands in the README, and nothing is asserted of
// time.
func TestDevicesAtOnce(t *testing.T) {
	needEngine(t)
	devices := 20
	if text := os.Getenv("TEST_DEVICES"); text != "" {
		devices, _ = strconv.Atoi(text)
	}
	began := time.Now()
	u := startUp(t, t.TempDir(), "--mqtt.tick", "5s", "--object.cut", "5s")
	t.Logf("ready in %.1f s, %d MiB resident in all processes", time.Since(began).Seconds(), u.resident())
	acked := filepath.Join(t.TempDir(), "acked.jsonl")
	began = time.Now()
	out, code := runProgram(t, append([]string{"replay", "--data", u.at.Data, "--json", "--acked", acked, "--devices", fmt.Sprint(devices)}, recordings(t)...)...)
	if code != 0 {
		t.Fatalf("replay: exit status %d\n%s", code, tail(u.errs.String(), 4000))
	}
	var result struct{ Batches, Acknowledged, Samples int }
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d devices: %d batches, %d samples acknowledged in %.1f s, %.2f M samples/s", devices, result.Batches, result.Samples, took.Seconds(), float64(result.Samples)/took.Seconds()/1e6)
	eventually(t, 5*time.Minute, "the lag comes back below 10 s", func() error {
		if lag := u.lag(); lag >= 10 {
			return fmt.Errorf("lag %.0f s", lag)
		}
		return nil
	})
	t.Logf("lag below 10 s %.1f s after the last acknowledgement", (time.Since(began) - took).Seconds())
	u.complete(devices)
	t.Logf("every window final and queryable %.1f s after the first connection, %.2f M samples/s end to end, %d MiB resident",
		time.Since(began).Seconds(), float64(result.Samples)/time.Since(began).Seconds()/1e6, u.resident())
	if r := u.verified(acked); r.Acked != result.Acknowledged || r.Batches != result.Batches {
		t.Errorf("replay %+v, verify %+v", result, r)
	}
	u.stop()
}

// lag is the largest of /metrics.
func (u *upProcess) lag() (worst float64) {
	for line := range strings.Lines(u.metrics()) {
		if strings.HasPrefix(line, "wearstream_") && strings.Contains(line, "_lag_seconds") {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64)
			if err == nil {
				worst = max(worst, v)
			}
		}
	}
	return worst
}

// resident is the memory of up and of its children, in MiB.
func (u *upProcess) resident() (mib int) {
	pids := []string{fmt.Sprint(u.cmd.Process.Pid)}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", pids[0], pids[0])); err == nil {
		pids = append(pids, strings.Fields(string(text))...)
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%s/task/*/children", pids[0]))
	for _, file := range tasks {
		if text, err := os.ReadFile(file); err == nil {
			pids = append(pids, strings.Fields(string(text))...)
		}
	}
	seen := map[string]bool{}
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil || seen[pid] {
			continue
		}
		seen[pid] = true
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib := 0
				fmt.Sscan(rest, &kib)
				mib += kib / 1024
			}
		}
	}
	return mib
}
