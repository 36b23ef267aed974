package wire

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
)

func FuzzMicroG(f *testing.F) {
	for _, lsb := range []uint32{1, 2, 3, 15, 16, 64, 128, 4096, 16_384, 999_983, 1_000_000} {
		for _, count := range []int16{0, 1, -1, 5, -5, math.MaxInt16, math.MinInt16} {
			f.Add(count, lsb)
		}
	}
	f.Fuzz(func(t *testing.T, count int16, lsb uint32) {
		lsb = 1 + lsb%MaxLSBPerG
		want := exactMicroG(int64(count), int64(lsb))
		if got := microG(int64(count), int64(lsb)); got != want {
			t.Fatalf("%d counts at %d per g are %d micro-g, want %d", count, lsb, got, want)
		}
		b := minimal()
		b.LSBPerG, b.XYZ = lsb, int16s(0, 0, 0, 0, 0, count)
		err := b.Validate()
		if fits := int64(int32(want)) == want; fits != (err == nil) {
			t.Fatalf("%d micro-g: %v", want, err)
		}
		if _, _, z := b.AppendMicroG(nil, nil, nil); err == nil && int64(z[1]) != want {
			t.Fatalf("appended %d, want %d", z[1], want)
		}
	})
}

// TestShiftedCounts: what powers of two are rounded by gives the same as a division.
func TestShiftedCounts(t *testing.T) {
	for shift := 1; 1<<shift <= MaxLSBPerG; shift++ {
		for c := int64(math.MinInt16); c <= math.MaxInt16; c++ {
			if got, want := shifted(c, shift), microG(c, 1<<shift); int64(got) != want && want == int64(int32(want)) {
				t.Fatalf("%d counts at %d per g are %d micro-g, want %d", c, 1<<shift, got, want)
			}
		}
	}
}

// FuzzTimes: i·10^12 stays exact over everything that a batch may hold.
func FuzzTimes(f *testing.F) {
	f.Add(int64(t0), uint32(MaxReadings), uint32(1))
	f.Add(int64(t0), uint32(MaxSamples), uint32(33_333))
	f.Add(int64(-1), uint32(7), uint32(MaxRateMHz))
	f.Fuzz(func(t *testing.T, us int64, i, rate uint32) {
		us %= 1 << 52
		i %= MaxReadings + 1
		rate = 1 + rate%MaxRateMHz
		b := &SampleBatch{T0us: us, RateMHz: rate, TempT0us: us, TempRateMHz: rate, N: i}
		want := exactTime(us, int(i), rate)
		for _, got := range []int64{b.SampleTime(int(i)), b.ReadingTime(int(i)), b.End()} {
			if big.NewInt(got).String() != want {
				t.Fatalf("sample %d at %d mHz from %d µs is at %d, want %s", i, rate, us, got, want)
			}
		}
	})
}

// TestLimits: what the definitions allow at most is accepted, one more is not.
// These are too large to be vectors.
func TestLimits(t *testing.T) {
	samples := func(n int) *SampleBatch {
		b := minimal()
		b.N, b.XYZ = uint32(n), make([]byte, 6*n)
		return b
	}
	readings := func(n int) *SampleBatch {
		b := minimal()
		b.TempRateMHz, b.TempMdegC = 1, make([]int32, n)
		return b
	}
	for _, c := range []struct {
		name   string
		batch  *SampleBatch
		reason string
	}{
		{"most samples", samples(MaxSamples), ""},
		{"a sample more", samples(MaxSamples + 1), ReasonShape},
		{"most readings", readings(MaxReadings), ""},
		{"a reading more", readings(MaxReadings + 1), ReasonShape},
	} {
		p := c.batch.Append(nil)
		if c.reason == "" && len(p) > MaxPayload {
			t.Errorf("%s: %d bytes", c.name, len(p))
		}
		_, err := Decode(p)
		if c.reason == "" && err != nil || c.reason != "" && (err == nil || RefusalReason(err) != c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNominal(t *testing.T) {
	b := everything()
	if b.Nominal() != 32_000 {
		t.Error(b.Nominal())
	}
	b.NominalRateMHz = 0
	if b.Nominal() != b.RateMHz {
		t.Error(b.Nominal())
	}
}

func TestImpossibleTime(t *testing.T) {
	received := time.UnixMicro(t0)
	day := (24 * time.Hour).Microseconds()
	for _, c := range []struct {
		name       string
		samples    int64 // t0_us, n 2 at 50 Hz
		readings   int64 // temp_t0_us, 3 at 1 Hz; 0: none
		impossible bool
	}{
		{"now", t0, 0, false},
		{"years ago", t0 - 20*365*day, 0, false},
		{"first of 2000", year2000us, 0, false},
		{"before 2000", year2000us - 1, 0, true},
		{"last sample a day ahead", t0 + day - 20_000, 0, false},
		{"last sample more than a day ahead", t0 + day - 19_999, 0, true},
		{"the end of int64", math.MaxInt64, 0, true},
		{"the beginning of int64", math.MinInt64, 0, true},
		{"last reading a day ahead", t0, t0 + day - 2_000_000, false},
		{"last reading more than a day ahead", t0, t0 + day - 1_999_999, true},
		{"reading before 2000", t0, 1, true},
	} {
		b := minimal()
		b.T0us = c.samples
		if c.readings != 0 {
			b.TempT0us, b.TempRateMHz, b.TempMdegC = c.readings, 1000, make([]int32, 3)
		}
		if got := b.ImpossibleTime(received); got != c.impossible {
			t.Errorf("%s: impossible is %v", c.name, got)
		}
	}
	b := minimal()
	b.N, b.XYZ, b.T0us = 0, nil, 0
	b.TempT0us, b.TempRateMHz, b.TempMdegC = t0, 1000, make([]int32, 1)
	if b.ImpossibleTime(received) {
		t.Error("t0 of no samples counts")
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", MaxName)
	for s, want := range map[string]bool{
		"a": true, "WS-000123": true, "a.b_c:d-9": true, long: true,
		"": false, "a b": false, "ä": false, "a/b": false, long + "a": false, "a+": false, "#": false,
	} {
		if ValidName(s) != want {
			t.Errorf("ValidName(%q) is %v", s, !want)
		}
	}
	for s, want := range map[string]bool{
		"a": true, "hub/left": true, long + "/" + long: true,
		"": false, "/left": false, "hub/": false, "a/b/c": false, "hub/le ft": false,
	} {
		if ValidSensor(s) != want {
			t.Errorf("ValidSensor(%q) is %v", s, !want)
		}
	}
	if SensorOf("hub", "") != "hub" || SensorOf("hub", "hub/left") != "hub/left" {
		t.Error("SensorOf")
	}
	for _, c := range []struct {
		thing, sensor string
		want          bool
	}{
		{"hub", "", true}, {"hub", "hub", true}, {"hub", "hub/left", true},
		{"hub", "hub2", false}, {"hub", "hub2/left", false}, {"hub/left", "hub", false},
	} {
		if MayPublish(c.thing, c.sensor) != c.want {
			t.Errorf("MayPublish(%q, %q) is %v", c.thing, c.sensor, !c.want)
		}
	}
}
