package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestStableOffsets: the first offset that a group commits, in a transaction that
// is still open, is waited for. Asked for all that the group has committed, the
// broker answers as if there were none.
func TestStableOffsets(t *testing.T) {
	l := newHistoryLog(t, apache(t))
	l.begin(&kgo.Record{Value: []byte("v")})
	l.commitInTransaction(3)

	all, err := kadm.NewClient(l.plain).FetchOffsets(kadm.RequireStable(t.Context()), l.name("g"))
	if err != nil || len(all) != 0 {
		t.Errorf("asked for all, the broker answers %v, %v: it has learned to wait", all, err)
	}
	if _, err := stableOffsetsOnce(t.Context(), l.plain, l.name("g"), l.log); !errors.Is(err, kerr.UnstableOffsetCommit) {
		t.Errorf("beside the open transaction: %v", err)
	}
	answer := make(chan map[int32]int64)
	go func() {
		is, err := stableOffsets(t.Context(), l.plain, l.name("g"), l.log)
		if err != nil {
			t.Error(err)
		}
		answer <- is
	}()
	select {
	case is := <-answer:
		t.Fatalf("answered %v beside an open transaction", is)
	case <-time.After(200 * time.Millisecond):
	}
	l.end(kgo.TryCommit)
	if is := <-answer; is[0] != 3 {
		t.Errorf("after the commit: %v", is)
	}
}

// commitInTransaction commits an offset of the log in the open transaction.
func (l *historyLog) commitInTransaction(offset int64) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	id, epoch, err := l.txn.ProducerID(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = l.name("txn"), id, epoch, l.name("g")
	added, err := add.RequestWith(ctx, l.txn)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	topicID, _, err := l.reader.locate(ctx, l.log, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Offset = offset
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = l.log, topicID, []kmsg.TxnOffsetCommitRequestTopicPartition{part}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = l.name("txn"), id, epoch, l.name("g")
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{topic}
	done, err := commit.RequestWith(ctx, l.txn)
	if err == nil {
		err = kerr.ErrorForCode(done.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}
