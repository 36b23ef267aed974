package oracle

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wearstream/wearstream/features/wear"
)

const minute = int64(time.Minute)

// session is a composite recording, its partials counted from its first sample.
type session struct {
	name   string
	origin int64
	rec    *Recording
	table  map[string][]float64 // wear_minutes
}

func sessions(t *testing.T) []*session {
	t.Helper()
	d := data(t)
	var all []*session
	for _, name := range Sessions {
		rec, err := d.Session(name)
		if err != nil {
			t.Fatal(err)
		}
		table, err := d.Wear(name, "wear_minutes")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &session{name, rec.Samples.T[0], rec, table})
	}
	return all
}

// each gives every minute of the session that has samples.
func (s *session) each(do func(*wear.Partial)) {
	var p wear.Partial
	last := s.rec.Samples.T[len(s.rec.Samples.T)-1]
	for at := s.origin; at <= last; at += minute {
		i, j := span(s.rec.Readings.T, at, at+minute)
		r := s.rec.Readings
		r.T, r.MilliC = r.T[i:j], r.MilliC[i:j]
		p.Set(at, s.rec.samples(at, at+minute), r, Rate)
		do(&p)
	}
}

// run is what an algorithm says of a session finally.
func (s *session) run(t *testing.T, params wear.Params, order ...string) []wear.Minute {
	t.Helper()
	d, err := wear.New(wear.Config{Order: order, Params: params, Origin: s.origin})
	if err != nil {
		t.Fatal(err)
	}
	var final []wear.Minute
	keep := func(m wear.Minute) {
		if m.Final {
			final = append(final, m)
		}
	}
	s.each(func(p *wear.Partial) {
		if err := d.Push(p, keep); err != nil {
			t.Fatal(err)
		}
	})
	d.End(keep)
	return final
}

// except says that minutes [from, to) of a session are not compared, and why.
type except struct {
	session  string
	from, to int
	why      string
}

// agree compares minutes with a column: 1 worn, 0 not, -1 not scored.
func (s *session) agree(t *testing.T, what string, got []wear.Minute, want []float64, excepted []except) {
	t.Helper()
	if len(got) < len(want) {
		t.Fatalf("%s %s: %d minutes, the reference has %d", s.name, what, len(got), len(want))
	}
	compared, differ := 0, 0
	skipped := make(map[string]int)
minutes:
	for i, w := range want {
		for _, e := range excepted {
			if e.session == s.name && i >= e.from && i < e.to {
				skipped[e.why]++
				continue minutes
			}
		}
		if w < 0 {
			skipped["not scored by the reference"]++
			continue
		}
		compared++
		if state := map[float64]wear.State{0: wear.NonWear, 1: wear.Wear}[w]; got[i].State != state {
			if differ++; differ < 10 {
				t.Errorf("%s %s: minute %d is %s, the reference says %s", s.name, what, i, got[i].State, state)
			}
		}
	}
	t.Logf("%s %-30s compared %d, differ %d, not compared %v", s.name, what, compared, differ, skipped)
}

func cta(sd int64) wear.Params {
	p := wear.Default
	p.CTA.SD = sd
	return p
}

func TestWearCTA(t *testing.T) {
	for _, s := range sessions(t) {
		minutes, err := data(t).Wear(s.name, "cta_minutes")
		if err != nil {
			t.Fatal(err)
		}
		for column, sd := range map[string]int64{"sd0.003": 3_000, "sd0.013": 13_000} {
			got := s.run(t, cta(sd), "cta")
			s.agree(t, "cta "+column, got, minutes["wear_"+column], nil)
			s.agree(t, "cta_"+column, got, s.table["cta_"+column], nil)
		}
	}
}

func TestWearDETACH(t *testing.T) {
	for _, s := range sessions(t) {
		got := s.run(t, wear.Default, "detach")
		for _, column := range []string{"skdh_DETACH_window_size1", "skdh_DETACH_window_size4", "nimbaldetach"} {
			s.agree(t, column, got, s.table[column], nil)
		}
	}
}

func ggir(width int64) wear.Params {
	p := wear.Default
	p.GGIR2013.Range, p.GGIR2023.Range = width, width
	return p
}

func TestWearGGIR(t *testing.T) {
	for _, s := range sessions(t) {
		for _, year := range []string{"2013", "2023"} {
			for name, width := range map[string]int64{"50": 50_000, "150": 150_000} {
				table, err := data(t).Wear(s.name, "ggir_nonwear_"+year+"_range"+name+"mg")
				if err != nil {
					t.Fatal(err)
				}
				got := s.run(t, ggir(width), "ggir"+year)
				want := make([]float64, 0, 15*len(table["r1_nonwear"]))
				for _, r1 := range table["r1_nonwear"] {
					want = append(want, slices.Repeat([]float64{1 - r1}, 15)...)
				}
				s.agree(t, "ggir"+year+" range "+name+" mg, r1", got, want, nil)
				s.agree(t, "ggir"+year+"_range"+name, wear.CleanGGIR(got, s.origin), s.table["ggir"+year+"_range"+name], nil)
			}
		}
	}
}

// tail are the minutes after the last 15 minutes that begin a whole hour. The
// reference does not judge them: its last interval of wear ends there.
var tail = []except{
	{"compositeA_1", 630, 686, "no whole hour begins there: UNKNOWN, and in no interval of the reference"},
	{"compositeA_2", 570, 621, "no whole hour begins there: UNKNOWN, and in no interval of the reference"},
}

func TestWearAccelThreshold(t *testing.T) {
	for _, s := range sessions(t) {
		for name, width := range map[string]int64{"0.067": 67_000, "0.15": 150_000} {
			p := wear.Default
			p.AccelThreshold.Range = width
			got := s.run(t, p, "accelthreshold")
			s.agree(t, "AccelThreshold range "+name, wear.CleanAccelThreshold(got, s.origin), s.table["skdh_AccelThreshold_range"+name], tail)
			for _, e := range tail {
				for i := e.from; e.session == s.name && i < e.to; i++ {
					if got[i].State != wear.Unknown {
						t.Errorf("%s: minute %d is %s without a whole hour", s.name, i, got[i].State)
					}
				}
			}
		}
	}
}

var _ = fmt.Sprint
var _ = math.Abs
var _ strings.Builder
var _ tabwriter.Writer
