package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

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

// A fault says what is wrong with a topic that exists.
func fault(topic, key, is, want string, atLeast bool) error {
	if atLeast {
		want = "at least " + want
	}
	return fmt.Errorf("topic %s: %s is %q, want %s: alter the topic, or give another cell", topic, key, is, want)
}

// Ensure creates the topics that are missing and compares those that exist with
// what they should be; every difference is an error that names topic, setting,
// is and want. It answers the logs' ids by short name.
func Ensure(ctx context.Context, cl *kgo.Client, cell string, topics []wire.Topic, replication int16) (map[string]stream.LogID, error) {
	adm := kadm.NewClient(cl)
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = wire.TopicName(cell, t.Name)
	}
	present, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	ids := make(map[string]stream.LogID, len(topics))
	var old []wire.Topic
	for i, t := range topics {
		if !errors.Is(present[names[i]].Err, kerr.UnknownTopicOrPartition) {
			old = append(old, t)
			continue
		}
		id, err := create(ctx, adm, names[i], t, replication)
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists): // another service was faster
			old = append(old, t)
		case err != nil:
			return nil, fmt.Errorf("create topic %s: %w", names[i], err)
		default:
			ids[t.Name] = id
		}
	}
	return ids, verify(ctx, adm, cell, old, replication, ids)
}

func create(ctx context.Context, adm *kadm.Client, name string, t wire.Topic, replication int16) (stream.LogID, error) {
	configs := map[string]*string{}
	for _, s := range settings(t, replication) {
		configs[s.key] = &s.want
	}
	r, err := adm.CreateTopic(ctx, t.Partitions, replication, configs, name)
	if err != nil {
		if r.ErrMessage != "" {
			err = fmt.Errorf("%w: %s", err, r.ErrMessage)
		}
		return "", err
	}
	return logID(r.ID), nil
}

// verify compares existing topics and adds their ids.
func verify(ctx context.Context, adm *kadm.Client, cell string, topics []wire.Topic, replication int16, ids map[string]stream.LogID) error {
	if len(topics) == 0 {
		return nil
	}
	var names []string
	for _, t := range topics {
		names = append(names, wire.TopicName(cell, t.Name))
	}
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	configs, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	var faults []error
	for i, t := range topics {
		d := details[names[i]]
		rc, err := configs.On(names[i], nil)
		if err := errors.Join(d.Err, err, rc.Err); err != nil {
			faults = append(faults, fmt.Errorf("describe topic %s: %w", names[i], err))
			continue
		}
		ids[t.Name] = logID(d.ID)
		if n := int32(len(d.Partitions)); n != t.Partitions {
			faults = append(faults, fault(names[i], "partitions", fmt.Sprint(n), fmt.Sprint(t.Partitions), false))
		}
		if n := d.Partitions.NumReplicas(); n < int(replication) {
			faults = append(faults, fault(names[i], "replication.factor", fmt.Sprint(n), fmt.Sprint(replication), true))
		}
		for _, s := range settings(t, replication) {
			if is := valueOf(rc, s.key); !s.holds(is) {
				faults = append(faults, fault(names[i], s.key, is, s.want, s.atLeast))
			}
		}
	}
	return errors.Join(faults...)
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

func logID(id kadm.TopicID) stream.LogID { return stream.LogID(hex.EncodeToString(id[:])) }
