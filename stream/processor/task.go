package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// task is one assigned partition: its operator, and how far it is.
type task struct {
	p         *Processor
	partition int32
	log       stream.LogID // of the input
	op        stream.Operator

	group     int64     // offset that the group has committed; -1: none
	committed int64     // offset after the last record whose effects are committed
	next      int64     // offset after the last record that was applied
	first     int64     // first record applied since; -1: none
	again     int64     // after a rollback, the record to come next; -1: any
	last      time.Time // append time of the last record that was applied

	// rewrite is the whole state, for a changelog that holds another; a nil value
	// deletes. The next transaction carries it.
	rewrite map[string][]byte

	out   output
	known bool // the session has reported the partition as assigned
}

func newTask(p *Processor, partition int32, log stream.LogID, op stream.Operator, group, start int64) *task {
	return &task{p: p, partition: partition, log: log, op: op, group: group, committed: start, next: start, first: -1, again: -1}
}

// errSkipped is a client that did not go on where it should.
var errSkipped = errors.New("the client did not go on where the partition is")

func (t *task) apply(ctx context.Context, records []stream.Record) error {
	for _, r := range records {
		if r.Offset < t.next || t.again >= 0 && r.Offset != t.again {
			return fmt.Errorf("apply offset %d of %s/%d after %d: %w", r.Offset, r.Topic, r.Partition, t.next-1, errSkipped)
		}
		if err := t.op.Apply(ctx, r, &t.out); err != nil {
			return final{fmt.Errorf("apply offset %d of %s/%d: %w", r.Offset, r.Topic, r.Partition, err)}
		}
		if t.first < 0 {
			t.first = r.Offset
		}
		t.next, t.again, t.last = r.Offset+1, -1, r.AppendTime
	}
	return nil
}

// finish adds to the output what makes it a transaction: what the operator has
// buffered, the checkpoint and the changed state.
func (t *task) finish() error {
	if err := t.op.Flush(&t.out); err != nil {
		return final{fmt.Errorf("flush partition %d: %w", t.partition, err)}
	}
	changelog := wire.TopicName(t.p.deps.Cell, t.p.deps.Changelog)
	note := func(key string, value []byte) {
		t.out.Emit(changelog, t.partition, []byte(key), value)
	}
	ckpt, err := kafka.ChangelogCheckpoint{Next: t.next, Format: kafka.ChangelogFormat, App: t.p.deps.Group, Log: t.log}.Encode()
	if err != nil {
		return final{err}
	}
	// The checkpoint goes first, so that it is in the transaction's first batch.
	// The embedded log's cleaner takes open transactions for committed ones: if
	// one is aborted later, the values it superseded are gone. It then has taken
	// the old checkpoint too, and the restore sees that.
	note(kafka.ChangelogCheckpointKey, ckpt)
	for _, key := range slices.Sorted(maps.Keys(t.rewrite)) {
		note(key, t.rewrite[key])
	}
	err = t.op.Changes(func(key, value []byte) error {
		if string(key) == kafka.ChangelogCheckpointKey {
			return fmt.Errorf("key %q is not the operator's", key)
		}
		note(string(key), value)
		return nil
	})
	if err != nil {
		return final{fmt.Errorf("collect changes of partition %d: %w", t.partition, err)}
	}
	return nil
}

func (t *task) commit() {
	t.op.Commit()
	t.group, t.committed, t.first, t.rewrite = t.next, t.next, -1, nil
	t.out.reset()
}

func (t *task) rollback() {
	t.op.Rollback()
	t.next, t.again, t.first = t.committed, t.first, -1
	t.out.reset()
}

// output keeps what an operator emits until its goroutine is done.
type output struct {
	records []*kgo.Record
	bytes   int64
}

func (o *output) Emit(topic string, partition int32, key, value []byte, headers ...stream.Header) {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value, Headers: make([]kgo.RecordHeader, len(headers))}
	for i, h := range headers {
		r.Headers[i] = kgo.RecordHeader(h)
		o.bytes += int64(len(h.Key) + len(h.Value))
	}
	o.bytes += int64(len(key) + len(value))
	o.records = append(o.records, r)
}

// take answers what has gathered since the last take.
func (o *output) take() (records []*kgo.Record, bytes int64) {
	records, bytes = o.records, o.bytes
	o.reset()
	return records, bytes
}

func (o *output) reset() { o.records, o.bytes = nil, 0 }
