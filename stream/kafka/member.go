package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
)

// place names a partition by the topic's full name.
type place struct {
	topic     string
	partition int32
}

// member is one client in the group. It ends with the first thing that goes
// wrong; what a partition's share stored until then is in its commits.
//
// Callbacks of the client and polls exclude each other (BlockRebalanceOnPoll),
// so no records of an assignment reach the share of a later one.
type member struct {
	g   *Group
	cl  *kgo.Client
	ctx context.Context
	end context.CancelCauseFunc

	fetched map[place]start // what the last fetch of offsets found

	mu     sync.Mutex
	shares map[place]*share
	since  time.Time // since when it is not known what waits in some partition of ours; zero: it is
	asked  time.Time // when the log last said where it ends
}

func newMember(ctx context.Context, g *Group) (*member, error) {
	m := &member{g: g, shares: map[place]*share{}, since: g.out(), asked: time.Now()}
	m.ctx, m.end = context.WithCancelCause(ctx)
	opts := append(g.kafka.Options(),
		kgo.ConsumerGroup(g.cfg.Group),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(g.cfg.SessionTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, g.cfg.SessionTimeout/4)),
		kgo.BlockRebalanceOnPoll(),
		kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // or it could not be told whether all that is there has come
		// An offset that the log does not hold is a loss to be looked at, never a
		// reason to read on somewhere else.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// As in a session: an answer that this limit cuts may hold aborted records.
		// A partition's own limit and the number of partitions bound what comes.
		kgo.FetchMaxBytes(sessionFetchMax),
		kgo.BrokerMaxReadBytes(sessionFetchMax+1<<20),
		// A resumed partition waits for the fetch under way to come back empty.
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.FetchMaxPartitionBytes(2<<20),
		kgo.OnPartitionsAssigned(m.joined),
		kgo.OnOffsetsFetched(m.offsetsFetched),
		kgo.AdjustFetchOffsetsFn(m.assigned),
		kgo.OnPartitionsRevoked(m.revoked),
		kgo.OnPartitionsLost(m.revoked),
	)
	if g.cfg.Instance != "" {
		opts = append(opts, kgo.InstanceID(g.cfg.Instance))
	}
	var err error
	if m.cl, err = kgo.NewClient(opts...); err != nil {
		return nil, final{fmt.Errorf("make client: %w", err)}
	}
	m.cl.AddConsumeTopics(slices.Sorted(maps.Keys(g.topics))...) // callbacks from here on, so that they see m.cl
	return m, nil
}

// joined notes that the group has this member, and which partitions are to be
// begun: until their offsets are fetched, nobody here knows what waits in them.
func (m *member) joined(_ context.Context, _ *kgo.Client, begin map[string][]int32) {
	m.g.joined()
	m.g.kafka.Metrics.rebalanced(m.g.cfg.Group)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(begin) == 0 && len(m.shares) == 0:
		m.since = time.Time{}
	case len(begin) > 0 && m.since.IsZero():
		m.since = time.Now()
	}
}

// told takes where the log ends.
func (m *member) told(ends kadm.ListedOffsets) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = time.Now()
	for at, s := range m.shares {
		if end, ok := ends.Lookup(at.topic, at.partition); ok {
			s.told(end.Offset, m.asked)
		}
	}
}

// poll hands records to the shares until the member ends, and says why it did.
func (m *member) poll() error {
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { Ends(m.ctx, m.cl, m.told, slices.Collect(maps.Keys(m.g.topics))...) })
	for {
		fetches := m.cl.PollRecords(m.ctx, 10000)
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			m.end(fetchError(topic, partition, m.g.kafka.Explain(err)))
		})
		fetches.EachTopic(func(t kgo.FetchTopic) {
			t.EachPartition(func(p kgo.FetchPartition) { m.push(t.Topic, p) })
		})
		m.cl.AllowRebalance()
	}
}

func fetchError(topic string, partition int32, err error) error {
	_, lost := errors.AsType[*kgo.ErrDataLoss](err)
	switch {
	case lost, errors.Is(err, kerr.OffsetOutOfRange):
		return final{fmt.Errorf("fetch %s/%d: %w: the log does not hold what is to be stored next; "+
			"find out what is missing, then commit the offset to go on from, without metadata", topic, partition, err)}
	case errors.Is(err, kerr.FencedInstanceID):
		return fenced(err)
	}
	return fmt.Errorf("fetch: %w", err)
}

func fenced(err error) error {
	return final{fmt.Errorf("another process runs with the same instance id: %w", err)}
}

func (m *member) push(topic string, p kgo.FetchPartition) {
	m.mu.Lock()
	s := m.shares[place{topic, p.Partition}]
	m.mu.Unlock()
	if s != nil && len(p.Records) > 0 {
		s.push(p.Records)
	}
}

// offsetsFetched finds out where newly assigned partitions begin, before any of
// their records is fetched.
func (m *member) offsetsFetched(ctx context.Context, cl *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	err := m.find(ctx, cl, resp)
	if _, ok := errors.AsType[final](err); ok {
		m.end(err)
	}
	return err
}

func (m *member) find(ctx context.Context, cl *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	logs, err := LogIDs(ctx, cl, m.g.cfg.Cell, slices.Collect(maps.Keys(m.g.cfg.Topics))...)
	if err != nil {
		return err
	}
	if err := m.g.meet(logs); err != nil {
		return err
	}
	topics := slices.Collect(maps.Keys(m.g.topics))
	starts, err := kadm.NewClient(cl).ListStartOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("list start offsets: %w", err)
	}
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("list end offsets: %w", err)
	}
	m.fetched = map[place]start{}
	for _, group := range resp.Groups {
		for _, t := range group.Topics {
			for _, p := range t.Partitions {
				at := place{t.Topic, p.Partition}
				first, ok := starts.Lookup(at.topic, at.partition)
				if !ok {
					first.Err = kerr.UnknownTopicOrPartition
				}
				if first.Err != nil {
					return fmt.Errorf("list start offset of %s/%d: %w", at.topic, at.partition, first.Err)
				}
				s, err := m.g.start(at, logs[m.g.topics[at.topic]], first.Offset, p)
				if err != nil {
					return err
				}
				end, _ := ends.Lookup(at.topic, at.partition)
				s.end = end.Offset
				m.fetched[at] = s
			}
		}
	}
	return nil
}

// start is where a share begins.
type start struct {
	kgo.EpochOffset
	mark
	end int64 // of what readers may read
}

// start reads a committed offset. first is where the log begins.
func (g *Group) start(at place, log stream.LogID, first int64, p kmsg.OffsetFetchResponseGroupTopicPartition) (start, error) {
	s := start{EpochOffset: kgo.EpochOffset{Epoch: -1, Offset: first}, mark: mark{Log: log}}
	if p.Offset < 0 {
		return s, nil
	}
	s.EpochOffset = kgo.EpochOffset{Epoch: p.LeaderEpoch, Offset: p.Offset}
	// No metadata: a person has put the group there.
	if p.Metadata != nil && *p.Metadata != "" {
		var err error
		if s.mark, err = decodeMark(p.Offset, *p.Metadata); err != nil {
			return s, final{fmt.Errorf("offset of %s/%d: %w: this group is ours alone", at.topic, at.partition, err)}
		}
		if s.Log != log {
			return s, g.anotherLog(at.topic, s.Log, log)
		}
	}
	if p.Offset < first {
		return s, final{fmt.Errorf("topic %s, partition %d: offsets %d to %d were deleted before they were stored: "+
			"find out what is missing, then commit offset %d without metadata to go on", at.topic, at.partition, p.Offset, first, first)}
	}
	return s, nil
}

// assigned starts a share for every partition whose offset was fetched.
func (m *member) assigned(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	token, _ := m.cl.GroupMetadata()
	for topic, ps := range offsets {
		for partition := range ps {
			at := place{topic, partition}
			s, ok := m.fetched[at]
			if !ok {
				return nil, fmt.Errorf("no offset of %s/%d was fetched", topic, partition)
			}
			m.halt(at)
			m.mu.Lock()
			m.shares[at] = newShare(m, at, token, s, m.since)
			m.mu.Unlock()
			ps[partition] = kgo.NewOffset().At(s.Offset).WithEpoch(s.Epoch)
		}
	}
	m.mu.Lock()
	m.since = time.Time{}
	m.mu.Unlock()
	return offsets, nil
}

// revoked returns when no goroutine of these partitions is left: each is the only
// one that commits for its partition, so nothing is committed afterwards. The
// group hands the partitions on only after this.
func (m *member) revoked(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	var all []place
	for topic, partitions := range lost {
		for _, p := range partitions {
			all = append(all, place{topic, p})
		}
	}
	m.halt(all...)
}

func (m *member) halt(all ...place) {
	var gone []*share
	m.mu.Lock()
	for _, at := range all {
		if s := m.shares[at]; s != nil {
			s.cancel()
			gone = append(gone, s)
			delete(m.shares, at)
		}
	}
	m.mu.Unlock()
	for _, s := range gone {
		<-s.done
		s.resume() // a pause outlives the assignment
	}
}

// close stops all shares, then leaves the group, unless membership is static.
func (m *member) close() {
	m.end(nil)
	m.mu.Lock()
	all := slices.Collect(maps.Keys(m.shares))
	m.mu.Unlock()
	m.halt(all...)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	m.cl.AllowRebalance()
	m.cl.LeaveGroupContext(ctx) // what it could not say the session timeout will
	m.cl.Close()
}
