package oracle

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
)

const minute = int64(time.Minute)

// session is a composite recording: its minutes from its first sample, and what
// the references and the labels say of them.
type session struct {
	name     string
	origin   int64
	partials []*wear.Partial
	ties     []tie
	table    map[string][]float64 // wear_minutes
}

var readSessions = sync.OnceValues(func() (all []*session, err error) {
	d, err := Find()
	if err != nil {
		return nil, err
	}
	names, err := d.Sessions()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		rec, err := d.Session(name)
		if err != nil {
			return nil, err
		}
		s := &session{name: name, origin: rec.Samples.T[0]}
		if s.table, err = d.Wear(name, "wear_minutes"); err != nil {
			return nil, err
		}
		var sum, n, sumBefore, before int64 // of the temperatures of a minute and of the one before
		for at := s.origin; at <= rec.Samples.T[len(rec.Samples.T)-1]; at += minute {
			i, j := span(rec.Readings.T, at, at+minute)
			sum, n, sumBefore, before = 0, int64(j-i), sum, n
			for _, v := range rec.Readings.MilliC[i:j] {
				sum += int64(v)
			}
			if n > 0 && before > 0 && sum < wear.Default.CTA.Warm*n && sum*before == sumBefore*n {
				s.ties = append(s.ties, tie{len(s.partials), secondSD(rec.samples(at, at+minute))})
			}
			p := new(wear.Partial)
			p.Set(at, rec.samples(at, at+minute), features.Readings{T: rec.Readings.T[i:j], MilliC: rec.Readings.MilliC[i:j]}, Rate)
			s.partials = append(s.partials, p)
		}
		counts := blocks(features.Ref, rec, Rate, time.Minute)
		for i, at := range counts.Start {
			s.partials[int64(at)/minute].Counts = int32(math.Ceil(counts.Columns["counts_li_vm"][i]))
		}
		all = append(all, s)
	}
	return all, nil
})

func sessions(t *testing.T) []*session {
	t.Helper()
	data(t)
	all, err := readSessions()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tie is a minute as warm as the one before, with the middle one of the standard
// deviations of its axes, in micro-g.
type tie struct {
	minute int
	sd     float64
}

func secondSD(s features.Samples) float64 {
	var sd []float64
	for _, axis := range [][]int32{s.X, s.Y, s.Z} {
		var sum, squares float64
		for _, v := range axis {
			sum += float64(v)
		}
		for _, v := range axis {
			d := float64(v) - sum/float64(len(axis))
			squares += d * d
		}
		sd = append(sd, math.Sqrt(squares/float64(len(axis)-1)))
	}
	slices.Sort(sd)
	return sd[1]
}

// run is what is finally said of partials.
func run(t *testing.T, partials []*wear.Partial, origin int64, params wear.Params, order ...string) []wear.Minute {
	t.Helper()
	d, err := wear.New(wear.Config{Order: order, Params: params, Origin: origin, FinalOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var final []wear.Minute
	keep := func(m wear.Minute) { final = append(final, m) }
	for _, p := range partials {
		if err := d.Push(p, keep); err != nil {
			t.Fatal(err)
		}
	}
	d.End(keep)
	return final
}

func (s *session) run(t *testing.T, params wear.Params, order ...string) []wear.Minute {
	t.Helper()
	return run(t, s.partials, s.origin, params, order...)
}

// except says that minutes [from, to) are not compared, and why.
type except struct {
	from, to int
	why      string
}

// agree compares minutes with a column of a file: 1 worn, 0 not, -1 not scored.
func (s *session) agree(t *testing.T, file, column string, got []wear.Minute, want []float64, excepted ...except) Line {
	t.Helper()
	if len(got) < len(want) || len(want) == 0 {
		t.Fatalf("%s %s: %d minutes, %s has %d of them", s.name, column, len(got), file, len(want))
	}
	l := Line{Feature: column, Recording: s.name, File: file, Length: time.Minute}
	skipped := make(map[string]int)
minutes:
	for i, w := range want {
		for _, e := range excepted {
			if i >= e.from && i < e.to {
				skipped[e.why]++
				continue minutes
			}
		}
		if w < 0 {
			skipped["not scored by the reference"]++
			continue
		}
		l.Windows++
		if state := map[float64]wear.State{0: wear.NonWear, 1: wear.Wear}[w]; got[i].State != state {
			l.Largest = 1
			if l.Exceeded++; l.Exceeded < 10 {
				t.Errorf("%s %s: minute %d is %s, the reference says %s", s.name, column, i, got[i].State, state)
			}
		}
	}
	if l.Windows == 0 {
		t.Errorf("%s %s: no minute of %d is compared", s.name, column, len(want))
	}
	for why, n := range skipped {
		t.Logf("%s %s: %d minutes are not compared: %s", s.name, column, n, why)
	}
	return l
}

func changed(change func(*wear.Params)) wear.Params {
	p := wear.Default
	change(&p)
	return p
}

// intervals are minutes by an algorithm's intervals of wear in wear_intervals, at
// the minutes' middles.
func (s *session) intervals(t *testing.T, algorithm, params string) []float64 {
	t.Helper()
	f, err := os.Open(filepath.Join(data(t).Oracle, s.name+".wear_intervals.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var worn []float64
	for _, row := range rows[1:] {
		if row[0] != algorithm || row[1] != params {
			continue
		}
		if worn == nil {
			worn = make([]float64, len(s.partials))
		}
		from, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		to, err := strconv.ParseFloat(row[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		for i := range worn {
			if middle := float64(s.origin)/1e9 + float64(i)*60 + 30; middle >= from && middle < to {
				worn[i] = 1
			}
		}
	}
	return worn
}

func TestWearCTA(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	ran := 0
	for _, s := range sessions(t) {
		minutes, err := data(t).Wear(s.name, "cta_minutes")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			sd   int64
		}{{"sd0.003", 3_000}, {"sd0.013", 13_000}} {
			got := s.run(t, changed(func(p *wear.Params) { p.CTA.SD = c.sd }), "cta")
			report = append(report,
				s.agree(t, "cta_minutes", "wear_"+c.name, got, minutes["wear_"+c.name]),
				s.agree(t, "wear_minutes", "cta_"+c.name, got, s.table["cta_"+c.name]))
			// The reference fails on a first minute that is not decided, as in compositeA_1.
			if skdh := s.intervals(t, "skdh.CTA", "sd="+c.name[2:]+";temp=26"); skdh != nil {
				var ties []except
				for _, tie := range s.ties {
					if other := (skdh[tie.minute] == 1) != (got[tie.minute].State == wear.Wear); other && tie.sd >= float64(c.sd) { // it decides
						ties = append(ties, except{tie.minute, tie.minute + 1, "an exact tie of temperatures, which the reference's floats break"})
					}
				}
				report = append(report, s.agree(t, "wear_intervals", "skdh.CTA "+c.name, got, skdh, ties...))
				ran++
			}
		}
	}
	if ran == 0 {
		t.Error("wear_intervals has no skdh.CTA of any session")
	}
}

func TestWearDETACH(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	for _, s := range sessions(t) {
		got := s.run(t, wear.Default, "detach")
		for _, column := range []string{"skdh_DETACH_window_size1", "skdh_DETACH_window_size4", "nimbaldetach"} {
			report = append(report, s.agree(t, "wear_minutes", column, got, s.table[column]))
		}
	}
}

func TestWearGGIR(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	for _, s := range sessions(t) {
		for _, year := range []string{"2013", "2023"} {
			for _, width := range []int64{50, 150} {
				name := fmt.Sprintf("ggir%s_range%d", year, width)
				file := fmt.Sprintf("ggir_nonwear_%s_range%dmg", year, width)
				table, err := data(t).Wear(s.name, file)
				if err != nil {
					t.Fatal(err)
				}
				got := s.run(t, changed(func(p *wear.Params) {
					p.GGIR2013.Range, p.GGIR2023.Range = width*1000, width*1000
				}), "ggir"+year)
				var r1, r3 []float64
				for i, off := range table["r1_nonwear"] {
					r1 = append(r1, slices.Repeat([]float64{1 - off}, 15)...)
					r3 = append(r3, slices.Repeat([]float64{1 - max(off, table["r3_additional"][i])}, 15)...)
				}
				clean := wear.CleanGGIR(got, s.origin)
				report = append(report,
					s.agree(t, file, "r1", got, r1), s.agree(t, file, "r1, r3", clean, r3), s.agree(t, "wear_minutes", name, clean, s.table[name]))
			}
		}
	}
}

// tail are the minutes after the last 15 minutes that begin a whole hour. The
// reference does not judge them: its last interval of wear ends there.
func (s *session) tail() except {
	n := len(s.table["truth"])
	return except{(n-60)/15*15 + 15, n, "no whole hour begins there: UNKNOWN, and in no interval of the reference"}
}

func TestWearAccelThreshold(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	for _, s := range sessions(t) {
		for name, width := range map[string]int64{"0.067": 67_000, "0.15": 150_000} {
			got := s.run(t, changed(func(p *wear.Params) { p.AccelThreshold.Range = width }), "accelthreshold")
			column, tail := "skdh_AccelThreshold_range"+name, s.tail()
			report = append(report, s.agree(t, "wear_minutes", column, wear.CleanAccelThreshold(got, s.origin), s.table[column], tail))
			for i := tail.from; i < tail.to; i++ {
				if got[i].State != wear.Unknown {
					t.Errorf("%s: minute %d is %s without a whole hour", s.name, i, got[i].State)
				}
			}
		}
	}
}

func TestWearCounts(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	for _, s := range sessions(t) {
		for name, zeros := range map[string]int64{"90": 90, "60": 60} {
			got := s.run(t, changed(func(p *wear.Params) { p.Choi.Zeros = zeros }), "choi")
			column := "skdh_Count_" + name + "min"
			report = append(report, s.agree(t, "wear_minutes", column, got, s.table[column]))
		}
	}
}

// TestWearGap drives the sessions of a device as the one recording that they are.
func TestWearGap(t *testing.T) {
	var report Report
	defer func() { report.show(t) }()
	devices := make(map[string][]*session)
	for _, s := range sessions(t) {
		device := s.name[:max(strings.LastIndex(s.name, "_"), 0)]
		devices[device] = append(devices[device], s)
	}
	gaps := 0
	for device, all := range devices {
		slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.origin, b.origin) })
		var partials []*wear.Partial
		var want []float64
		for _, s := range all {
			gap := int((s.origin-all[0].origin)/minute) - len(want)
			if gap < 0 || (s.origin-all[0].origin)%minute != 0 {
				t.Fatalf("%s does not begin whole minutes after the other sessions of %s", s.name, device)
			}
			gaps += gap
			partials = append(partials, s.partials...)
			want = slices.Concat(want, slices.Repeat([]float64{-1}, gap), s.table["nimbaldetach"])
		}
		got := run(t, partials, all[0].origin, wear.Default, "detach")
		report = append(report, (&session{name: device}).agree(t, "wear_minutes", "nimbaldetach", got, want))
		for i, w := range want {
			if (w < 0) != (got[i].State == wear.NoData) {
				t.Errorf("%s: minute %d is %s", device, i, got[i].State)
			}
		}
	}
	if gaps == 0 {
		t.Error("no device has two sessions with a gap between them")
	}
}

// TestWearConfusion holds every algorithm against the labels. The counts are those
// that were seen of the two sessions of README.md: they change with any verdict.
func TestWearConfusion(t *testing.T) {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "algorithm\toff, said off\toff, said worn\tworn, said off\tworn, said worn\tunknown\tnon-wear found\twear found\t")
	for _, c := range []struct {
		name   string
		order  []string
		params wear.Params
		clean  func([]wear.Minute, int64) []wear.Minute
		want   [5]int
	}{
		{name: "default order", order: wear.DefaultOrder, params: wear.Default, want: [5]int{408, 13, 6, 880, 0}},
		{name: "detach", order: []string{"detach"}, params: wear.Default, want: [5]int{408, 13, 6, 880, 0}},
		{name: "cta 3 mg", order: []string{"cta"}, params: wear.Default, want: [5]int{267, 154, 1, 885, 0}},
		{name: "cta 13 mg", order: []string{"cta"}, params: wear.ForModel("E4"), want: [5]int{384, 37, 8, 878, 0}},
		{name: "ggir2013", order: []string{"ggir2013"}, params: wear.Default, want: [5]int{225, 196, 0, 886, 0}},
		{name: "ggir2013 clean", order: []string{"ggir2013"}, params: wear.Default, clean: wear.CleanGGIR, want: [5]int{225, 196, 0, 886, 0}},
		{name: "ggir2023", order: []string{"ggir2023"}, params: wear.Default, want: [5]int{300, 121, 0, 886, 0}},
		{name: "ggir2023 clean", order: []string{"ggir2023"}, params: wear.Default, clean: wear.CleanGGIR, want: [5]int{306, 115, 114, 772, 0}},
		{name: "accelthreshold", order: []string{"accelthreshold"}, params: wear.Default, want: [5]int{210, 176, 0, 814, 107}},
		{name: "accelthreshold clean", order: []string{"accelthreshold"}, params: wear.Default, clean: wear.CleanAccelThreshold, want: [5]int{216, 170, 114, 700, 107}},
		{name: "choi", order: []string{"choi"}, params: wear.Default, want: [5]int{331, 90, 0, 886, 0}},
		{name: "actipy", order: []string{"actipy"}, params: wear.Default, want: [5]int{335, 86, 0, 886, 0}},
	} {
		var n, of [5]int // of all sessions, of those two
		known := 0
		for _, s := range sessions(t) {
			before := n
			got := s.run(t, c.params, c.order...)
			if c.clean != nil {
				got = c.clean(got, s.origin)
			}
			for i, worn := range s.table["truth"] {
				switch cell := 2 * int(worn); got[i].State {
				case wear.NonWear:
					n[cell]++
				case wear.Wear:
					n[cell+1]++
				default:
					n[4]++
				}
			}
			if s.name == "compositeA_1" || s.name == "compositeA_2" {
				known++
				for i := range of {
					of[i] += n[i] - before[i]
				}
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t\n", c.name, n[0], n[1], n[2], n[3], n[4],
			float64(n[0])/float64(n[0]+n[1]), float64(n[3])/float64(n[2]+n[3]))
		if known == 2 && of != c.want {
			t.Errorf("%s: %v, was %v", c.name, of, c.want)
		}
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
}
