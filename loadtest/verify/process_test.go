package verify_test

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/wire"
)

// process runs the operator over the device topic from its beginning, and puts
// what it emits in the logs, in one transaction.
func (w *world) process() {
	w.t.Helper()
	w.transaction(true, w.apply(w.read(wire.TopicDevice, 0))...)
}

// apply is what the operator makes of records.
func (w *world) apply(records []stream.Record) outbox {
	w.t.Helper()
	op, err := device.New(device.Config{Cell: cell, Sets: w.sets, Memory: device.DefaultMemory}, prometheus.NewRegistry())(0, nil, history(records))
	must(w.t, err)
	var out outbox
	for _, r := range records {
		must(w.t, op.Apply(w.t.Context(), r, &out))
	}
	must(w.t, op.Flush(&out))
	return out
}

// history gives records again.
type history []stream.Record

func (h history) Read(_ context.Context, offsets []int64, yield func(stream.Record) error) error {
	for _, r := range h {
		if !slices.Contains(offsets, r.Offset) {
			continue
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// altered are the records of device.v1 with one batch changed.
func (w *world) altered(offset int, change func(*wire.SampleBatch)) []stream.Record {
	w.t.Helper()
	records := w.read(wire.TopicDevice, 0)
	b, err := wire.Decode(slices.Clone(records[offset].Value))
	must(w.t, err)
	change(b)
	records[offset].Value = b.Append(nil)
	return records
}

// outbox is what an operator emits, quarantine in its one partition.
type outbox []*kgo.Record

func (o *outbox) Emit(topic string, partition int32, key, value []byte, headers ...stream.Header) {
	r := &kgo.Record{Topic: topic, Partition: max(0, partition), Key: key, Value: slices.Clone(value)}
	for _, h := range headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	*o = append(*o, r)
}

// transaction writes records in one, and ends it one way or the other.
func (w *world) transaction(commit bool, records ...*kgo.Record) {
	w.t.Helper()
	cl, err := kgo.NewClient(append(slices.Clone(w.Kafka), kgo.TransactionalID("process"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(w.t, err)
	defer cl.Close()
	must(w.t, cl.BeginTransaction())
	for _, r := range records {
		r.Timestamp = w.clock
	}
	must(w.t, cl.ProduceSync(w.t.Context(), records...).FirstErr())
	must(w.t, cl.EndTransaction(w.t.Context(), kgo.TransactionEndTry(commit)))
	w.clock = w.clock.Add(time.Second)
}
