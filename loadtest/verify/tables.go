package verify

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unique"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/wearstream/wearstream/stream/wire"
)

// query gives every row of an answer to take.
func (v *verifier) query(ctx context.Context, what, sql string, take func(driver.Rows) error) error {
	rows, err := v.ClickHouse.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// origin is the place in the log that a row names.
type origin struct {
	log       string
	partition int32
	offset    int64
}

func (o origin) place(topic string) place { return place{topic, o.log, o.partition} }

// find is the record that a row comes from. A row that is younger than what was
// read of the log has none and needs none. What was in a hole of landing is told.
func (v *verifier) find(o origin, topic, what string) *record {
	at := o.place(topic)
	p := v.partitions[at]
	switch {
	case p != nil && p.records[o.offset] != nil:
		return p.records[o.offset]
	case v.beyond(at, o.offset):
	case p != nil && (p.present && o.offset >= p.start || p.covers(o.offset)):
		v.r.unexplained("%s comes from offset %d of %s, where no such record is", what, o.offset, at)
	case p == nil || !p.present && o.offset >= p.landedTo():
		v.r.lost(1, "%s, from offset %d of %s, is neither in landing nor in the log", what, o.offset, at)
	}
	return nil
}

// covers reports whether an object says that it has an offset.
func (p *partition) covers(offset int64) bool {
	return slices.ContainsFunc(p.spans, func(s span) bool { return s.first <= offset && offset < s.next })
}

func (p *partition) landedTo() (next int64) {
	for _, s := range p.spans {
		next = max(next, s.next)
	}
	return next
}

// compareBatches holds batches_all against every batch record, value by value, and
// batches against the names: each once, the newest log's first copy.
func (v *verifier) compareBatches(ctx context.Context, t *truth) error {
	sql := "SELECT sensor, boot, seq, log_id, partition, offset, SHA256(formatRow('RowBinary', " + batchColumns + ")) FROM batches_all"
	err := v.query(ctx, "batches_all", sql, func(rows driver.Rows) error {
		var sum string
		n, o, err := scanName(rows, &sum)
		if err != nil {
			return err
		}
		rec := v.find(o, wire.TopicDevice, n.String()+" in batches_all")
		switch {
		case rec == nil:
		case rec.batch == nil || rec.batch.broken || rec.batch.row != digest([]byte(sum[:16])):
			v.r.unexplained("%s in batches_all has other values than the record at offset %d of %s", n, o.offset, rec.at)
			rec.loaded = true
		default:
			rec.loaded = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range t.names {
		for _, c := range t.copies[n] {
			v.load(c, "batches_all", n.String())
		}
	}
	return v.compareNames(ctx, t)
}

func scanName(rows driver.Rows, more ...any) (n name, o origin, err error) {
	var sensor string
	err = rows.Scan(append([]any{&sensor, &n.boot, &n.seq, &o.log, &o.partition, &o.offset}, more...)...)
	n.sensor = unique.Make(sensor)
	return n, o, err
}

// load judges whether a record should have a row by now.
func (v *verifier) load(rec *record, table, what string) {
	switch {
	case rec.loaded:
	case rec.age < v.Due.Tables:
		v.r.explain(ClassNotDue, 1)
	default:
		v.r.lost(1, "%s, at offset %d of %s, is not in %s after %s", what, rec.offset, rec.at, table, rec.age.Round(time.Second))
	}
}

func (v *verifier) compareNames(ctx context.Context, t *truth) error {
	shown := map[name]int{}
	err := v.query(ctx, "batches", "SELECT sensor, boot, seq, log_id, partition, offset FROM batches", func(rows driver.Rows) error {
		n, o, err := scanName(rows)
		if err != nil {
			return err
		}
		if shown[n]++; shown[n] > 1 {
			v.r.doubled(1, "%s is %d times in batches", n, shown[n])
			return nil
		}
		p, copies := v.partitions[o.place(wire.TopicDevice)], firsts(t.copies[n])
		if p == nil || p.records[o.offset] == nil || len(copies) == 0 {
			return nil // batches_all has it from there, too, so it is judged
		}
		if want := copies[len(copies)-1]; want.loaded && want != p.records[o.offset] {
			v.r.unexplained("%s in batches is of offset %d of %s, the first one is offset %d of %s", n, o.offset, p, want.offset, want.at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range t.names {
		copies := firsts(t.copies[n])
		if shown[n] == 0 && copies[len(copies)-1].loaded {
			v.r.lost(1, "%s is in batches_all and not in batches", n)
		}
	}
	return nil
}

// compareQuarantine holds the table quarantine against the refusals.
func (v *verifier) compareQuarantine(ctx context.Context, t *truth) error {
	sql := "SELECT thing, toUnixTimestamp64Micro(received_at), reason, size, sha256, log_id, partition, offset FROM quarantine"
	err := v.query(ctx, "quarantine", sql, func(rows driver.Rows) error {
		var is refusal
		var o origin
		if err := rows.Scan(&is.thing, &is.received, &is.reason, &is.size, &is.sum, &o.log, &o.partition, &o.offset); err != nil {
			return err
		}
		rec := v.find(o, wire.TopicQuarantine, "a refusal")
		if rec == nil {
			return nil
		}
		switch is.source = ""; {
		case rec.loaded:
			v.r.doubled(1, "the refusal at offset %d of %s is more than once in quarantine", o.offset, rec.at)
		case rec.refusal == nil || is != rec.refusal.shown():
			v.r.unexplained("the refusal at offset %d of %s has other values in quarantine", o.offset, rec.at)
		}
		rec.loaded = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, rec := range t.refusals {
		v.load(rec, "quarantine", "a refusal")
	}
	return nil
}

// shown is a refusal as the table has it.
func (r *refusal) shown() refusal {
	is := *r
	is.source = ""
	return is
}
