package batch

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// file computes one recording, and what pairing needs of it where it may.
func (b *Batch) file(ctx context.Context, in Input, paired bool) (rep Report, _ *wrist) {
	rep.Input = in
	if rep.Err = ctx.Err(); rep.Err != nil {
		return rep, nil
	}
	b.advance(func(p *Progress) { p.Open = in.Path })
	r, err := b.open(in.Path, b.cfg.Reader)
	if err != nil {
		rep.Err = err
		return rep, nil
	}
	in.side(r.Device.Side)
	rep.Input, rep.Findings = in, told(r.Device, in)
	f := &file{Batch: b, in: in}
	f.paired = paired && (in.Side == "left" || in.Side == "right")
	rep.Err = f.all(ctx, r, &rep)
	if errors.Is(rep.Err, recording.ErrAgain) {
		rep.Err = f.all(ctx, r.Whole(), &rep)
	}
	f.expect()
	if rep.Recording = f.recording.Whole(); rep.Err != nil {
		return rep, nil
	}
	f.report(&rep)
	if !f.paired {
		return rep, nil
	}
	r = rep.Recording
	return rep, &wrist{Input: in, origin: f.origin, first: r.Earliest.UnixNano(), last: r.Latest.UnixNano(), sides: f.wear.sides}
}

// all computes a recording, which may turn out to be another one.
func (f *file) all(ctx context.Context, r *recording.Recording, rep *Report) error {
	f.recording, f.batches, f.rate, f.model = r, r.Batches(), r.RateMHz, r.Device.Model
	f.first, f.record, f.seen = 0, nil, 0
	rep.Calibrate, rep.Calibrated, rep.Back = nil, false, false
	f.expect()
	if f.cfg.FromFirst {
		f.origin = r.First.UnixNano()
	}
	if f.long() && (f.cfg.Apply || f.cfg.Calibrate && !f.cfg.FromFirst) {
		f.first = r.First.UnixNano()
	}
	if f.cfg.Apply && f.first != 0 {
		last, err := f.attempt(ctx)
		if err != nil {
			return err
		}
		if f.first = 0; f.long() {
			rep.Calibrate = last
		}
		if rep.Calibrate != nil && rep.Calibrate.Accepted {
			f.record, rep.Calibrated = rep.Calibrate, true
		}
	}
	err := f.compute(ctx, f.slide())
	if errors.Is(err, errBack) {
		rep.Back = true
		s := f.slide()
		if err = f.count(ctx, s); err == nil {
			err = f.compute(ctx, s)
		}
	}
	return err
}

// long is whether the recording is one whose calibration is looked at, or, before all
// of it was read, may be.
func (f *file) long() bool {
	r := f.recording.Whole()
	return r == nil || r.Latest.Sub(r.Earliest) >= calibrate.Default.MinSpan
}

// expect tells progress how many samples there are to be, as far as is known.
func (f *file) expect() {
	n := f.recording.Expected()
	f.advance(func(p *Progress) { p.SamplesOf += n - f.expected })
	f.expected = n
}

func (f *file) report(rep *Report) {
	rep.Rows = map[string]int64{f.wear.set(): f.wear.n}
	for i, set := range f.cfg.Sets {
		rep.Rows[set.Name] = f.rows[i]
		rep.Algos = append(rep.Algos, set.Algo())
	}
	rep.Algos = append(rep.Algos, f.wear.algo)
	if f.long() {
		rep.Calibrate = cmp.Or(rep.Calibrate, f.wear.attempt)
	}
	rep.Back = rep.Back || f.time.back // within a block it goes unseen before
	rep.Minutes, rep.Wear, rep.Gaps = f.minutes, f.wear.stretches, f.time.gaps()
	rep.MeasuredHz, rep.Repeats, rep.Missing = f.time.rate(), f.repeats, f.time.samples-f.told-f.repeats
}

// file is a recording that is being computed.
type file struct {
	*Batch
	in             Input
	recording      *recording.Recording
	rate           uint32 // nominal, millihertz
	model          string
	paired         bool
	first          int64             // of the samples, where still moments are looked at; else 0
	record         *calibrate.Record // that corrects it, or nil
	batches        iter.Seq2[*wire.SampleBatch, error]
	origin         int64
	seen           int64 // how far its time comes, where that is known already
	time           timeline
	minutes        []Minute
	wear           *wearing
	rows           []int64 // by set
	repeats        int64   // samples at a time that another one has
	told, expected int64   // samples that progress knows of
}

func (f *file) slide() *slide { return newSlide(f.origin, f.cfg.Sets) }

// count reads the recording to know which batches each block is made of.
func (f *file) count(ctx context.Context, s *slide) error {
	var t timeline
	err := f.parts(ctx, func(p part) error {
		s.expect(p)
		t.add(p)
		return nil
	})
	f.seen = t.seen
	return err
}

// parts reads the recording.
func (f *file) parts(ctx context.Context, yield func(part) error) error {
	c := corrector{Record: f.record}
	for b, err := range f.batches {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		b.Sensor, b.Boot = f.in.Sensor, 1
		if f.record != nil {
			b = c.batch(b)
		}
		if p, ok := partOf(b); ok {
			if err := yield(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// compute reads, has blocks computed, and stores them in their order: three steps
// at once, with a few blocks between them.
func (f *file) compute(ctx context.Context, s *slide) (err error) {
	f.advance(func(p *Progress) { p.Samples -= f.told })
	f.time, f.minutes, f.rows, f.told = timeline{}, nil, make([]int64, len(f.cfg.Sets)), 0
	f.repeats = 0
	if f.wear, err = newWearing(f, s.order()); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan *job, 2*f.cfg.Workers)
	stored := make(chan error, 1)
	go func() {
		err := f.write(queue)
		stop(err)
		for range queue { // let the reader go
		}
		stored <- err
	}()
	err = f.read(ctx, s, queue)
	if err != nil {
		queue <- nil // nothing may be committed
	}
	close(queue)
	if werr := <-stored; werr != nil {
		return werr
	}
	return err
}

// read sends out blocks as they become whole.
func (f *file) read(ctx context.Context, s *slide, queue chan<- *job) error {
	send := func(blocks []*block) error {
		for _, b := range blocks {
			j := &job{block: b, in: f.in, record: f.record, rate: f.rate, paired: f.paired, still: f.first != 0, origin: f.origin, seen: max(f.seen, f.time.seen), done: make(chan *result, 1)}
			select {
			case f.jobs <- j:
				queue <- j
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	}
	err := f.parts(ctx, func(p part) error {
		whole, err := s.add(p)
		if err != nil {
			return err
		}
		f.time.add(p)
		return send(whole)
	})
	if err != nil {
		return err
	}
	return send(s.rest(math.MaxInt64))
}

// output is the rows of a recording by a set, held until a day of event time is whole.
type output struct {
	Recording
	today int64
	held  []arrow.Record
}

func (o *output) add(day int64, rows arrow.Record) error {
	if day != o.today {
		if err := o.flush(); err != nil {
			return err
		}
	}
	o.today, o.held = day, append(o.held, rows)
	return nil
}

func (o *output) flush() error {
	if len(o.held) == 0 {
		return nil
	}
	err := o.Write(o.held)
	o.held = nil
	return err
}

// write stores the rows of blocks in their order.
func (f *file) write(queue <-chan *job) (err error) {
	var outputs []*output
	begin := func(table Table, set string) error {
		to, err := f.store.Begin(table, set, f.in)
		if err == nil {
			outputs = append(outputs, &output{Recording: to})
		}
		return err
	}
	defer func() {
		for _, o := range outputs {
			err = errors.Join(err, o.Abort())
		}
	}()
	for _, set := range f.cfg.Sets {
		if err := begin(Features, set.Name); err != nil {
			return err
		}
	}
	if err := begin(Wear, f.wear.set()); err != nil {
		return err
	}
	f.wear.to = outputs[len(f.cfg.Sets)]
	for j := range queue {
		if j == nil {
			return nil
		}
		if err := f.take(j, <-j.done, outputs); err != nil {
			return err
		}
	}
	if err := f.wear.end(); err != nil {
		return err
	}
	for _, o := range outputs {
		if err := o.flush(); err != nil {
			return err
		}
	}
	for _, o := range outputs {
		if err := o.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// take stores what a block became.
func (f *file) take(j *job, res *result, outputs []*output) error {
	f.told += res.samples
	f.repeats += res.repeats
	f.advance(func(p *Progress) { p.Samples += res.samples })
	f.expect()
	f.minutes = append(f.minutes, res.minutes...)
	for i, rows := range res.rows {
		if rows != nil {
			f.rows[i] += rows.NumRows()
			if err := outputs[i].add(j.start/int64(24*time.Hour), rows); err != nil {
				return err
			}
		}
	}
	return f.wear.add(j.start, res)
}
