package page_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/chromedp/chromedp"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/batch/page"
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
