package batch_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/recording"
)

// TestPairsSetBack: wrists pair over all that both recorded, wherever in a file its
// earliest and latest samples are; of windows that are counted from the first sample only
// where these are alike.
func TestPairsSetBack(t *testing.T) {
	whole := []stretch{{0, 7200, 4}}
	right := batch.Input{Path: csvFile(t, "right.csv.gz", "", whole...), Sensor: "right", Study: "ST01", Participant: "P-1", Side: "right"}
	pairs := func(cfg batch.Config, left string) []*batch.Pair {
		_, reports := run(t, cfg, batch.Input{Path: left, Sensor: "left", Study: "ST01", Participant: "P-1", Side: "left"}, right)
		for _, r := range reports {
			if r.Err != nil || len(r.Pairs) != len(reports[0].Pairs) {
				t.Fatalf("%s: %d pairs, %v", r.Sensor, len(r.Pairs), r.Err)
			}
		}
		return reports[0].Pairs
	}
	want := pairs(batch.Config{}, right.Path)[0]
	if want.Windows < 6 {
		t.Fatalf("%d windows", want.Windows)
	}
	for name, left := range map[string]string{
		"10 min of 3 h before":     csvFile(t, "a.csv.gz", "", whole[0], stretch{7200 - 3*3600, 600, 4}),
		"a last row of 2000":       csvFile(t, "b.csv.gz", "946684800,0,0,1,30\n", whole...),
		"a last row of 2100":       csvFile(t, "c.csv.gz", "4102444800,0,0,1,30\n", whole...),
		"its clock 1 h behind":     csvFile(t, "d.csv.gz", "", stretch{3600, 3600, 4}, stretch{0, 3600, 4}),
		"nothing that is set back": right.Path,
	} {
		got := pairs(batch.Config{}, left)
		if len(got) != 1 || got[0].Windows != want.Windows || !got[0].From.Equal(want.From) || !got[0].To.Equal(want.To) || got[0].Err != nil {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if got := pairs(batch.Config{FromFirst: true}, left); len(got) != 1 || got[0].Windows < want.Windows-1 {
			t.Errorf("%s, from the first sample: %+v", name, got)
		}
	}
	if got := pairs(batch.Config{FromFirst: true}, csvFile(t, "e.csv.gz", "", stretch{7, 7193, 4})); len(got) != 0 {
		t.Errorf("with windows of each one's own: %+v", got)
	}
}

// TestMissingAndRepeats: samples that no window has are told, and why.
func TestMissingAndRepeats(t *testing.T) {
	nothing := func(from, to int) func(int, string) string {
		return func(i int, line string) string {
			if i < from || i >= to {
				return line
			}
			return line[:10] + ".00,0.000000,0.000000,0.000000,30.00\n"
		}
	}
	twice := func(i int, line string) string {
		if i == 2000 {
			return line + line
		}
		return line
	}
	back := func(i int, line string) string {
		if i < 2000 {
			return line
		}
		return fmt.Sprint(origin.Unix()+int64(i)-500) + line[10:]
	}
	for _, c := range []struct {
		name             string
		other            func(int, string) string
		missing, repeats int64
		says             []string
	}{
		{"neither", nil, 0, 0, nil},
		{"a stretch of none", nothing(1000, 1600), 600, 0, []string{"600 samples are exactly 0, 0, 0"}},
		{"none at all", nothing(0, 3000), 3000, 0, []string{"3000 samples"}},
		{"recorded twice", back, 0, 500, []string{"times go back", "(500 do not)", "flag 32"}},
		{"a time twice", twice, 0, 1, []string{"1 samples are at the time"}},
		// Of times of which one of two is missing, the other counts.
		{"both", func(i int, line string) string { return back(i, nothing(1900, 2100)(i, line)) }, 200, 300, []string{"200 samples", "(300 do not)"}},
	} {
		_, reports := run(t, batch.Config{Workers: 2}, batch.Input{Path: endsOther(t, 3000, c.other), Sensor: "w1"})
		r := reports[0]
		if r.Err != nil || r.Missing != c.missing || r.Repeats != c.repeats || math.Abs(r.MeasuredHz-1) > 1e-9 || r.Back != (c.repeats > 1) {
			t.Errorf("%s: %d missing, %d repeats, %g Hz, back %t, %v", c.name, r.Missing, r.Repeats, r.MeasuredHz, r.Back, r.Err)
		}
		for _, says := range c.says {
			if !strings.Contains(r.Warning(), says) {
				t.Errorf("%s: %q does not say %q", c.name, r.Warning(), says)
			}
		}
		if c.says == nil && r.Warning() != "" {
			t.Errorf("%s: %q", c.name, r.Warning())
		}
	}
}

// TestMeasuredHz: of times that waver the measured rate is that from the first to the last
// sample of each stretch, gaps and a clock that is set back left out; one sample has none.
func TestMeasuredHz(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var text strings.Builder
	text.WriteString("timestamp,x,y,z,temperature\n")
	steps, took := 0., 0.
	for _, from := range []int64{100e6, 190e6, 30e6} { // microseconds
		first, last := int64(0), int64(0)
		for i := range int64(60 * 96) {
			last = origin.UnixMicro() + from + i*1_000_000/96 + rng.Int64N(4001) - 2000
			if i == 0 {
				first = last
			}
			fmt.Fprintf(&text, "%d.%06d,0.5,0,0.75,30\n", last/1e6, last%1e6)
		}
		steps, took = steps+60*96-1, took+float64(last-first)/1e6
	}
	for name, c := range map[string]struct {
		text string
		cfg  batch.Config
		want float64
	}{
		"waver": {text: text.String(), want: steps / took},
		"one":   {text: "timestamp,x,y,z,temperature\n1000,0,0,1,30\n1000,0,0,1,30\n", cfg: batch.Config{Reader: recording.Options{RateHz: 1}}},
	} {
		path := filepath.Join(t.TempDir(), "w1.csv")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, reports := run(t, c.cfg, batch.Input{Path: path, Sensor: "w1"})
		if r := reports[0]; r.Err != nil || !(math.Abs(r.MeasuredHz-c.want) <= 1e-5) {
			t.Errorf("%s: %.6f Hz, want %.6f; %v", name, r.MeasuredHz, c.want, r.Err)
		}
	}
}

// TestChoiAsksForCounts: it is refused where no set makes them.
func TestChoiAsksForCounts(t *testing.T) {
	for _, c := range []struct {
		wear string
		sets []*features.Set
		says string
	}{
		{"choi", nil, "--wear: choi needs activity counts: add --set ref.v1"},
		{"detach,choi", []*features.Set{features.Core, features.Offline, features.Ext}, "--set ref.v1"},
		{"choi,cta", []*features.Set{features.Core, features.Ref}, ""},
		{"cta", nil, ""},
	} {
		_, err := batch.New(batch.Config{Wear: strings.Split(c.wear, ","), Sets: c.sets}, newMemory(t), nil)
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.wear, err, c.says)
		}
	}
}
