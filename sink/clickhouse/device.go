package clickhouse

import (
	"strings"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// device makes a row of each batch of samples in the cut, and one of each thing
// that a device says of itself. What cannot be decoded is counted and skipped;
// other kinds of records make no row.
func (c *clickhouse) device(cut stream.Cut, generation uint32) ([]*block, error) {
	var batches, statuses []*block
	b, s := newBatchColumns(), newStatusColumns()
	flush := func(full bool) {
		if b.rows() > 0 && (full || b.full()) {
			batches, b = append(batches, b.block(len(batches))), newBatchColumns()
		}
		if s.rows() > 0 && (full || s.full()) {
			statuses, s = append(statuses, s.block(len(statuses))), newStatusColumns()
		}
	}
	for i := range cut.Records {
		r := &cut.Records[i]
		var said *status
		var err error
		switch string(r.Header(wire.HeaderKind)) {
		case wire.KindSamples:
			var batch *wire.SampleBatch
			if batch, err = wire.DecodeRecord(string(r.Header(wire.HeaderContentType)), r.Value); err == nil {
				b.append(r, batch, cut.Log, generation)
				said = batchStatus(batch)
			}
		case wire.KindStatus:
			said, err = statusMessage(r)
		case wire.KindEvent:
			said, err = eventMessage(r)
		}
		if err != nil {
			c.m.skipped.WithLabelValues(wire.TopicDevice).Inc()
			continue
		}
		if said != nil {
			s.append(r, said, cut.Log, generation)
		}
		flush(false)
	}
	flush(true)
	return append(batches, statuses...), nil
}

// thingOf is who published a record.
func thingOf(r *stream.Record) string {
	if thing := r.Header(wire.HeaderThing); len(thing) > 0 {
		return string(thing)
	}
	thing, _, _ := strings.Cut(string(r.Key), "/")
	return thing
}
