package recording

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// timesAt is a CSV of rows with such times; of one that is empty there is none.
func timesAt(n, z int, at func(i int) string) string {
	var s strings.Builder
	s.WriteString(csvHeader + "\n")
	for i := range n {
		if t := at(i); t != "" {
			fmt.Fprintf(&s, "%s,0,%d.%03d,%d,30\n", t, i/1000, i%1000, z)
		}
	}
	return s.String()
}

// withDigits is ns in seconds with so many digits, cut or rounded.
func withDigits(ns int64, digits int, round bool) string {
	unit := pow10[9-digits]
	if round {
		ns += unit / 2
	}
	return fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)[:11+digits-max(0, 1-digits)]
}

// TestRateOfRoundedTimes: times on a grid, cut or rounded to few digits, tell its rate,
// and no sample is at or before an earlier one, nor is there a gap.
func TestRateOfRoundedTimes(t *testing.T) {
	for digits, rates := range map[int][]uint32{
		0: {1_000, 32_000, 50_000},
		1: {1_000, 10_000, 12_500, 25_000, 32_000, 50_000},
		2: {12_500, 25_000, 31_250, 32_000, 50_000, 64_000, 66_700, 75_000, 80_000, 85_700, 100_000, 104_000, 128_000, 200_000, 256_000},
		3: {31_250, 50_000, 64_000, 75_000, 80_000, 85_700, 100_000, 104_000, 128_000, 200_000, 256_000, 400_000, 512_000, 800_000, 1_000_000},
	} {
		length := 60 // s
		if digits == 0 {
			length = 300
		}
		for _, rate := range rates {
			for k, phase := range []int64{0, 3_700_000, 987_654_321} {
				text := timesAt(int(rate/1000)*length+7, 1, func(i int) string {
					return withDigits(1_700_000_000e9+phase+gridNS(uint64(i), rate), digits, k == 1)
				})
				r := open(t, write(t, "a.csv", text), Options{})
				if r.RateMHz != rate {
					t.Errorf("%d digits: %d mHz, want %d", digits, r.RateMHz, rate)
					continue
				}
				valid(t, r)
				if off := spread(t, r); off > 0.1 {
					t.Errorf("%d digits: samples of %d mHz are up to %.2f spacings off", digits, rate, off)
				}
				each := gridNS(1, rate)
				if coarse := len(r.Notes) > 0; coarse != (2*pow10[9-digits] > each && pow10[9-digits] != each) {
					t.Errorf("%d digits of %d mHz: notes %q", digits, rate, r.Notes)
				}
			}
		}
	}
}

// spread is how many spacings two samples that follow one another are nearer or farther
// than one, at most. Batches of times that place their samples begin at them.
func spread(t *testing.T, r *Recording) (off float64) {
	t.Helper()
	u := unpack(t, r)
	each := float64(gridNS(1, r.RateMHz))
	if r.coarse == 0 { // times are right to a digit
		each += 2 * float64(r.tol)
	}
	for i, at := range u.t[1:] {
		d := float64(at-u.t[i]) / each
		if off = max(off, d-1); r.coarse > 0 {
			off = max(off, 1-d)
		}
		if at <= u.t[i] {
			t.Fatalf("sample %d of %d mHz is at the time of the one before", i+1, r.RateMHz)
		}
	}
	return off
}

// TestRateOfDisturbedTimes: jitter, missing rows and duplicates do not change the rate.
func TestRateOfDisturbedTimes(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    uint32
		digits  int
		jitter  int64 // ns to both sides
		missing int   // of 100 rows
		twice   int   // of 100 rows
	}{
		{"jitter", 50_000, 3, 6e6, 0, 0},
		{"jitter, finely told", 50_000, 6, 6e6, 0, 0},
		{"missing rows", 50_000, 6, 0, 5, 0},
		{"missing rows at ms", 50_000, 3, 0, 5, 0},
		{"missing rows at hundredths", 50_000, 2, 0, 5, 0},
		{"jitter and missing rows", 50_000, 3, 4e6, 5, 0},
		{"a row each digit, some missing", 100_000, 2, 0, 5, 0},
		{"a row each digit, some twice", 100_000, 2, 0, 0, 5},
		{"64 Hz at hundredths, some missing", 64_000, 2, 0, 5, 0},
		{"64 Hz at ms, some twice", 64_000, 3, 0, 0, 5},
		{"512 Hz at ms, some missing", 512_000, 3, 0, 5, 0},
		{"twice", 50_000, 3, 0, 0, 20},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		text := timesAt(12_000, 1, func(i int) string {
			jitter := int64(0)
			if c.jitter > 0 {
				jitter = rng.Int64N(2*c.jitter) - c.jitter
			}
			at := withDigits(1_700_000_000e9+gridNS(uint64(i), c.rate)+jitter, c.digits, false)
			if rng.IntN(100) < c.missing {
				return ""
			}
			if rng.IntN(100) < c.twice {
				return at + ",0,0,1,30\n" + at
			}
			return at
		})
		r := open(t, write(t, "a.csv", text), Options{})
		if r.RateMHz != c.rate {
			t.Errorf("%s: %d mHz, want %d", c.name, r.RateMHz, c.rate)
		}
		valid(t, r)
	}
}

// TestCoarseGap: where digits are too coarse to place a sample a gap and a clock that
// was set back are still seen.
func TestCoarseGap(t *testing.T) {
	for name, jump := range map[string]int64{"a gap": 5e9, "back": -60e9} {
		at := func(i int) int64 {
			ns := 1_700_000_000e9 + gridNS(uint64(i), 128_000)
			if i >= 2000 {
				ns += jump
			}
			return ns
		}
		r := open(t, write(t, "a.csv", timesAt(4000, 1, func(i int) string { return withDigits(at(i), 2, false) })), Options{})
		u := unpack(t, r)
		for i, got := range u.t {
			if d := got - at(i); max(d, -d) > 10_000_000+r.tol {
				t.Fatalf("%s: sample %d is %d ns off", name, i, d)
			}
		}
	}
}

// TestCoarseAndShort: too few rows of coarse times tell no rate.
func TestCoarseAndShort(t *testing.T) {
	path := write(t, "a.csv", timesAt(200, 1, func(i int) string { return fmt.Sprint(1_700_000_000 + i/50) }))
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "--rate") {
		t.Errorf("%v, want to be asked for a rate", err)
	}
	r := open(t, path, Options{RateHz: 50})
	if off := spread(t, r); off > 0.1 {
		t.Errorf("samples are up to %.2f spacings off", off)
	}
}

// TestCoarseDrift: a clock that is not quite the nominal one makes neither gaps nor
// samples at the same time, where digits are too coarse to place a sample.
func TestCoarseDrift(t *testing.T) {
	for _, rate := range []uint32{63_900, 64_001, 127_700, 128_200} {
		r := open(t, write(t, "a.csv", timesAt(40_000, 1, func(i int) string {
			return withDigits(1_700_000_000e9+gridNS(uint64(i), rate), 2, false)
		})), Options{})
		if off := spread(t, r); off > 0.3 || r.RateMHz != 64_000 && r.RateMHz != 128_000 {
			t.Errorf("%d mHz, told as %d: samples are up to %.2f spacings off", rate, r.RateMHz, off)
		}
		valid(t, r)
	}
}

// TestFinerLate: digits that come late in a file do not change the rate that its
// beginning tells, read once or looked through.
func TestFinerLate(t *testing.T) {
	path := write(t, "a.csv", timesAt(lateRows, 1, func(i int) string {
		digits := 2
		if i > maxSpacings+8000 {
			digits = 6
		}
		return withDigits(1_700_000_000e9+gridNS(uint64(i), 128_000), digits, false)
	}))
	once, err := Begin(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range once.Batches() {
	}
	if !errors.Is(err, ErrAgain) {
		t.Errorf("%v, want %v", err, ErrAgain)
	}
	if whole, r := once.Whole(), open(t, path, Options{}); r.RateMHz != 128_000 || whole.RateMHz != r.RateMHz || whole.tol != r.tol || whole.coarse != r.coarse {
		t.Errorf("%d mHz ±%d (%d), read once %d ±%d (%d)", r.RateMHz, r.tol, r.coarse, whole.RateMHz, whole.tol, whole.coarse)
	}
}
