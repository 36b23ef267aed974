package batch

import (
	"math"
	"slices"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// job is a block to be computed, and where its result goes.
type job struct {
	*block
	in     Input
	origin int64
	seen   int64 // how far the recording's time has come
	done   chan *result
}

// result is the rows of a block, by set, and its minutes.
type result struct {
	rows    []*wire.WindowRows
	minutes []Minute
	samples int64
}

// worker computes one block after the other. Its memory is used again.
type worker struct {
	sets    []*features.Set
	schemas []*schema
	summer  window.Summer
	batches []*wire.SampleBatch
}

// schema is what rows of a set need.
type schema struct {
	form       *window.Rows
	columns    []string
	enmo, temp int // of columns; -1: the set has none
}

func newWorker(cfg Config) *worker {
	w := &worker{sets: cfg.Sets}
	for _, set := range cfg.Sets {
		c := set.Columns()
		w.schemas = append(w.schemas, &schema{window.NewRows(set), c, slices.Index(c, "enmo"), slices.Index(c, "temp_mean")})
		w.summer.SamplesAt = append(w.summer.SamplesAt, set.SampleLengths()...)
	}
	return w
}

func (w *worker) run(jobs <-chan *job) func() {
	return func() {
		for j := range jobs {
			j.done <- w.compute(j)
		}
	}
}

// compute makes the rows of a block: windows as they become due, by end and length.
func (w *worker) compute(j *job) *result {
	out := &result{rows: make([]*wire.WindowRows, len(w.sets))}
	for i, s := range w.schemas {
		out.rows[i] = wire.NewWindowRows(wire.WindowSchema(s.columns))
	}
	w.summer.Origin = j.origin
	var begun window.Begun
	end := j.start + blockLength
	for at := j.start + int64(features.EpochLength); at <= end; at += int64(features.EpochLength) {
		for _, length := range features.Lengths {
			if (at-j.start)%int64(length) != 0 {
				break
			}
			w.window(j, window.Key{Length: length, Start: at - int64(length)}, &begun, out)
		}
	}
	return out
}

func (w *worker) window(j *job, k window.Key, begun *window.Begun, out *result) {
	w.batches = w.batches[:0]
	for i := range j.parts {
		if p := &j.parts[i]; p.from < k.End() && k.Start <= p.to {
			w.batches = append(w.batches, p.SampleBatch)
		}
	}
	if len(w.batches) == 0 {
		return
	}
	sum := w.summer.Sum(k, w.batches, begun)
	if sum.N == 0 {
		return // a gap and not a window
	}
	minute := Minute{Start: k.Start, Coverage: float32(sum.Coverage), ENMO: nan, Temp: nan}
	for i, s := range w.schemas {
		row := s.form.Row(k, &sum)
		row.Study, row.Participant, row.Side, row.Thing, row.Sensor = j.in.Study, j.in.Participant, j.in.Side, j.in.thing(), j.in.Sensor
		row.Revision, row.Status, row.FinalReason, row.Lane = 1, wire.StatusFinal, wire.FinalComplete, wire.LaneBacklog
		if j.seen < k.End() {
			row.FinalReason = wire.FinalEnd
		}
		out.rows[i].Append(row)
		if s.enmo >= 0 {
			minute.ENMO = row.Features[s.enmo]
		}
		if s.temp >= 0 {
			minute.Temp = row.Features[s.temp]
		}
	}
	switch k.Length {
	case time.Minute:
		out.minutes = append(out.minutes, minute)
	case features.EpochLength:
		out.samples += int64(sum.N)
	}
}

var nan = float32(math.NaN())
