package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stableOffsets answers a group's committed offsets of every partition of a topic,
// -1 for none, and waits for transactions that are ending.
//
// The partitions are named: to a request for all that a group has committed, a
// broker does not mention a partition whose first commit is still ending.
func stableOffsets(ctx context.Context, cl *kgo.Client, group, topic string) (map[int32]int64, error) {
	return backoff.Retry(ctx, func() (map[int32]int64, error) {
		offsets, err := stableOffsetsOnce(ctx, cl, group, topic)
		if err != nil && !errors.Is(err, kerr.UnstableOffsetCommit) {
			err = backoff.Permanent(err)
		}
		return offsets, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)), backoff.WithMaxElapsedTime(20*time.Second))
}

func stableOffsetsOnce(ctx context.Context, cl *kgo.Client, group, topic string) (map[int32]int64, error) {
	topics, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list partitions of %s: %w", topic, err)
	}
	t := kmsg.NewOffsetFetchRequestGroupTopic()
	t.Topic, t.TopicID, t.Partitions = topic, topics[topic].ID, topics[topic].Partitions.Numbers()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = group, []kmsg.OffsetFetchRequestGroupTopic{t}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable, req.Groups = true, []kmsg.OffsetFetchRequestGroup{g}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	is := map[int32]int64{}
	for _, p := range t.Partitions {
		is[p] = -1
	}
	for _, g := range resp.Groups {
		err = errors.Join(err, kerr.ErrorForCode(g.ErrorCode))
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
				is[p.Partition] = p.Offset
			}
		}
	}
	return is, err
}
