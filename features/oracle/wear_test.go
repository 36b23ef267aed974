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

var _ = fmt.Sprint
var _ = math.Abs
var _ = slices.Sort[[]int]
var _ strings.Builder
var _ tabwriter.Writer
