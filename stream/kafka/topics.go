package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// setting is one setting of a topic.
type setting struct {
	key, want string
	atLeast   bool // a larger value, or -1 for no limit, does as well
}

// settings are what a topic is created with and later compared with.
func settings(t wire.Topic, replication int16) []setting {
	s := []setting{
		// Retention follows the time stamp: a device's clock must not decide it.
		{"message.timestamp.type", "LogAppendTime", false},
		{"max.message.bytes", strconv.Itoa(int(t.MaxBytes)), true},
		{"min.insync.replicas", strconv.Itoa(min(2, max(1, int(replication)-1))), true},
	}
	switch {
	case t.Compact:
		return append(s, setting{"cleanup.policy", "compact", false})
	case t.Retention == 0:
		s = append(s, setting{"retention.ms", "-1", false})
	default:
		s = append(s, setting{"retention.ms", strconv.FormatInt(t.Retention.Milliseconds(), 10), true})
	}
	return append(s, setting{"cleanup.policy", "delete", false})
}

func (s setting) holds(is string) bool {
	if is == s.want {
		return true
	}
	n, err := strconv.ParseInt(is, 10, 64)
	want, _ := strconv.ParseInt(s.want, 10, 64)
	return s.atLeast && err == nil && (n == -1 || n >= want)
}

// Ensure creates the topics that are missing, waits until every broker knows all, and
// compares them with what they should be; every difference is an error that names
// topic, setting, is and want. It answers the logs' ids by short name.
func Ensure(ctx context.Context, cl *kgo.Client, cell string, topics []wire.Topic, replication int16) (map[string]stream.LogID, error) {
	ids := make(map[string]stream.LogID, len(topics))
	return ids, settled(ctx, func() error {
		if err := complete(ctx, cl, cell, topics, replication); err != nil {
			return err
		}
		return verify(ctx, kadm.NewClient(cl), cell, topics, replication, ids)
	})
}

// complete creates the topics that a broker does not know, and says that it did not: each
// learns of new and of deleted topics in its own time, so that what one of them lists may
// be gone, and what is there may be unknown to the next that is asked. A broker that does
// not answer is not asked for topics by others either.
func complete(ctx context.Context, cl *kgo.Client, cell string, topics []wire.Topic, replication int16) error {
	adm := kadm.NewClient(cl)
	brokers, err := adm.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list brokers: %w", err)
	}
	byName := make(map[string]wire.Topic, len(topics))
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		name := wire.TopicName(cell, t.Name)
		byName[name] = t
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = &name
		req.Topics = append(req.Topics, asked)
	}
	var unknown error
	for _, b := range brokers {
		resp, err := req.RequestWith(ctx, cl.Broker(int(b.NodeID)))
		if err != nil {
			continue
		}
		for _, t := range resp.Topics {
			err := kerr.ErrorForCode(t.ErrorCode)
			if !errors.Is(err, kerr.UnknownTopicOrPartition) {
				continue
			}
			name := *t.Topic
			unknown = fmt.Errorf("describe topic %s at broker %d: %w", name, b.NodeID, err)
			// It may be there after all, or another service may be faster: what is there is
			// compared like the rest.
			if err := create(ctx, adm, name, byName[name], replication); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
				return fmt.Errorf("create topic %s: %w", name, err)
			}
		}
	}
	return unknown
}

// verify compares existing topics with what they should be and adds their ids.
func verify(ctx context.Context, adm *kadm.Client, cell string, topics []wire.Topic, replication int16, ids map[string]stream.LogID) error {
	names := fullNames(cell, topics)
	present, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	configs, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	var faults []error
	for i, t := range topics {
		d := present[names[i]]
		rc, err := configs.On(names[i], nil)
		if err := errors.Join(d.Err, err, rc.Err); err != nil {
			faults = append(faults, fmt.Errorf("describe topic %s: %w", names[i], err))
			continue
		}
		ids[t.Name] = logID(d.ID)
		faults = append(faults, compare(t, replication, d, rc)...)
	}
	return errors.Join(faults...)
}

// Raise lets existing topics keep as much, and for as long, as they should, where they
// keep less. It is for a log that is nobody else's: elsewhere what more costs is a
// person's to decide, and Ensure says so.
func Raise(ctx context.Context, cl *kgo.Client, cell string, topics []wire.Topic, replication int16) error {
	adm := kadm.NewClient(cl)
	configs, err := adm.DescribeTopicConfigs(ctx, fullNames(cell, topics)...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	for _, t := range topics {
		name := wire.TopicName(cell, t.Name)
		rc, err := configs.On(name, nil)
		if errors.Is(errors.Join(err, rc.Err), kerr.UnknownTopicOrPartition) {
			continue
		}
		for _, s := range settings(t, replication) {
			if !s.atLeast || s.holds(valueOf(rc, s.key)) {
				continue
			}
			if _, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: s.key, Value: &s.want}}, name); err != nil {
				return fmt.Errorf("alter topic %s: %w", name, err)
			}
		}
	}
	return nil
}

func create(ctx context.Context, adm *kadm.Client, name string, t wire.Topic, replication int16) error {
	configs := map[string]*string{}
	for _, s := range settings(t, replication) {
		configs[s.key] = &s.want
	}
	r, err := adm.CreateTopic(ctx, t.Partitions, replication, configs, name)
	if err != nil && r.ErrMessage != "" {
		err = fmt.Errorf("%w: %s", err, r.ErrMessage)
	}
	return err
}

// settled looks again while a broker that is asked does not know a topic: each
// learns of a new one in its own time, and any of them may be asked next.
func settled(ctx context.Context, look func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := look()
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(30*time.Second))
	return err
}

// compare says what of an existing topic is not as it should be.
func compare(t wire.Topic, replication int16, d kadm.TopicDetail, rc kadm.ResourceConfig) (faults []error) {
	check := func(s setting, is string) {
		if s.holds(is) {
			return
		}
		want := s.want
		if s.atLeast {
			want = "at least " + want
		}
		faults = append(faults, fmt.Errorf("topic %s: %s is %s, want %s: alter the topic, or give another cell", d.Topic, s.key, is, want))
	}
	check(setting{"partitions", strconv.Itoa(int(t.Partitions)), false}, strconv.Itoa(len(d.Partitions)))
	check(setting{"replication.factor", strconv.Itoa(int(replication)), true}, strconv.Itoa(d.Partitions.NumReplicas()))
	for _, s := range settings(t, replication) {
		check(s, valueOf(rc, s.key))
	}
	return faults
}

func valueOf(rc kadm.ResourceConfig, key string) string {
	i := slices.IndexFunc(rc.Configs, func(c kadm.Config) bool { return c.Key == key })
	if i < 0 {
		return ""
	}
	return rc.Configs[i].MaybeValue()
}

// LogIDs answers the ids of existing topics by short name.
func LogIDs(ctx context.Context, cl *kgo.Client, cell string, names ...string) (map[string]stream.LogID, error) {
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = wire.TopicName(cell, name)
	}
	details, err := kadm.NewClient(cl).ListTopics(ctx, full...)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	ids := make(map[string]stream.LogID, len(names))
	for i, name := range names {
		d, ok := details[full[i]]
		if !ok {
			d.Err = kerr.UnknownTopicOrPartition
		}
		if d.Err != nil {
			return nil, fmt.Errorf("describe topic %s: %w", full[i], d.Err)
		}
		ids[name] = logID(d.ID)
	}
	return ids, nil
}

func fullNames(cell string, topics []wire.Topic) []string {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = wire.TopicName(cell, t.Name)
	}
	return names
}

func logID(id kadm.TopicID) stream.LogID { return stream.LogID(hex.EncodeToString(id[:])) }
