package batch

import (
	"fmt"
	"strings"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// Minute is what a page shows of one. NaN: not known.
type Minute struct {
	Start                int64 // ns since 1970
	Coverage, ENMO, Temp float32
}

// Gap is an interval without samples.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Report is what became of an input.
type Report struct {
	Input
	Recording  *recording.Recording // nil: it failed before all of it was read
	Rows       map[string]int64     // by set; of wear too
	Algos      []string
	MeasuredHz float64 // of samples that follow each other; 0: none do
	Missing    int64   // samples of exactly (0, 0, 0), which stands for none
	Repeats    int64   // samples at a time that another one has
	Gaps       []Gap   // inside the recording
	Back       bool    // its times go back
	Minutes    []Minute
	Findings   []pair.Finding // of the recording alone
	Pairs      []*Pair
	Calibrate  *calibrate.Record // the last attempt; nil: none was due
	Calibrated bool              // by it; else it corrected nothing
	Wear       []Stretch         // from the first minute to the last
	Err        error             // nothing of it is stored
}

// thing is the device that a sensor belongs to.
func (in Input) thing() string {
	thing, _, _ := strings.Cut(in.Sensor, "/")
	return thing
}

// timeline gathers where a recording has samples.
type timeline struct {
	held    window.Intervals // of time, ns since 1970, up to half a spacing after the last sample's
	half    int64
	seen    int64
	until   int64 // how far samples come
	back    bool  // a batch begins before the end of an earlier one, as flag 32 has it
	samples int64

	from, to, n int64   // the first and the last sample of a stretch without a gap, and how many
	steps, took float64 // from sample to sample within the stretches before, and their seconds
}

func (t *timeline) add(p part) {
	t.seen = max(t.seen, p.to)
	if p.N == 0 {
		return
	}
	limit := features.Reach(p.Nominal())
	t.half = limit / 3
	first, last := p.SampleTime(0), p.SampleTime(int(p.N)-1)
	t.back = t.back || t.until-first > limit
	t.until = max(t.until, p.End())
	t.seen = max(t.seen, t.until)
	t.held.Add(uint64(first), uint64(last+limit))
	t.samples += int64(p.N)
	if step := first - t.to; t.n == 0 || step <= 0 || step > limit {
		t.cut()
		t.from = first
	}
	t.to, t.n = last, t.n+int64(p.N)
}

// cut ends a stretch.
func (t *timeline) cut() {
	if t.n > 1 {
		t.steps += float64(t.n - 1)
		t.took += float64(t.to-t.from) / 1e9
	}
	t.n = 0
}

// rate is that of the samples within stretches without a gap, Hz; 0: none has two.
func (t *timeline) rate() float64 {
	t.cut()
	if t.took == 0 {
		return 0
	}
	return t.steps / t.took
}

// gaps are those between the first and the last sample.
func (t *timeline) gaps() (gaps []Gap) {
	for i := 1; i < len(t.held); i++ {
		gaps = append(gaps, Gap{time.Unix(0, int64(t.held[i-1].To)-t.half).UTC(), time.Unix(0, int64(t.held[i].From)).UTC()})
	}
	return gaps
}

// Warning says what of the file was left out, empty where it is whole.
func (r *Report) Warning() string {
	var w []string
	if r.Recording != nil {
		d := r.Recording.Damage
		if d.Rows > 0 {
			w = append(w, fmt.Sprintf("left out, since they could not be read: %d (%s); the first: %s", d.Rows, d.Where, d.First))
		}
		if d.End != nil {
			w = append(w, fmt.Sprintf("it ends early, what comes before counts: %v; copy the file again from its device if it is there", d.End))
		}
	}
	switch {
	case r.Back:
		w = append(w, fmt.Sprintf("its times go back, as where a clock was set or rows are out of order: of samples at one time the first counts (%d do not), windows in which they do have flag %d", r.Repeats, wire.FlagClock))
	case r.Repeats > 0:
		w = append(w, fmt.Sprintf("%d samples are at the time of an earlier one and do not count", r.Repeats))
	}
	if r.Missing > 0 {
		w = append(w, fmt.Sprintf("%d samples are exactly 0, 0, 0 and count as missing", r.Missing))
	}
	return strings.Join(w, "; ")
}
