package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// embeddedCluster is the id of the embedded log's cluster. It alone may repeat
// what it was told once.
const embeddedCluster = "wearstream"

// readLog reads the present log up to where it ends now. The ends of what is made
// of others are asked for first: rows below them come from records below the others.
func (v *verifier) readLog(ctx context.Context) error {
	cl, err := kgo.NewClient(v.Kafka...)
	if err != nil {
		return fmt.Errorf("reach the log: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var all []*partition
	for _, short := range slices.Concat(rowTopics, topics) {
		ps, err := v.bounds(ctx, adm, short)
		if err != nil {
			return err
		}
		all = append(all, ps...)
	}
	for i, p := range all {
		if err := v.readPartition(ctx, p); err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		v.Progress("read the log", i+1, len(all))
	}
	return nil
}

// bounds asks where the partitions of a topic begin and end. The end is the high
// watermark, so that what an open transaction holds back is not overlooked.
func (v *verifier) bounds(ctx context.Context, adm *kadm.Client, short string) ([]*partition, error) {
	topic := wire.TopicName(v.Cell, short)
	meta, err := adm.Metadata(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("reach the log: %w", err)
	}
	v.embedded = meta.Cluster == embeddedCluster
	t := meta.Topics[topic]
	if t.Err != nil {
		return nil, fmt.Errorf("topic %q: %w", topic, t.Err)
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list start offsets: %w", err)
	}
	var ps []*partition
	for _, n := range slices.Sorted(maps.Keys(t.Partitions)) {
		start, ok1 := starts.Lookup(topic, n)
		end, ok2 := ends.Lookup(topic, n)
		if err := errors.Join(start.Err, end.Err); err != nil || !ok1 || !ok2 {
			return nil, fmt.Errorf("offsets of %s/%d are not known: %w", topic, n, err)
		}
		p := v.at(place{short, fmt.Sprintf("%x", t.ID[:]), n})
		p.present, p.start, p.end = true, start.Offset, end.Offset
		ps = append(ps, p)
	}
	return ps, nil
}

// judgeAhead holds what tables have from beyond the ends that were read against
// the ends as they are by now.
func (v *verifier) judgeAhead(ctx context.Context) error {
	cl, err := kgo.NewClient(v.Kafka...)
	if err != nil {
		return fmt.Errorf("reach the log: %w", err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx)
	if err != nil {
		return fmt.Errorf("list end offsets: %w", err)
	}
	for _, at := range slices.SortedFunc(maps.Keys(v.partitions), place.compare) {
		end, _ := ends.Lookup(wire.TopicName(v.Cell, at.topic), at.partition)
		if p := v.partitions[at]; p.ahead > 0 && p.ahead >= end.Offset {
			v.r.unexplained("ClickHouse has a row from offset %d of %s, which ends at %d", p.ahead, p, end.Offset)
		}
	}
	return nil
}

// readPartition takes the committed records, and accounts for the other offsets:
// markers and aborted records are explained, others are lacking.
func (v *verifier) readPartition(ctx context.Context, p *partition) error {
	taken, markers := 0, 0
	end, err := v.scan(ctx, p, kgo.ReadCommitted(), func(r *kgo.Record) error {
		if r.Attrs.IsControl() {
			markers++
			return nil
		}
		taken++
		return v.logged(p, r)
	})
	if err != nil {
		return err
	}
	if end < p.end {
		v.r.unexplained("offsets %d..%d of %s cannot be read: is a transaction open?", end, p.end, p)
		p.end = end
	}
	aborted := 0
	if int64(taken+markers) < p.end-p.start {
		next := p.start
		_, err := v.scan(ctx, p, kgo.ReadUncommitted(), func(r *kgo.Record) error {
			if next < r.Offset {
				p.lacking = append(p.lacking, span{"", next, r.Offset})
			}
			if next = r.Offset + 1; !r.Attrs.IsControl() {
				aborted++
			}
			return nil
		})
		if err != nil {
			return err
		}
		aborted -= taken
		if next < p.end {
			p.lacking = append(p.lacking, span{"", next, p.end})
		}
	}
	if !slices.Contains(rowTopics, p.topic) {
		v.r.explain(ClassControl, markers+aborted)
	}
	return nil
}

// scan reads the partition to its end and answers how far that was possible
// within the time that an open transaction is given. Markers are kept, so that
// one at the end is seen.
func (v *verifier) scan(ctx context.Context, p *partition, level kgo.IsolationLevel, take func(*kgo.Record) error) (next int64, err error) {
	if next = p.start; next >= p.end {
		return p.end, nil
	}
	topic := wire.TopicName(v.Cell, p.topic)
	cl, err := kgo.NewClient(append(slices.Clone(v.Kafka),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {p.partition: kgo.NewOffset().At(p.start)}}),
		kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
		// One partition, and never cut by the answer's own limit, behind which the
		// embedded log forgets to name aborted records.
		kgo.FetchMaxPartitionBytes(8<<20), kgo.FetchMaxBytes(64<<20), kgo.BrokerMaxReadBytes(128<<20))...)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	for next < p.end {
		patience, cancel := context.WithTimeout(ctx, v.Patience)
		fetches := cl.PollFetches(patience)
		cancel()
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return next, nil
		}
		for _, f := range fetches.Errors() {
			return next, f.Err
		}
		for r := range fetches.RecordsAll() {
			if r.Offset >= p.end {
				return p.end, nil
			}
			next = r.Offset + 1
			if err := take(r); err != nil {
				return next, err
			}
		}
	}
	return next, nil
}

// logged takes a committed record. Where landing has it too, the log is believed.
func (v *verifier) logged(p *partition, r *kgo.Record) error {
	if slices.Contains(rowTopics, p.topic) {
		return v.loggedRows(p, r)
	}
	m := &message{offset: r.Offset, appended: r.Timestamp, key: text(r.Key), headers: headers(r), payload: r.Value}
	have := p.records[r.Offset]
	rec := m.record(p, have)
	if have != nil && rec != have {
		rec.landed = have.landed
		v.r.unexplained("landing of %s has another record at offset %d than the log", p, r.Offset)
	}
	rec.logged = true
	p.records[r.Offset] = rec
	return nil
}

// headers are those of a record as landing keeps them: text, of a repeated one
// the first.
func headers(r *kgo.Record) map[string]string {
	all := make(map[string]string, len(r.Headers))
	for _, h := range r.Headers {
		if _, ok := all[text([]byte(h.Key))]; !ok {
			all[text([]byte(h.Key))] = text(h.Value)
		}
	}
	return all
}

// text is what landing keeps of bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
