package batch

import (
	"math"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// job is a block to be computed, and where its result goes.
type job struct {
	*block
	in     Input
	rate   uint32            // the recording's nominal one, millihertz
	record *calibrate.Record // that corrected it, or nil
	paired bool              // it may pair
	still  bool              // its still moments are looked at
	origin int64
	seen   int64 // how far the recording's time has come
	done   chan *result
}

// sign says whose a row is and what became of its window.
func (j *job) sign(row *wire.WindowRow) *wire.WindowRow {
	row.Study, row.Participant, row.Side, row.Thing, row.Sensor = j.in.Study, j.in.Participant, j.in.Side, j.in.thing(), j.in.Sensor
	row.Revision, row.Status, row.FinalReason, row.Lane = 1, wire.StatusFinal, wire.FinalComplete, wire.LaneBacklog
	if j.record != nil {
		row.CalID = j.record.ID
	}
	if j.seen < row.Start.Add(row.Length).UnixNano() {
		row.FinalReason = wire.FinalEnd
	}
	return row
}

// What a block has at most.
const (
	blockMinutes = int(features.BlockLength / time.Minute)
	blockWindows = int(features.BlockLength/features.EpochLength) + blockMinutes + 1
)

// result is the rows of a block, by set, and its minutes.
type result struct {
	rows     []arrow.Record // nil: none
	minutes  []Minute
	partials []wear.Partial // of the same minutes
	side     *pair.Side     // for pairing; nil: it does not pair, or has no samples
	still    []calibrate.Still
	samples  int64
	repeats  int64 // samples at a time that another one has
}

// counted says how many activity counts a minute has.
func (r *result) counted(start int64, n float64) {
	for i := range r.partials {
		if p := &r.partials[i]; p.Start == start && n == n {
			p.Counts = int32(math.Ceil(n))
		}
	}
}

// worker computes one block after the other. Its memory is used again.
type worker struct {
	cfg            Config
	columns        []string // of all sets: one schema, so that readers need no option
	rows           []*window.Rows
	out            []*wire.WindowRows // by set
	around         []*window.Around   // by set; of one that looks beyond the window
	counts         []int              // by set, the place of activity counts; -1: it has none
	enmo, tempMean int                // the columns of minutes; -1: there is none
	summer         window.Summer
	batches        []*wire.SampleBatch
	wrist          wristwork
	sums           []window.Summed // of the block, for sets that look around
}

// countsIn is the place of activity counts among a set's columns; -1: it has none.
func countsIn(set *features.Set) int { return slices.Index(set.Columns(), "counts_li_vm") }

func newWorker(cfg Config) *worker {
	w := &worker{cfg: cfg, columns: features.Columns(cfg.Sets...)}
	w.enmo, w.tempMean = slices.Index(w.columns, "enmo"), slices.Index(w.columns, "temp_mean")
	w.rows, w.around = make([]*window.Rows, len(cfg.Sets)), make([]*window.Around, len(cfg.Sets))
	for i, set := range cfg.Sets {
		w.out = append(w.out, wire.NewWindowRows(wire.WindowSchema(w.columns)))
		w.counts = append(w.counts, countsIn(set))
		if set.LooksAround() {
			w.around[i] = window.NewAround(set, w.columns)
			continue
		}
		w.rows[i] = window.NewRows(set, w.columns)
		w.summer.SamplesAt = append(w.summer.SamplesAt, set.SampleLengths()...)
	}
	w.summer.SamplesAt = append(w.summer.SamplesAt, time.Minute) // of which wear is said
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
	out := &result{
		rows: make([]arrow.Record, len(w.cfg.Sets)), minutes: make([]Minute, 0, blockMinutes), partials: make([]wear.Partial, 0, blockMinutes),
	}
	for _, rows := range w.out {
		rows.Reserve(blockWindows)
	}
	w.batches, w.sums = w.batches[:0], w.sums[:0]
	for _, p := range j.parts {
		w.batches = append(w.batches, p.SampleBatch)
	}
	w.summer.Origin, w.summer.Alone = j.origin, j.paired
	w.summer.Windows(j.start, w.batches, func(s *window.Summed, _ []*wire.SampleBatch) { w.window(j, s, out) })
	for i, a := range w.around {
		if a == nil {
			continue
		}
		a.Rows(j.start, w.sums, w.batches, func(s *window.Summed, values []float64, row *wire.WindowRow) {
			if c := w.counts[i]; c >= 0 && values != nil && s.Length == time.Minute {
				out.counted(s.Start, values[c])
			}
			w.out[i].Append(j.sign(row))
		})
	}
	for i, rows := range w.out {
		if rows.Len() > 0 {
			out.rows[i] = rows.Record()
		}
	}
	return out
}

func (w *worker) window(j *job, s *window.Summed, out *result) {
	minute := Minute{Start: s.Start, Coverage: float32(s.Coverage), ENMO: nan, Temp: nan}
	for i, form := range w.rows {
		if form == nil || !w.cfg.Sets[i].At(s.Length) {
			continue
		}
		row := j.sign(form.Row(s.Key, &s.Sum))
		note(&minute.ENMO, row.Features, w.enmo)
		note(&minute.Temp, row.Features, w.tempMean)
		w.out[i].Append(row)
	}
	if j.paired {
		w.wrist.window(s.Key, &s.Sum, j.start, out)
	}
	switch s.Length {
	case time.Minute:
		out.minutes = append(out.minutes, minute)
		out.partials = append(out.partials, wear.Partial{})
		out.partials[len(out.partials)-1].Set(s.Start, s.Samples, s.Readings, j.rate)
		if j.still {
			a := calibrate.NewAssembler(calibrate.Default, j.rate)
			a.Add(s.Samples, s.Readings)
			out.still = append(out.still, a.Seal(s.End())...)
		}
	case features.EpochLength:
		out.samples += int64(s.N)
		out.repeats += int64(s.Dup)
	}
	w.sums = append(w.sums, *s)
}

// note takes the value of a column, where there is one.
func note(to *float32, values []float32, column int) {
	if column >= 0 && values[column] == values[column] {
		*to = values[column]
	}
}

var nan = float32(math.NaN())
