// Package page draws a recording as one HTML file for people: what it is, when there
// is data, how much its wearer moved, how warm it was, what was left out and why.
//
// A page stands alone: no script, no other file, no network; times are UTC. It is
// readable in print and in grey. It is a function of the report.
package page

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/batch"
)

//go:embed page.html
var text string

var form = template.Must(template.New("page").Funcs(template.FuncMap{
	"utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") },
}).Parse(text))

// most is how many gaps are told one by one.
const most = 40

// Write writes the page of a recording that was computed.
func Write(w io.Writer, r *batch.Report) error {
	v := view{Report: r, Sides: cmp.Or(r.Side, "not told"), Gaps: r.Gaps[:min(len(r.Gaps), most)], More: max(len(r.Gaps)-most, 0)}
	rec := r.Recording
	v.Span = rec.Latest.Sub(rec.Earliest).Round(time.Second).String()
	v.NominalHz, v.Scale = float64(rec.RateMHz)/1000, "micro-g"
	if rec.LSBPerG > 0 {
		v.Scale = fmt.Sprintf("%d counts per g", rec.LSBPerG)
	}
	for _, g := range r.Gaps {
		v.lost += g.To.Sub(g.From)
	}
	v.Lost = v.lost.Round(time.Millisecond).String()
	v.scales(r.Minutes)
	v.states(r.Wear)
	v.doubts(r)
	v.calibration(r.Calibrate, r.Calibrated)
	minutes := slices.SortedFunc(slices.Values(r.Minutes), func(a, b batch.Minute) int { return cmp.Compare(a.Start, b.Start) })
	v.Panels = panels(rec.Earliest.UTC(), rec.Latest.UTC(), minutes)
	for i := range v.Panels {
		v.Panels[i].draw(&v)
		v.Panels[i].worn(r.Wear)
	}
	if err := form.Execute(w, &v); err != nil {
		return fmt.Errorf("write page of %s: %w", r.Sensor, err)
	}
	return nil
}

// view is what the template sees.
type view struct {
	*batch.Report
	Sides, Span, Scale string
	NominalHz          float64
	Gaps               []batch.Gap
	More               int
	Lost               string  // by gaps
	TopMG              float64 // of the activity's axis
	Cold, Warm         float64 // of the temperature's axis, degC
	HasTemp            bool
	Panels             []panel
	States             []state
	Doubts             []string
	Calibration        string

	lost time.Duration
}

// scales are the same for all panels, so that days can be compared.
func (v *view) scales(minutes []batch.Minute) {
	v.Cold, v.Warm = math.Inf(1), math.Inf(-1)
	for _, m := range minutes {
		if e := float64(m.ENMO); e == e {
			v.TopMG = max(v.TopMG, 1000*e)
		}
		if t := float64(m.Temp); t == t {
			v.Cold, v.Warm, v.HasTemp = min(v.Cold, t), max(v.Warm, t), true
		}
	}
	v.TopMG = max(100, 100*math.Ceil(v.TopMG/100))
	v.Cold, v.Warm = math.Floor(v.Cold), math.Ceil(v.Warm)
	if v.Cold == v.Warm {
		v.Warm++
	}
}

// doubts are all findings, of the recording and of its pairs.
func (v *view) doubts(r *batch.Report) {
	for _, f := range r.Findings {
		v.Doubts = append(v.Doubts, batch.Say(f))
	}
	for _, p := range r.Pairs {
		for _, f := range p.Findings {
			v.Doubts = append(v.Doubts, fmt.Sprintf("%s and %s: %s", p.Left.Sensor, p.Right.Sensor, batch.Say(f)))
		}
	}
}

// calibration says what its still moments ask for, and whether it was done.
func (v *view) calibration(r *calibrate.Record, applied bool) {
	switch {
	case r == nil:
	case r.Accepted:
		what := "asked for, not applied"
		if applied {
			what = "applied from the first sample on"
		}
		v.Calibration = fmt.Sprintf("%s: from %d still epochs of %s, mean error %.1f to %.1f mg; offset %+.1f %+.1f %+.1f mg, scale %.4f %.4f %.4f (%s, %s)",
			what, r.Epochs, r.Span, 1000*r.ErrorBefore, 1000*r.ErrorAfter, 1000*r.Offset[0], 1000*r.Offset[1], 1000*r.Offset[2], r.Scale[0], r.Scale[1], r.Scale[2], r.Algorithm, r.ID)
	default:
		v.Calibration = fmt.Sprintf("could not be told: %s, from %d still epochs of %s, mean error %.1f mg (%s, %s)", r.Reason, r.Epochs, r.Span, 1000*r.ErrorBefore, r.Algorithm, r.ID)
	}
}

// state is one of wear, and how long it was so.
type state struct {
	Class, Looks, Words, Minutes string
	Last                         bool
}

// states are the three that every recording can have, and others that this one has.
func (v *view) states(all []batch.Stretch) {
	minutes := map[wear.State]int{}
	for _, s := range all {
		minutes[s.State] += s.Minutes()
	}
	for _, s := range []struct {
		is           wear.State
		looks, words string
	}{
		{wear.Wear, "filled", "worn"}, {wear.NonWear, "hatched", "recording, not worn"}, {wear.NoData, "white", "less than half of the minute recorded"},
		{wear.Charging, "dotted", "on its charger"}, {wear.Unknown, "lined", "nothing could tell"},
	} {
		if n := minutes[s.is]; n > 0 || s.is == wear.Wear || s.is == wear.NonWear || s.is == wear.NoData {
			v.States = append(v.States, state{Class: s.is.String(), Looks: s.looks, Words: s.words, Minutes: told(n)})
		}
	}
	v.States[len(v.States)-1].Last = true
}

// told says minutes as people do.
func told(n int) string {
	switch h, m := n/60, n%60; {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %d min", h, m)
	}
}

// panel is a stretch of time: a UTC day, or all of a recording of less.
type panel struct {
	Title                 string
	Without               int    // days before it, since the panel before
	Activity, Temperature string // SVG path data
	Runs, Worn            []run
	Ticks                 []tick

	from, to time.Time
	minutes  []batch.Minute // that begin in it
}

// run is neighbouring minutes of alike coverage, or of one state of wear.
type run struct {
	X, Width float64
	Class    string
}

type tick struct {
	X     float64
	Label string
}

// width of a panel, and heights of its parts, in units of the drawing.
const (
	width        = 1000.
	activityHigh = 80.
	tempHigh     = 40.
)

const day = 24 * time.Hour

// panels are those of a recording that took from first to last, of the days of which it
// has minutes.
func panels(first, last time.Time, minutes []batch.Minute) (all []panel) {
	if last.Sub(first) <= day {
		from := first.Truncate(time.Hour)
		title := first.Format(time.DateOnly)
		if end := last.Format(time.DateOnly); end != title {
			title += " to " + end
		}
		return []panel{{Title: title, from: from, to: last.Truncate(time.Hour).Add(time.Hour), minutes: minutes}}
	}
	for len(minutes) > 0 {
		p := panel{from: time.Unix(0, minutes[0].Start).UTC().Truncate(day)}
		p.to, p.Title = p.from.Add(day), p.from.Format("Monday 2006-01-02")
		if n := len(all); n > 0 {
			p.Without = int(p.from.Sub(all[n-1].to) / day)
		}
		n := sort.Search(len(minutes), func(i int) bool { return minutes[i].Start >= p.to.UnixNano() })
		p.minutes, minutes = minutes[:n], minutes[n:]
		all = append(all, p)
	}
	return all
}

func (p *panel) x(ns int64) float64 {
	return width * float64(ns-p.from.UnixNano()) / float64(p.to.Sub(p.from))
}

func (p *panel) draw(v *view) {
	hours := int(p.to.Sub(p.from) / time.Hour)
	step := max(1, hours/12)
	for h := 0; h <= hours; h += step {
		at := p.from.Add(time.Duration(h) * time.Hour)
		p.Ticks = append(p.Ticks, tick{p.x(at.UnixNano()), at.Format("15:04")})
	}
	var activity, temp strings.Builder
	lastTemp := int64(math.MinInt64)
	for _, m := range p.minutes {
		x, next := p.x(m.Start), min(width, p.x(m.Start+int64(time.Minute)))
		if e := 1000 * float64(m.ENMO); e == e {
			fmt.Fprintf(&activity, "M%.2f %.1fV%.1fH%.2fV%.1fz", x, activityHigh, activityHigh*(1-e/v.TopMG), next, activityHigh)
		}
		if t := float64(m.Temp); t == t {
			pen := byte('L')
			if m.Start != lastTemp+int64(time.Minute) {
				pen = 'M'
			}
			lastTemp = m.Start
			fmt.Fprintf(&temp, "%c%.2f %.1fH%.2f", pen, x, tempHigh*(v.Warm-t)/(v.Warm-v.Cold), next)
		}
		p.run(x, next, class(m.Coverage))
	}
	p.Activity, p.Temperature = activity.String(), temp.String()
}

// worn draws what of the stretches is in the panel.
func (p *panel) worn(all []batch.Stretch) {
	for _, s := range all {
		from, to := max(0, p.x(s.From.UnixNano())), min(width, p.x(s.To.UnixNano()))
		if from < to {
			p.Worn = append(p.Worn, run{from, to - from, s.State.String()})
		}
	}
}

// class names a minute's coverage as flags do.
func class(coverage float32) string {
	switch {
	case coverage < 0.5:
		return "few"
	case coverage < 0.8:
		return "part"
	}
	return "full"
}

func (p *panel) run(from, to float64, class string) {
	if n := len(p.Runs); n > 0 {
		r := &p.Runs[n-1]
		if r.Class == class && math.Abs(r.X+r.Width-from) < 1e-6 {
			r.Width = to - r.X
			return
		}
	}
	p.Runs = append(p.Runs, run{from, to - from, class})
}
