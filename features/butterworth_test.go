package features

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// shared is a file of the shared data beside the repository.
func shared(t *testing.T, name string) string {
	path := filepath.Join("..", "..", "shared", "data", "oracle", name)
	if dir := os.Getenv("ORACLE_DIR"); dir != "" {
		path = filepath.Join(dir, name)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the references are not here: %v; set ORACLE_DIR to the folder that holds them", err)
	}
	return path
}

// TestButterworth holds every design against the published table of all rates.
func TestButterworth(t *testing.T) {
	f, err := os.Open(shared(t, "butter_sos.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// Of the coefficients, which are of the order of one, and of the gain, which may
	// be tiny, the last bits differ (most where the upper end is near half the rate).
	// The table's own steady states have lost what 1 + a1 + a2 cancels.
	limits := map[string]limit{"gain": {0, 2e-15}, "a": {4e-15, 0}, "rest": {1e-12, 1e-11}}
	worst := map[string]limit{}
	rates := map[string]bool{}
	for _, row := range rows[1:] {
		var v [11]float64 // rate, -, section, b0 b1 b2 a0 a1 a2 zi0 zi1
		for i := range v {
			if i == 1 {
				continue
			}
			if v[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		rate := v[0]
		c := butterworth(map[string]band{
			"hp4_0.2":    {4, 0.2, 0},
			"lp4_0.2":    {4, 0, 0.2},
			"bp4_0.2_15": {4, 0.2, bandLimit(rate)},
			"bp2_0.25_3": {2, 0.25, 3},
			"lp4_20":     {4, 0, 20},
			"lp2_0.005":  {2, 0, 0.005},
		}[row[1]], rate)
		if row[1] == "hp4_0.2" {
			rates[row[0]] = true
		}
		s, gain := c.sections[int(v[2])], 1.0
		if v[2] == 0 {
			gain = c.gain
		}
		check := func(kind string, got, want float64) {
			d := math.Abs(got - want)
			w := worst[kind]
			w.Absolute, w.Relative = max(w.Absolute, d), max(w.Relative, d/max(math.Abs(want), 1e-300))
			worst[kind] = w
			if l := limits[kind]; !(d <= max(l.Absolute, l.Relative*math.Abs(want))) {
				t.Errorf("%s of %s, section %s at %g Hz, is %.17g, want %.17g", kind, row[1], row[2], rate, got, want)
			}
		}
		check("gain", gain, v[3])
		check("gain", gain*s.b, v[4])
		check("gain", gain, v[5])
		check("a", s.a1, v[7])
		check("a", s.a2, v[8])
		check("rest", s.rest[0], v[9])
		check("rest", s.rest[1], v[10])
	}
	if len(rates) != 19 {
		t.Errorf("%d rates, want 19", len(rates))
	}
	t.Logf("largest differences: %+v", worst)
}

// limit is the greater of both.
type limit struct{ Absolute, Relative float64 }

func TestButterworthNeedsRoom(t *testing.T) {
	for _, c := range []struct {
		band
		rate float64
	}{{band{2, 0.25, 3}, 6}, {band{4, 0.2, bandLimit(2)}, 2}, {band{4, 0.2, 0}, 0.4}} {
		if f := butterworth(c.band, c.rate); f.sections != nil {
			t.Errorf("%+v has %+v", c, f)
		}
	}
}

// TestTrig: within a unit in the last place of package math, itself within one.
func TestTrig(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 8, 100, 1800, 4099} {
		for k := -n; k <= 2*n; k++ {
			s, c := sincos(k, n)
			ws, wc := math.Sincos(2 * math.Pi * float64(k) / float64(n))
			if math.Abs(s-ws) > 4e-15 || math.Abs(c-wc) > 4e-15 || math.Abs(s*s+c*c-1) > 4e-16 {
				t.Fatalf("turn %d/%d: %g %g, want %g %g", k, n, s, c, ws, wc)
			}
		}
	}
	for x := 0.0; x < 1.57; x += 0.00037 {
		if got, want := tan(x), math.Tan(x); math.Abs(got-want) > 5e-16*want {
			t.Fatalf("tan(%g) is %g, want %g", x, got, want)
		}
	}
}
