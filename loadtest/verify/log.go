package verify

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// present is what the present log holds of one partition.
type present struct {
	start, end int64             // first offset kept, and one past the last record or marker
	readable   map[int64]*record // committed records
}

// readLog reads the compared topics of the present log, committed records only.
func readLog(ctx context.Context, cfg Config) (map[place]*present, error) {
	cl, err := kgo.NewClient(cfg.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("reach the log: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var names []string
	for _, t := range topics {
		names = append(names, wire.TopicName(cfg.Cell, t))
	}
	meta, err := adm.Metadata(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("reach the log: %w", err)
	}
	starts, err := adm.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("list start offsets: %w", err)
	}
	ends, err := adm.ListEndOffsets(ctx, names...) // the high watermark, not the last stable offset
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	all := map[place]*present{}
	for i, name := range names {
		t := meta.Topics[name]
		if t.Err != nil {
			return nil, fmt.Errorf("topic %q: %w", name, t.Err)
		}
		for p := range t.Partitions {
			start, _ := starts.Lookup(name, p)
			end, ok := ends.Lookup(name, p)
			if !ok || start.Err != nil || end.Err != nil {
				return nil, fmt.Errorf("offsets of %s/%d are not known", name, p)
			}
			at := place{topics[i], fmt.Sprintf("%x", t.ID[:]), p}
			got := &present{start: start.Offset, end: end.Offset, readable: map[int64]*record{}}
			if err := got.read(ctx, cfg, at, name); err != nil {
				return nil, err
			}
			all[at] = got
			cfg.Progress("read the log", len(all), len(names)*len(t.Partitions))
		}
	}
	return all, nil
}

// read takes the partition up to its end. Markers are kept so that a tail of
// them, or of aborted records, is seen to be reached.
func (p *present) read(ctx context.Context, cfg Config, at place, topic string) error {
	if p.start >= p.end {
		return nil
	}
	cl, err := kgo.NewClient(append(append([]kgo.Opt(nil), cfg.Kafka...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {at.partition: kgo.NewOffset().At(p.start)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		// One partition, and never cut by the answer's own limit, behind which the
		// embedded log forgets to name aborted records.
		kgo.FetchMaxPartitionBytes(8<<20), kgo.FetchMaxBytes(64<<20), kgo.BrokerMaxReadBytes(128<<20))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for next := p.start; next < p.end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s: %w", at, err)
		}
		for _, f := range fetches.Errors() {
			return fmt.Errorf("read %s: %w", at, f.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Attrs.IsControl() || r.Offset >= p.end {
				return
			}
			header := func(key string) string {
				for _, h := range r.Headers {
					if h.Key == key {
						return string(h.Value)
					}
				}
				return ""
			}
			p.readable[r.Offset] = newRecord(at, r.Offset, r.Timestamp, string(r.Key), header, append([]byte(nil), r.Value...))
		})
	}
	return nil
}
