package recording

import (
	"fmt"
	"testing"
)

// TestDecimal: whatever fits an int64 is read, with any number of digits more.
func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		text  string
		scale int
		want  string
	}{
		{"1700000000.020000007", 9, "1700000000020000007"},
		{"1700000000.0200000001", 9, "1700000000020000000"},
		{"1700000000.0200000005", 9, "1700000000020000000"},
		{"1700000000.0200000015", 9, "1700000000020000002"},
		{"1700000000.02000000050000000000000000000001", 9, "1700000000020000001"},
		{"1700000000.019999999999", 9, "1700000000020000000"},
		{"-1700000000.0199999814999", 9, "-1700000000019999981"},
		{"9223372036.8547758074", 9, "9223372036854775807"},
		{"9223372036.8547758075", 9, "none"},
		{"-9223372036.8547758085", 9, "-9223372036854775808"},
		{"-9223372036.8547758086", 9, "none"},
		{"9999999999999999999", 0, "none"},
		{"9999999999999999999e-19", 0, "1"},
		{"5000000000000000000e-19", 0, "0"},
		{"50000000000000000001e-20", 0, "1"},
		{"9999999999999999999e-20", 0, "0"},
		{"12345678901234567890123e-5", 0, "123456789012345679"},
		{"1e18", 0, "1000000000000000000"},
		{"1e19", 0, "none"},
		{"0.0000000000000000000000000000001e40", 0, "1000000000"},
	} {
		got := "none"
		if v, _, ok := decimal([]byte(c.text), c.scale); ok {
			got = fmt.Sprint(v)
		}
		if got != c.want {
			t.Errorf("%s times 10^%d is %s, want %s", c.text, c.scale, got, c.want)
		}
	}
}

// TestNanoseconds: times with nine and more digits are read in every row.
func TestNanoseconds(t *testing.T) {
	for _, digits := range []int{9, 10, 12, 15} {
		r := open(t, write(t, "a.csv", timesAt(500, 1, func(i int) string {
			const zeros = "000000000"
			return fmt.Sprintf("%d.%09d%s", 1_700_000_000+i/50, i%50*20_000_000+i%3, ("333" + zeros)[:digits-9])
		})), Options{})
		if r.Samples != 500 || r.Damage != (Damage{}) || r.RateMHz != 50_000 {
			t.Errorf("%d digits: %d samples at %d mHz, damage %+v", digits, r.Samples, r.RateMHz, r.Damage)
		}
	}
}
