package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
)

// HistoryReader reads partitions at chosen offsets, outside of any group, and
// sees committed records only. It asks for exactly what it needs and fetches
// nothing ahead, so it costs nothing while nobody reads. All methods may be
// called concurrently.
//
// It asks with plain fetch requests because their answers say how far the log
// was read. A consumer says so only by the records that it hands out, and never
// arrives where a log ends in markers or aborted records.
type HistoryReader struct {
	cl *kgo.Client

	mu     sync.Mutex
	topics map[string]kadm.TopicDetail // ids and leaders as last seen
}

// NewHistoryReader makes a reader; it dials when it is first asked.
func NewHistoryReader(cfg Config) (*HistoryReader, error) {
	cl, err := kgo.NewClient(cfg.Options()...)
	if err != nil {
		return nil, fmt.Errorf("make history client: %w", err)
	}
	return &HistoryReader{cl: cl, topics: map[string]kadm.TopicDetail{}}, nil
}

// Client is the reader's plain client, for requests of its user.
func (r *HistoryReader) Client() *kgo.Client { return r.cl }

// Close ends all reads.
func (r *HistoryReader) Close() { r.cl.Close() }

// Partition is the history of one partition. It holds nothing and needs no end.
func (r *HistoryReader) Partition(topic string, partition int32) *History {
	return &History{reader: r, topic: topic, partition: partition}
}

// History reads one partition. It implements stream.History.
type History struct {
	reader    *HistoryReader
	topic     string
	partition int32
}

const (
	historyBytesMin = 64 << 10 // asked for where records are far apart
	historyBytesMax = 4 << 20  // asked for where they follow each other
	historyWait     = 100 * time.Millisecond
	historyTries    = 50 // without progress, historyWait each
)

// Read yields the readable records at the given offsets. Neighbours come with
// one fetch; a gap that is not in the fetched range is jumped over.
func (h *History) Read(ctx context.Context, offsets []int64, yield func(stream.Record) error) error {
	bytes, idle := int32(historyBytesMin), 0
	for len(offsets) > 0 {
		from := offsets[0]
		records, next, err := h.fetch(ctx, from, bytes)
		if err != nil {
			return h.fault("read", from, err)
		}
		if next <= from {
			// Behind the last stable offset: for a moment, after a leader moved.
			if idle++; idle == historyTries {
				return h.fault("read", from, errors.New("it is not readable: the log ends before it, or an open transaction does"))
			}
			continue
		}
		idle = 0
		for _, r := range records {
			if len(offsets) == 0 || r.Offset < offsets[0] {
				continue
			}
			if r.Offset > offsets[0] {
				break
			}
			if err := yield(record(r)); err != nil {
				return err
			}
			offsets = offsets[1:]
		}
		if len(offsets) == 0 {
			return nil
		}
		if offsets[0] < next {
			return h.fault("read", offsets[0], errors.New("it holds no readable record: a marker, an aborted record, or removed"))
		}
		if offsets[0] == next {
			bytes = min(2*bytes, historyBytesMax)
		} else {
			bytes = historyBytesMin
		}
	}
	return nil
}

// Range yields every readable record in [first, next) and returns when the log
// was read so far. While transactions are open in the range it waits for them.
func (h *History) Range(ctx context.Context, first, next int64, yield func(stream.Record) error) error {
	for at := first; at < next; {
		records, reached, err := h.fetch(ctx, at, historyBytesMax)
		if err != nil {
			return h.fault("read", at, err)
		}
		for _, r := range records {
			if r.Offset >= next {
				break
			}
			if err := yield(record(r)); err != nil {
				return err
			}
		}
		at = reached
	}
	return nil
}

// Bounds answers the first offset of the log and its end. The end is the high
// watermark: the last stable offset may lag behind a transaction whose offsets
// can be seen already.
func (h *History) Bounds(ctx context.Context) (first, end int64, err error) {
	adm := kadm.NewClient(h.reader.cl)
	ask := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) int64 {
		listed, lerr := list(ctx, h.topic)
		o, ok := listed.Lookup(h.topic, h.partition)
		switch {
		case err != nil:
		case lerr != nil:
			err = lerr
		case !ok:
			err = kerr.UnknownTopicOrPartition
		default:
			err = o.Err
		}
		return o.Offset
	}
	first, end = ask(adm.ListStartOffsets), ask(adm.ListEndOffsets)
	if err != nil {
		return 0, 0, fmt.Errorf("list offsets of %s/%d: %w", h.topic, h.partition, err)
	}
	return first, end, nil
}

func (h *History) fault(verb string, offset int64, err error) error {
	return fmt.Errorf("%s offset %d of %s/%d: %w", verb, offset, h.topic, h.partition, err)
}

// fetch reads from an offset and answers the offset to go on from. Without
// progress it returns after historyWait. Errors that pass by themselves (a
// leader that moved, a broker that is away) are waited out.
func (h *History) fetch(ctx context.Context, from int64, bytes int32) ([]*kgo.Record, int64, error) {
	for try := 1; ; try++ {
		records, next, err := h.fetchOnce(ctx, from, bytes)
		if err == nil || !kerr.IsRetriable(err) || try == historyTries {
			return records, next, err
		}
		h.reader.forget(h.topic)
		select {
		case <-time.After(historyWait):
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}

func (h *History) fetchOnce(ctx context.Context, from int64, bytes int32) ([]*kgo.Record, int64, error) {
	topic, leader, err := h.reader.locate(ctx, h.topic, h.partition)
	if err != nil {
		return nil, 0, err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = h.partition, from, bytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = h.topic, topic, []kmsg.FetchRequestTopicPartition{part}
	req := kmsg.NewPtrFetchRequest()
	// The partition's limit is the only one: the embedded broker forgets to name
	// aborted transactions in an answer that the request's limit cuts.
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(historyWait.Milliseconds()), 1, math.MaxInt32
	req.IsolationLevel = 1 // read committed
	req.Topics = []kmsg.FetchRequestTopic{t}

	answer, err := h.reader.cl.Broker(int(leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, 0, fmt.Errorf("the broker answered %d topics where one partition was asked for", len(resp.Topics))
	}
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: h.topic, Partition: h.partition,
	}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if errors.Is(fetched.Err, kerr.OffsetOutOfRange) {
		return nil, 0, fmt.Errorf("the log no longer holds it, or not yet: %w", fetched.Err)
	}
	return fetched.Records, next, fetched.Err
}

// locate answers the id of a topic and the leader of a partition.
func (r *HistoryReader) locate(ctx context.Context, topic string, partition int32) ([16]byte, int32, error) {
	r.mu.Lock()
	t, known := r.topics[topic]
	r.mu.Unlock()
	if !known {
		meta, err := kadm.NewClient(r.cl).Metadata(ctx, topic)
		if err != nil {
			return [16]byte{}, 0, err
		}
		t = meta.Topics[topic]
		if t.Err != nil {
			return [16]byte{}, 0, t.Err
		}
		r.mu.Lock()
		r.topics[topic] = t
		r.mu.Unlock()
	}
	p, ok := t.Partitions[partition]
	switch {
	case !ok:
		return [16]byte{}, 0, kerr.UnknownTopicOrPartition
	case p.Leader < 0:
		return [16]byte{}, 0, kerr.LeaderNotAvailable
	}
	return t.ID, p.Leader, nil
}

func (r *HistoryReader) forget(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.topics, topic)
}
