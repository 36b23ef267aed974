package page_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/chromedp/chromedp"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/batch/page"
	"github.com/wearstream/wearstream/stream/recording"
)

// nowhere takes rows and keeps none.
type nowhere struct{}

func (nowhere) Begin(batch.Table, string, ...batch.Input) (batch.Recording, error) {
	return nowhere{}, nil
}
func (nowhere) Write([]arrow.Record) error { return nil }
func (nowhere) Commit() error              { return nil }
func (nowhere) Abort() error               { return nil }

// hz is the rate of the recording.
const hz = 4

// report computes a recording of 30 h with a name that has to be escaped, of which an
// hour and a row are missing, and that is off the wrist for four hours.
func report(t *testing.T) *batch.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "<b>bold.csv")
	text := []byte("timestamp,x,y,z,temperature\n")
	start := time.Date(2026, 3, 1, 20, 10, 0, 0, time.UTC).UnixMilli()
	for i := range int64(30 * 3600 * hz) {
		at, turn := start+i*1000/hz, i/hz/600%64
		switch {
		case i/hz/3600 == 10:
		case i/hz/3600 >= 20 && i/hz/3600 < 24:
			text = fmt.Appendf(text, "%d.%03d,0.5,0.5,0.75,22.0\n", at/1000, at%1000)
		case i == 77:
			text = append(text, "<script>alert(1)</script>\n"...)
		default:
			text = fmt.Appendf(text, "%d.%03d,0.%d,0.%d,%d.015625,%d.%d\n", at/1000, at%1000, 5*(i&1), 5*(i>>1&1), 1+turn%2, 25+turn%8, i%10)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := batch.New(batch.Config{}, nowhere{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := batch.Sources{Files: []string{path}, Study: "ST01", Participant: "P-1"}.Inputs()
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), inputs)
	if err != nil || reports[0].Err != nil {
		t.Fatal(err, reports[0].Err)
	}
	return &reports[0]
}

// TestPageInBrowser: a real browser draws the page and has nothing to complain of.
func TestPageInBrowser(t *testing.T) {
	program := parts.Browser.Need(t)
	var text bytes.Buffer
	if err := page.Write(&text, report(t)); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); strings.Contains(got, "<script") || strings.Contains(got, "ZgotmplZ") {
		t.Error("the page has a script, or what the template refused")
	}
	file := filepath.Join(t.ArtifactDir(), "page.html")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.ExecPath(program), chromedp.NoSandbox))
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	said := chromedp.Console(ctx)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+file)); err != nil {
		t.Fatal(err)
	}
	if title, err := chromedp.Run(ctx, chromedp.Title()); err != nil || title != "_b_bold - recording" {
		t.Errorf("title %q, %v", title, err)
	}
	type box struct {
		Panels, Paths, Strip, Flat, Outside int
		Wear, NonWear, NoData, Patterns     int
		Wide, High                          float64
		Text                                string
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[box](`(() => {
		const size = e => e.getBoundingClientRect()
		const panels = [...document.querySelectorAll("svg.panel")]
		const worn = s => document.querySelectorAll("svg.panel g.worn rect." + s).length
		const drawn = panels.flatMap(p => [...p.querySelectorAll("rect, path.activity, path.temp, text")])
		return {
			panels: panels.length, paths: panels.filter(p => size(p.querySelector("path.activity")).height > 0 && size(p.querySelector("path.temp")).height > 0).length,
			strip: document.querySelectorAll("svg.panel rect.full").length,
			flat: panels.flatMap(p => [...p.querySelectorAll("rect")]).filter(e => size(e).width == 0 || size(e).height == 0).length,
			outside: drawn.filter(e => size(e).bottom > size(e.closest("svg")).bottom + 1 || size(e).top < size(e.closest("svg")).top - 1).length,
			wear: worn("WEAR"), nonWear: worn("NONWEAR"), noData: worn("NODATA"),
			patterns: new Set([...document.querySelectorAll("svg.panel g.worn rect")].map(e => getComputedStyle(e).fill).filter(f => f.startsWith("url(") && document.querySelector(f.slice(5, -2)))).size,
			wide: size(panels[0]).width, high: size(panels[0]).height, text: document.body.innerText,
		}
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	// Three UTC days; the missing hour begins in the second, as the hours off the wrist
	// do. What is worn and what is not differ by more than colour.
	if got.Wear != 5 || got.NonWear != 1 || got.NoData != 1 || got.Patterns != 2 {
		t.Errorf("wear: %+v", got)
	}
	if got.Panels != 3 || got.Paths != 3 || got.Strip != 4 || got.Flat != 0 || got.Outside != 0 || got.Wide < 300 || got.High < 50 {
		t.Errorf("drawn: %+v", got)
	}
	for _, want := range []string{"Not all of the file could be used", "2 between the first and the last sample, 1h0m0.25s together", "ST01, P-1", "4 Hz", "64 counts per g", "core.v1@", "wear.v1@", "worn: 25 h", "recording, not worn: 4 h", "less than half of the minute recorded: 1 h."} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("the page does not say %q:\n%s", want, got.Text)
		}
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "page.png"), shot, 0o600); err != nil {
		t.Fatal(err)
	}
	cancel() // ends the messages
	for m, err := range said {
		if err != nil {
			break
		}
		t.Errorf("console: %s %s", m.Type, m.Text)
	}
}

// TestPageOfShort: less than a minute, no temperature.
func TestPageOfShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a_left.csv")
	var csv strings.Builder
	csv.WriteString("timestamp,x,y,z,temperature\n")
	for i := range 100 {
		csv.WriteString("17000000" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ".5,0,0,1,\n")
	}
	if err := os.WriteFile(path, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	inputs, err := batch.Sources{Files: []string{path}}.Inputs()
	if err != nil {
		t.Fatal(err)
	}
	b, err := batch.New(batch.Config{}, nowhere{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := b.Run(t.Context(), inputs)
	if err != nil || reports[0].Err != nil {
		t.Fatal(err, reports[0].Err)
	}
	var text bytes.Buffer
	if err := page.Write(&text, &reports[0]); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); strings.Count(got, `class="panel"`) != 1 || strings.Contains(got, `class="temp"`) || strings.Contains(got, "NaN") || !strings.Contains(got, "<td>left</td>") {
		t.Errorf("page:\n%s", got)
	}
}

// TestDaysWithoutData: only days with minutes are drawn, and between them is said how many
// were left out, whatever the order of minutes and however far one is.
func TestDaysWithoutData(t *testing.T) {
	first := time.Date(2026, 3, 1, 20, 10, 0, 0, time.UTC)
	last := first.AddDate(80, 0, 0)
	r := batch.Report{Input: batch.Input{Sensor: "w1"}, Recording: &recording.Recording{First: first.AddDate(0, 0, 4), Earliest: first, Latest: last, RateMHz: 1000}, MeasuredHz: 1}
	for _, at := range []time.Time{first.AddDate(0, 0, 4), first, first.AddDate(0, 0, 1), first.AddDate(0, 0, 6), last} {
		for i := range 3 {
			r.Minutes = append(r.Minutes, batch.Minute{Start: at.Add(time.Duration(i) * time.Minute).UnixNano(), Coverage: 1, ENMO: 0.1, Temp: 30})
		}
	}
	var text bytes.Buffer
	if err := page.Write(&text, &r); err != nil {
		t.Fatal(err)
	}
	got := text.String()
	titles := regexp.MustCompile(`<h3>.*</h3>|[0-9]+ days? without`).FindAllString(got, -1)
	want := []string{"<h3>Sunday 2026-03-01</h3>", "<h3>Monday 2026-03-02</h3>", "2 days without", "<h3>Thursday 2026-03-05</h3>", "1 day without", "<h3>Saturday 2026-03-07</h3>", "29212 days without", "<h3>Monday 2106-03-01</h3>"}
	if !slices.Equal(titles, want) || strings.Count(got, `class="panel"`) != 5 || strings.Count(got, `<rect class="full"`) != 6 {
		t.Errorf("panels %q, want %q", titles, want)
	}
	if len(got) > 50_000 {
		t.Errorf("a page of %d bytes", len(got))
	}
}

// TestLeftOut: what of the samples no window has is told, and of nothing else.
func TestLeftOut(t *testing.T) {
	at := time.Date(2026, 3, 1, 20, 10, 0, 0, time.UTC)
	for _, c := range []struct {
		r         batch.Report
		says, not string
	}{
		{batch.Report{}, "every row of the file was read", "samples of exactly"},
		{batch.Report{Gaps: []batch.Gap{{From: at, To: at.Add(time.Minute)}}}, "1 between the first and the last sample, 1m0s together", "samples of exactly"},
		{batch.Report{Missing: 77}, "<p>77 samples of exactly 0, 0, 0", "set back"},
		{batch.Report{Back: true, Repeats: 12}, "12 do not. Windows of times that were recorded twice have samples of both: flag 32", "samples of exactly"},
	} {
		c.r.Recording = &recording.Recording{First: at, Earliest: at, Latest: at.Add(time.Hour), RateMHz: 1000}
		var text bytes.Buffer
		if err := page.Write(&text, &c.r); err != nil {
			t.Fatal(err)
		}
		if got := text.String(); !strings.Contains(got, c.says) || strings.Contains(got, c.not) {
			t.Errorf("it does not say %q, or says %q:\n%s", c.says, c.not, got[strings.Index(got, "<h2>Gaps"):])
		}
	}
}
