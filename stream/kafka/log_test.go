package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka/kafkatest"
	"github.com/wearstream/wearstream/stream/wire"
)

// testLog is what a test runs on: the embedded broker or Apache Kafka.
type testLog struct {
	cfg      Config
	cell     string // names of groups, instances and transactions begin with it, too
	replicas int16
	session  time.Duration  // the shortest that the broker grants
	cluster  *kfake.Cluster // nil: Apache Kafka
}

// onBoth runs a test on the embedded broker and, in a cell of its own, on Apache
// Kafka. These stay on the embedded one:
//
//	TestBroker*                    are about it
//	TestGroupCrash                 tells the broker which commit to refuse; TestKill of the
//	                               processor crashes members of Apache Kafka
//	TestGroupZombie, TestGroupCommitsUnderTheIdOfTheAssignment
//	                               tell the broker when not to hear a member; TestZombie of the
//	                               processor stops a process
//	TestGroupMetrics               needs append times that the test chooses
//	TestChangelogCleaned           is about its cleaner
//	TestEnsure                     changes settings to what Apache Kafka refuses; TestVerifySettings
//	                               is the same there
func onBoth(t *testing.T, f func(*testing.T, *testLog)) {
	t.Run("embedded", func(t *testing.T) { f(t, embedded(t)) })
	t.Run("kafka", func(t *testing.T) { f(t, apache(t)) })
}

func embedded(t *testing.T) *testLog {
	t.Helper()
	b := testBroker(t)
	return &testLog{Config{Brokers: b.Addrs()}, cell, 1, time.Second, b.cluster}
}

func apache(t *testing.T) *testLog {
	t.Helper()
	return &testLog{Config{Brokers: kafkatest.Brokers(t)}, kafkatest.Name(t), 3, 6 * time.Second, nil}
}

// Addrs are the broker's.
func (l *testLog) Addrs() []string { return l.cfg.Brokers }

func (l *testLog) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(l.cfg.Options(), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// topic makes a topic and answers its full name and its log's id.
func (l *testLog) topic(t *testing.T, name string, partitions int32) (string, stream.LogID) {
	t.Helper()
	topic := wire.Topic{Name: name, Partitions: partitions, Retention: time.Hour, MaxBytes: 2 << 20}
	ids, err := Ensure(t.Context(), l.client(t), l.cell, []wire.Topic{topic}, l.replicas)
	if err != nil {
		t.Fatal(err)
	}
	return wire.TopicName(l.cell, name), ids[name]
}

func (l *testLog) name(short string) string { return l.cell + "-" + short }
