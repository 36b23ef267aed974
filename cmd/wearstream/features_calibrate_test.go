package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/calibrate"
)

// TestCalibration: a device whose axes are off by a known offset and scale, at rest in
// hundreds of directions for three days: both are told, to half a milli-g (the fit stops
// before it is exact), and nothing is corrected, unless that was asked for.
func TestCalibration(t *testing.T) {
	offset, scale := [3]float64{0.030, -0.020, 0.045}, [3]float64{1.010, 0.985, 1.004}
	var text strings.Builder
	text.WriteString("timestamp,x,y,z,temperature\n")
	for second := range 73 * 3600 {
		turn := float64(second / 600)
		z := math.Mod(0.618034*turn, 2) - 1
		r := math.Sqrt(1 - z*z)
		fmt.Fprintf(&text, "%d", 1_772_323_200+second)
		for k, v := range [3]float64{r * math.Cos(2.4*turn), r * math.Sin(2.4*turn), z} {
			fmt.Fprintf(&text, ",%.6f", v/scale[k]-offset[k])
		}
		text.WriteString(",30.0\n")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "still.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stored := map[string]map[string][]byte{}
	for _, mode := range []string{"off", "record", "apply"} {
		out := filepath.Join(dir, mode)
		stdout, stderr, code := call("features", "--json", "-o", out, "--calibrate", mode, file)
		if code != exitOK {
			t.Fatalf("exit status %d\n%s", code, stderr)
		}
		var got featuresResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		stored[mode] = storedRows(t, out)
		body, err := os.ReadFile(filepath.Join(out, "pages", "still.calibration.json"))
		r := got.Recordings[0].Calibration
		if mode == "off" {
			if r != nil || !os.IsNotExist(err) {
				t.Errorf("off: %+v, %v", r, err)
			}
			continue
		}
		var beside calibrate.Record
		if err != nil || json.Unmarshal(body, &beside) != nil || r == nil || beside != *r {
			t.Fatalf("%v, printed %+v, beside %s", err, r, body)
		}
		for k := range 3 {
			if !r.Accepted || math.Abs(r.Offset[k]-offset[k]) > 5e-4 || math.Abs(r.Scale[k]-scale[k]) > 5e-4 {
				t.Errorf("axis %d: %+v", k, r)
			}
		}
		page, err := os.ReadFile(filepath.Join(out, "pages", "still.html"))
		says := map[string]string{"record": "asked for, not applied", "apply": "applied from the first sample on"}[mode]
		if err != nil || !strings.Contains(string(page), says) {
			t.Errorf("the page does not say that it is %s: %v", says, err)
		}
		if got.Recordings[0].Calibrated != (mode == "apply") {
			t.Errorf("%s: calibrated %t", mode, got.Recordings[0].Calibrated)
		}
		if mode == "apply" {
			off := strings.TrimSpace(duckDB(t, fmt.Sprintf(`SELECT count(*) FROM read_parquet('%s/features/v1/*/*/*/*.parquet') WHERE cal_id <> '%s' OR abs(vm_mean - 1) > 0.0005`, out, r.ID)))
			if off != "0" {
				t.Errorf("%s windows are not calibrated", off)
			}
		}
	}
	for name, body := range stored["off"] {
		if string(stored["record"][name]) != string(body) {
			t.Errorf("%s differs", name)
		}
	}
}
