package oracle

import (
	"math"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/features/pair"
)

func TestPairs(t *testing.T) {
	d := data(t)
	report, err := d.ComparePairs()
	if err != nil {
		t.Fatal(err)
	}
	report.show(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	names, _ := d.PairNames()
	if want := len(names) * len(Pair); len(report) != want {
		t.Errorf("%d comparisons, want %d", len(report), want)
	}
}

// TestPairsByConstruction: what has no column of its own follows from others, from how the
// recordings were made, or is tested by hand in package pair.
func TestPairsByConstruction(t *testing.T) {
	d := data(t)
	others := map[string]bool{"use_ratio": true, "temp_diff": true, "movement_s": true, "magnitude_ratio": true, "magnitude_ratio_iqr": true, "bilateral_magnitude": true}
	for _, f := range pair.Features {
		if has := slices.ContainsFunc(Pair, func(a Against) bool { return a.Feature == f.ID }); has == others[f.ID] {
			t.Errorf("%s: a reference %t", f.ID, has)
		}
	}
	names, err := d.PairNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, recording := range names {
		rows, err := d.Pairs(recording)
		if err != nil {
			t.Fatal(err)
		}
		c := rows.Columns
		for i := range rows.Start {
			// The right hand is the dominant one, and 0.4 degrees warmer.
			if want := c["active_frac_left"][i] / c["active_frac_right"][i]; math.Abs(c["use_ratio"][i]-want) > 1e-12 {
				t.Errorf("%s, window %d: use_ratio %v, want %v", recording, i, c["use_ratio"][i], want)
			}
			if v := c["temp_diff"][i]; math.Abs(v-0.4) > 1e-9 {
				t.Errorf("%s, window %d: temp_diff %v", recording, i, v)
			}
		}
	}
}
