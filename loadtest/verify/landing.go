package verify

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/stream/wire"
)

// topics are those whose offsets must all be in landing.
var topics = []string{wire.TopicDevice, wire.TopicQuarantine}

// landingRow is a row of a landing object.
type landingRow struct {
	Offset     int64             `parquet:"offset"`
	AppendTime int64             `parquet:"append_time"` // microseconds
	Key        *string           `parquet:"key,optional"`
	Headers    map[string]string `parquet:"headers"`
	Payload    []byte            `parquet:"payload,optional"`
}

// readLanding reads the landing of all logs.
func (v *verifier) readLanding(ctx context.Context) error {
	return v.eachObject(ctx, "landing/v1", func(o *object) error {
		if !slices.Contains(topics, o.topic) {
			return nil
		}
		p := v.at(o.place)
		records, err := o.records(p)
		if err != nil {
			return err
		}
		v.r.Objects++
		v.r.Landed += len(records)
		p.spans = append(p.spans, o.span)
		for _, rec := range records {
			have := p.records[rec.offset]
			if have == nil {
				p.records[rec.offset], have = rec, rec
			} else if have.digest != rec.digest {
				v.r.unexplained("landing of %s has two different records at offset %d", p, rec.offset)
			}
			have.landed++
			if rec.offset < o.first || rec.offset >= o.next {
				v.r.unexplained("offset %d of %s lies in an object of %d..%d", rec.offset, p, o.first, o.next)
			}
		}
		return nil
	})
}

// records are the rows of a landing object.
func (o *object) records(p *partition) ([]*record, error) {
	if o.NumRows() == 0 {
		return nil, nil // which the reader does not like
	}
	reader := parquet.NewGenericReader[landingRow](o.File)
	defer reader.Close()
	records := make([]*record, 0, o.NumRows())
	for rows := make([]landingRow, 256); ; clear(rows) {
		n, err := reader.Read(rows)
		for i := range rows[:n] {
			row := &rows[i]
			m := &message{offset: row.Offset, appended: time.UnixMicro(row.AppendTime), headers: row.Headers, payload: row.Payload}
			if row.Key != nil {
				m.key = *row.Key
			}
			records = append(records, m.record(p, nil))
		}
		switch {
		case err == io.EOF && int64(len(records)) == o.NumRows():
			return records, nil
		case err == io.EOF:
			return nil, fmt.Errorf("%d of %d rows can be read", len(records), o.NumRows())
		case err != nil:
			return nil, err
		}
	}
}

// compareLanding holds landing against the log, partition by partition.
func (v *verifier) compareLanding() {
	for _, at := range slices.SortedFunc(maps.Keys(v.partitions), place.compare) {
		p := v.partitions[at]
		records := p.inOrder()
		if v.ages(p, records); slices.Contains(rowTopics, at.topic) {
			continue
		}
		v.r.Records += len(records)
		next := v.tile(p)
		v.missing(p, records, next)
		for _, rec := range records {
			if rec.landed > 1 {
				v.r.doubled(rec.landed-1, "offset %d of %s is %d times in landing", rec.offset, p, rec.landed)
			}
			if p.present && !rec.logged && rec.offset >= p.start {
				v.r.unexplained("offset %d of %s is in landing and not readable in the log", rec.offset, p)
			}
		}
	}
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.topic, o.topic), cmp.Compare(p.log, o.log), cmp.Compare(p.partition, o.partition))
}

func (p *partition) inOrder() []*record {
	return slices.SortedFunc(maps.Values(p.records), func(a, b *record) int { return cmp.Compare(a.offset, b.offset) })
}

// pause is how much a pause of the log adds to the age of what is before it: the
// time between two ticks.
const pause = 10 * time.Second

// ages tells every record for how long its log ran since. That of a log which is
// gone ran on, for all that is known.
func (v *verifier) ages(p *partition, records []*record) {
	age, later := time.Duration(0), v.Now
	for _, rec := range slices.Backward(records) {
		if rec.appended.Before(later) {
			gap := later.Sub(rec.appended)
			if p.present {
				gap = min(gap, pause)
			}
			age += gap
			later = rec.appended
		}
		rec.age = age
	}
	if n := len(records); p.present && n > 0 && !v.stalled && v.Now.Sub(records[n-1].appended) > time.Minute {
		v.stalled = true
		v.r.note("note: the log of %s stands still since %s, so that nothing there becomes due: does a gateway run?", p, records[n-1].appended.UTC().Format(time.RFC3339))
	}
}

// tile checks that ranges follow one another from 0 to the start of the log, and
// answers where they end.
func (v *verifier) tile(p *partition) (next int64) {
	for _, s := range p.ordered() {
		if s.first < next && !p.holdsTwice(s.first, min(next, s.next)) {
			v.r.unexplained("objects of %s overlap in offsets %d..%d", p, s.first, min(next, s.next))
		}
		v.hole(p, next, s.first)
		next = max(next, s.next)
	}
	if p.present {
		v.hole(p, next, p.start)
	}
	return next
}

// ordered are the ranges of the objects, each once.
func (p *partition) ordered() []span {
	slices.SortFunc(p.spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.next, b.next)) })
	return slices.CompactFunc(p.spans, func(a, b span) bool { return a.first == b.first && a.next == b.next })
}

func (p *partition) holdsTwice(from, to int64) bool {
	for at := from; at < to; at++ {
		if rec := p.records[at]; rec != nil && rec.landed > 1 {
			return true
		}
	}
	return false
}

// hole judges the offsets [from, to), of which no object says that it has them.
// Where the log still has them, each readable one is judged by itself.
func (v *verifier) hole(p *partition, from, to int64) {
	if from >= to {
		return
	}
	kept := to // what the log still has of it
	if p.present {
		kept = max(from, min(to, p.start))
	}
	if from < kept {
		v.r.lost(int(kept-from), "landing of %s has no object for offsets %d..%d, and the log no longer has them", p, from, kept)
	}
	for at := kept; at < to; at++ {
		if p.records[at] != nil {
			return
		}
	}
	if kept < to {
		v.r.unexplained("landing of %s has no object for offsets %d..%d, though nothing can be read there", p, kept, to)
	}
}

// missing judges the readable records that are not in landing, which ends at next,
// and what the log itself lacks.
func (v *verifier) missing(p *partition, records []*record, next int64) {
	cut := int64(-1) // everything up to here belongs to an object that is overdue
	for _, rec := range records {
		if rec.landed == 0 && (rec.age >= v.Due.Idle || !rec.tick && rec.age >= v.Due.Landing) {
			cut = rec.offset
		}
	}
	for _, rec := range records {
		switch {
		case rec.landed > 0:
		case rec.offset < next:
			v.r.lost(1, "offset %d of %s is not in landing, which goes to %d", rec.offset, p, next)
		case rec.offset <= cut:
			v.r.lost(1, "offset %d of %s is not in landing after %s", rec.offset, p, rec.age.Round(time.Second))
		default:
			v.r.explain(ClassNotDue, 1)
		}
	}
	for _, s := range p.lacking {
		for at := s.first; at < s.next; at++ {
			if p.records[at] == nil {
				v.r.lost(1, "offset %d of %s is neither in the log, which goes on, nor in landing", at, p)
			}
		}
	}
}
