package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// SessionConfig is one member of a group that reads one topic and writes what it
// makes of it, with its own offsets, in transactions.
type SessionConfig struct {
	Group          string
	Instance       string // static membership: unique in the group, the same after a restart
	Transaction    string // transactional id: unique in the cluster, the same after a restart
	Topic          string // full name of the input
	Changelog      string // full name of a topic with the partitions of Topic that every transaction writes; empty: none. With it Instance must be Transaction
	SessionTimeout time.Duration
	FetchBytes     int32 // of each partition in one fetch

	// Start is asked where newly assigned partitions begin, given the group's
	// stable committed offsets (-1: none). A partition that it leaves out is not
	// read. It runs beside Poll; while it does, the membership is kept alive, and
	// its context ends when the partitions are taken away again.
	Start func(ctx context.Context, committed map[int32]int64) (map[int32]int64, error)

	// Taken is told which partitions were taken away. It must not wait, and may
	// not hear of all: the client merges notices that come between two ends of
	// transactions. Assigned is the truth.
	Taken func(partitions []int32)
}

// Session is a transactional member of a group, from its first poll to Close.
// One goroutine uses it. After an error it is of no use: close it and make
// another, which fences what this one has left open.
type Session struct {
	kafka Config
	cfg   SessionConfig
	s     *kgo.GroupTransactSession

	pulse   pulse
	revoked atomic.Bool
	mu      sync.Mutex
	wake    context.CancelFunc // ends the poll under way
	failed  error              // first record that the log did not take
}

// SessionBatch is what a poll brought of one partition, in offset order.
type SessionBatch struct {
	Partition int32
	Records   []stream.Record
}

const (
	sessionBatchMax = 2 << 20 // lets a record of a full device payload and its headers through
	sessionFetchMax = 512 << 20
)

// NewSession fences the earlier session of these names and joins the group.
func NewSession(ctx context.Context, kafka Config, cfg SessionConfig) (*Session, error) {
	transaction := cfg.transaction(cfg.Transaction)
	if err := fence(ctx, append(kafka.Options(), transaction...)); err != nil {
		return nil, fmt.Errorf("fence transactional id %s: %w", cfg.Transaction, kafka.Explain(err))
	}
	s := &Session{kafka: kafka, cfg: cfg}
	s.pulse.beat()
	session, err := kgo.NewGroupTransactSession(append(append(kafka.Options(), transaction...),
		kgo.ConsumerGroup(cfg.Group),
		kgo.InstanceID(cfg.Instance),
		kgo.ConsumeTopics(cfg.Topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.HeartbeatInterval(cfg.SessionTimeout/5),
		// A member that stalls in a rebalance holds up all for so long.
		kgo.RebalanceTimeout(2*cfg.SessionTimeout),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Far above what the partitions' limits add up to: the embedded broker
		// forgets to name aborted transactions in an answer that this limit cuts.
		kgo.FetchMaxBytes(sessionFetchMax),
		kgo.BrokerMaxReadBytes(sessionFetchMax+1<<20),
		kgo.FetchMaxPartitionBytes(cfg.FetchBytes),
		// A lost offset is for people to look at; the client must not choose another.
		kgo.ConsumeStartOffset(kgo.NoResetOffset()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.WithHooks(&s.pulse),
		kgo.OnPartitionsAssigned(s.onAssigned),
		kgo.AdjustFetchOffsetsFn(s.start),
		kgo.OnPartitionsRevoked(s.onRevoked),
		kgo.ProducerBatchMaxBytes(sessionBatchMax),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int { return sessionPartition })),
	)...)
	if err != nil {
		return nil, fmt.Errorf("make session of group %s: %w", cfg.Group, err)
	}
	s.s = session
	return s, nil
}

// transaction are the options of a transactional id. The timeout is longer than
// the session: an owner that lives is not cut off, and one that died holds readers
// up for no longer, where nobody takes its partitions.
func (c SessionConfig) transaction(id string) []kgo.Opt {
	return []kgo.Opt{kgo.TransactionalID(id), kgo.TransactionTimeout(c.SessionTimeout + 5*time.Second)}
}

// fence aborts what is left open of a transactional id. A client does so with
// its first transaction only, and a restore, which comes before that, would wait
// for what we have left open ourselves until it times out.
func fence(ctx context.Context, opts []kgo.Opt) error {
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	_, _, err = cl.ProducerID(ctx)
	return err
}

// sessionPartition takes the record's own partition, or lets the key decide.
func sessionPartition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return int(wire.PartitionOf(string(r.Key), int32(n)))
}

// start runs in the client, after it has fetched stable offsets and before it
// reads a record of these partitions. What it answers is also what the client
// goes back to when the first transaction is rolled back.
func (s *Session) start(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	committed := map[int32]int64{}
	for p, o := range offsets[s.cfg.Topic] {
		committed[p] = max(-1, o.EpochOffset().Offset)
	}
	at, err := s.cfg.Start(ctx, committed)
	if err != nil {
		return nil, err
	}
	begin := map[int32]kgo.Offset{}
	for p, offset := range at {
		o := kgo.NoResetOffset().At(offset)
		if offset == committed[p] {
			o = o.WithEpoch(offsets[s.cfg.Topic][p].EpochOffset().Epoch)
		}
		begin[p] = o
	}
	return map[string]map[int32]kgo.Offset{s.cfg.Topic: begin}, nil
}

// onRevoked only takes note: ending the transaction in here would deadlock.
func (s *Session) onRevoked(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	if len(partitions) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked.Store(true)
	if s.wake != nil {
		s.wake()
	}
	s.cfg.Taken(partitions[s.cfg.Topic])
}

// Revoked reports whether partitions were taken away since the last End. The
// transaction can then only be rolled back.
func (s *Session) Revoked() bool { return s.revoked.Load() }

// Member reports whether the group has taken this member in.
func (s *Session) Member() bool {
	_, generation := s.s.Client().GroupMetadata()
	return generation >= 0
}

// Silence is for how long no broker has answered.
func (s *Session) Silence() time.Duration { return s.pulse.silence() }

// Assigned are the partitions that this member reads.
func (s *Session) Assigned() map[int32]bool {
	is := map[int32]bool{}
	for p := range s.s.Client().CommittedOffsets()[s.cfg.Topic] {
		is[p] = true
	}
	return is
}

// Poll waits for records. It brings nothing when ctx ends or partitions are
// taken away.
func (s *Session) Poll(ctx context.Context, records int) ([]SessionBatch, error) {
	polling, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.wake = cancel
	s.mu.Unlock()
	if s.Revoked() {
		return nil, nil
	}
	fetches := s.s.PollRecords(polling, records)
	for _, e := range fetches.Errors() {
		if polling.Err() != nil && errors.Is(e.Err, polling.Err()) {
			continue
		}
		if errors.Is(e.Err, kerr.FencedInstanceID) {
			return nil, &SessionFault{fmt.Errorf("another process runs with the instance id %s: %w", s.cfg.Instance, e.Err)}
		}
		return nil, fmt.Errorf("poll %s/%d: %w", s.cfg.Topic, e.Partition, s.kafka.Explain(e.Err))
	}
	var batches []SessionBatch
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		b := SessionBatch{Partition: p.Partition, Records: make([]stream.Record, len(p.Records))}
		for i, r := range p.Records {
			b.Records[i] = record(r)
		}
		batches = append(batches, b)
	})
	return batches, nil
}

// Begin opens a transaction.
func (s *Session) Begin() error {
	s.mu.Lock()
	s.failed = nil
	s.mu.Unlock()
	if err := s.s.Begin(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	return nil
}

// Produce writes a record in the transaction; a negative partition lets the key
// decide. Records of one partition keep their order. What the log does not take
// is said by End.
func (s *Session) Produce(r *kgo.Record) {
	// No context with an end: a record that is given up breaks the transaction.
	s.s.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		if err == nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failed == nil {
			s.failed = fmt.Errorf("produce %d bytes to %s/%d: %w", len(r.Key)+len(r.Value), r.Topic, r.Partition, err)
		}
	})
}

// Commit ends the transaction with the offsets of all that was polled and
// reports whether it is committed. If not, the client is back where the last one
// ended; ask Committed whether that is where the group is. Any error leaves open
// what became of it.
func (s *Session) Commit(ctx context.Context) (bool, error) {
	// The client would commit without the records that failed.
	if err := s.s.Client().Flush(ctx); err != nil {
		return false, fmt.Errorf("flush transaction: %w", err)
	}
	if err := s.refused(); err != nil {
		return false, err
	}
	committed, err := s.end(ctx, kgo.TryCommit)
	if err != nil {
		return false, fmt.Errorf("commit transaction: %w", err)
	}
	return committed, nil
}

// Committed asks for the group's offsets, -1 for none; those of a transaction that
// is ending are waited for, or are an error.
func (s *Session) Committed(ctx context.Context) (map[int32]int64, error) {
	committed, err := stableOffsets(ctx, s.s.Client(), s.cfg.Group, s.cfg.Topic)
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", s.cfg.Group, err)
	}
	return committed, nil
}

// refused answers the first record of the transaction that the log did not take.
func (s *Session) refused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if permanent(s.failed) {
		return &SessionFault{s.failed}
	}
	return s.failed
}

// Rollback drops the transaction, if one is open, and goes back to where the
// last one ended. It also takes note that partitions were taken away.
func (s *Session) Rollback(ctx context.Context) error {
	if _, err := s.end(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("roll back transaction: %w", err)
	}
	return nil
}

func (s *Session) end(ctx context.Context, how kgo.TransactionEndTry) (bool, error) {
	s.revoked.Store(false) // what is revoked from here on, the next poll or End learns
	return s.s.End(ctx, how)
}

// Ends asks again and again up to where readers may read the topic, until ctx ends.
func (s *Session) Ends(ctx context.Context, told func(map[int32]int64)) {
	Ends(ctx, s.s.Client(), func(ends kadm.ListedOffsets) { told(offsetsOf(ends, s.cfg.Topic)) }, s.cfg.Topic)
}

// Close leaves an open transaction and the membership to the next session of
// these names.
func (s *Session) Close() { s.s.Close() }

// SessionFault is what no new session can mend: the log refuses a record for
// what it is, or another process has our name.
type SessionFault struct{ error }

func (f *SessionFault) Unwrap() error { return f.error }

func permanent(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.InvalidRecord)
}
