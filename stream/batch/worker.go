package batch

import (
	"math"
	"slices"
	"time"

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
	rate   uint32 // the recording's nominal one, millihertz
	paired bool   // it may pair
	still  bool   // it is calibrated
	origin int64
	seen   int64 // how far the recording's time has come
	done   chan *result
}

// sign says whose a row is and what became of its window.
func (j *job) sign(row *wire.WindowRow) *wire.WindowRow {
	row.Study, row.Participant, row.Side, row.Thing, row.Sensor = j.in.Study, j.in.Participant, j.in.Side, j.in.thing(), j.in.Sensor
	row.Revision, row.Status, row.FinalReason, row.Lane = 1, wire.StatusFinal, wire.FinalComplete, wire.LaneBacklog
	if j.seen < row.Start.Add(row.Length).UnixNano() {
		row.FinalReason = wire.FinalEnd
	}
	return row
}

// result is the rows of a block, by set, and its minutes.
type result struct {
	rows     []*wire.WindowRows
	minutes  []Minute
	partials []wear.Partial // of the same minutes
	side     *pair.Side     // for pairing; nil: it does not pair, or has no samples
	still    []calibrate.Still
	samples  int64
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
	sets    []*features.Set
	schemas []*schema
	columns []string  // of all sets: one schema, so that readers need no option
	wide    []float32 // a row's
	summer  window.Summer
	merger  window.Merger
	batches []*wire.SampleBatch
	wrist   wristwork
	sums    map[window.Key]window.Sum // of the block, where a set needs what is around windows
}

// schema is what rows of a set need.
type schema struct {
	form       *window.Rows
	at         []int                      // of its columns in those of all sets
	around     map[uint32]*features.Block // by rate; nil: windows are made of their own samples
	counts     int                        // activity counts' place; -1: the set has none
	enmo, temp int                        // of its columns; -1: the set has none
}

func newWorker(cfg Config) *worker {
	w := &worker{sets: cfg.Sets}
	for _, set := range cfg.Sets {
		c := set.Columns()
		s := &schema{form: window.NewRows(set), counts: slices.Index(c, "counts_li_vm"), enmo: slices.Index(c, "enmo"), temp: slices.Index(c, "temp_mean")}
		if set.Lead > 0 || set.Trail > 0 {
			s.around, w.sums = map[uint32]*features.Block{}, map[window.Key]window.Sum{}
		} else {
			w.summer.SamplesAt = append(w.summer.SamplesAt, set.SampleLengths()...)
		}
		for _, name := range c {
			at := slices.Index(w.columns, name)
			if at < 0 {
				at = len(w.columns)
				w.columns = append(w.columns, name)
			}
			s.at = append(s.at, at)
		}
		w.schemas = append(w.schemas, s)
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
	out := &result{rows: make([]*wire.WindowRows, len(w.sets))}
	for i := range out.rows {
		out.rows[i] = wire.NewWindowRows(wire.WindowSchema(w.columns))
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
	if w.sums != nil {
		w.around(j, out)
	}
	return out
}

// around makes the rows of sets that look beyond the window.
func (w *worker) around(j *job, out *result) {
	defer clear(w.sums)
	if len(w.sums) == 0 {
		return
	}
	w.batches = w.batches[:0]
	for _, p := range j.parts {
		w.batches = append(w.batches, p.SampleBatch)
	}
	for i, s := range w.schemas {
		if s.around == nil {
			continue
		}
		set := w.sets[i]
		all := window.Key{Start: j.start - int64(set.Lead), Length: set.Lead + features.BlockLength + set.Trail}
		c := w.merger.Merge(all, w.batches)
		b := s.around[j.rate]
		if b == nil {
			b = features.NewBlock(set, j.rate)
			s.around[j.rate] = b
		}
		b.Begin(j.start)
		b.Extend(c.Samples, c.Readings, all.End(), func(r *features.Result) {
			k := window.Key{Length: r.Window.Length, Start: r.Start}
			sum, ok := w.sums[k]
			if !ok {
				return // no samples of its own
			}
			if s.counts >= 0 && k.Length == time.Minute {
				out.counted(k.Start, r.Values[s.counts])
			}
			row := s.form.RowOf(k, &sum, r.Values)
			if r.Warmup {
				row.Flags |= wire.FlagWarmup
			}
			out.rows[i].Append(w.widen(s, j.sign(row)))
		})
	}
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
	if w.sums != nil {
		w.sums[k] = sum
	}
	for i, s := range w.schemas {
		if s.around != nil {
			continue
		}
		row := j.sign(s.form.Row(k, &sum))
		if s.enmo >= 0 {
			minute.ENMO = row.Features[s.enmo]
		}
		if s.temp >= 0 {
			minute.Temp = row.Features[s.temp]
		}
		out.rows[i].Append(w.widen(s, row))
	}
	if j.paired {
		w.wrist.window(k, &sum, j.start, out)
	}
	switch k.Length {
	case time.Minute:
		out.minutes = append(out.minutes, minute)
		out.partials = append(out.partials, wear.Partial{})
		readings := w.merger.Frame(k, w.batches).Readings
		out.partials[len(out.partials)-1].Set(k.Start, sum.Samples, readings, j.rate)
		if j.still {
			a := calibrate.NewAssembler(calibrate.Default, j.rate)
			a.Add(sum.Samples, readings)
			out.still = append(out.still, a.Seal(k.End())...)
		}
	case features.EpochLength:
		out.samples += int64(sum.N)
	}
}

// widen gives a row the columns of all sets.
func (w *worker) widen(s *schema, row *wire.WindowRow) *wire.WindowRow {
	if len(w.sets) == 1 {
		return row
	}
	if w.wide == nil {
		w.wide = make([]float32, len(w.columns))
	}
	for i := range w.wide {
		w.wide[i] = nan
	}
	for i, at := range s.at {
		w.wide[at] = row.Features[i]
	}
	wide := *row
	wide.Features = w.wide
	return &wide
}

var nan = float32(math.NaN())
