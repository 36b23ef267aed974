package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// onAssigned runs before the client asks for the offsets of what it was assigned.
func (s *Session) onAssigned(ctx context.Context, cl *kgo.Client, assigned map[string][]int32) {
	s.kafka.Metrics.rebalanced(s.cfg.Group)
	partitions := assigned[s.cfg.Topic]
	if s.cfg.Changelog == "" || len(partitions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.abortOrphans(ctx, cl, partitions); err != nil && s.kafka.Log != nil {
		s.kafka.Log.Warn("transactions that a dead member may have left open are left to their timeout", "partition", partitions, "err", s.kafka.Explain(err))
	}
}

// abortOrphans aborts the transactions that are open on these partitions of the
// changelog and whose owners are not in the group: a member that died, or sleeps,
// and was given up. Otherwise a restore, and everybody who reads what is committed,
// would wait for the transaction to time out, and then for the broker to notice,
// which by default looks every 10 s.
//
// An owner that is in the group lives and ends its transaction by itself. One that
// comes back just now is fenced: it loses the transaction, and makes a new session.
func (s *Session) abortOrphans(ctx context.Context, cl *kgo.Client, partitions []int32) error {
	adm := kadm.NewClient(cl)
	places := kadm.TopicsSet{}
	places.Add(s.cfg.Changelog, partitions...)
	producers, err := adm.DescribeProducers(ctx, places)
	if err != nil {
		return fmt.Errorf("describe producers of %s: %w", s.cfg.Changelog, err)
	}
	var open []int64
	producers.EachProducer(func(p kadm.DescribedProducer) {
		if p.CurrentTxnStartOffset >= 0 {
			open = append(open, p.ProducerID)
		}
	})
	if len(open) == 0 {
		return nil
	}
	transactions, err := adm.ListTransactions(ctx, open, nil)
	if err != nil {
		return fmt.Errorf("list transactions: %w", err)
	}
	groups, err := adm.DescribeGroups(ctx, s.cfg.Group)
	if err == nil {
		err = groups.Error()
	}
	if err != nil {
		return fmt.Errorf("describe group %s: %w", s.cfg.Group, err)
	}
	for _, m := range groups[s.cfg.Group].Members {
		if m.InstanceID != nil {
			delete(transactions, *m.InstanceID)
		}
	}
	for _, id := range transactions.TransactionalIDs() {
		if err := fence(ctx, append(s.kafka.Options(), s.cfg.transaction(id)...)); err != nil {
			return fmt.Errorf("fence transactional id %s: %w", id, err)
		}
	}
	return nil
}
