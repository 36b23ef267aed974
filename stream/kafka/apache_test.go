package kafka

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// The tests of this file are about what Apache Kafka does and the embedded broker
// does not.

// TestRestoreSeesTheLastCommit: when the end of a transaction is answered, its
// marker need not be written everywhere, so the last stable offset lags, and a
// restore up to there would miss what was committed.
func TestRestoreSeesTheLastCommit(t *testing.T) {
	l := newHistoryLog(t, apache(t))
	lagged := 0
	for i := range 30 {
		l.begin(keyed("k", strconv.Itoa(i)))
		l.end(kgo.TryCommit)
		stable, err := kadm.NewClient(l.plain).ListCommittedOffsets(t.Context(), l.log)
		if err != nil {
			t.Fatal(err)
		}
		got := l.state()["k"]
		if got != strconv.Itoa(i) {
			t.Fatalf("after the commit of %d the changelog says %q", i, got)
		}
		if _, end, err := l.Bounds(t.Context()); err != nil {
			t.Fatal(err)
		} else if o, _ := stable.Lookup(l.log, 0); o.Offset < end {
			lagged++
		}
	}
	t.Logf("the last stable offset lagged behind %d of 30 commits", lagged)
}

// TestTransactionsDoNotStall: a produce that meets the end of the transaction
// before it is tried again after the next load of metadata, which is 5 s away
// unless we say otherwise. What is asserted is that we do; the times are shown.
func TestTransactionsDoNotStall(t *testing.T) {
	l := newHistoryLog(t, apache(t))
	s := sessionOf(t, l, "a", fromStart)
	for name, cl := range map[string]*kgo.Client{"session": s.s.Client(), "reader": l.reader.Client()} {
		if age := cl.OptValue(kgo.MetadataMinAge).(time.Duration); age > 100*time.Millisecond {
			t.Errorf("%s loads metadata after %s at the soonest", name, age)
		}
	}
	var times []time.Duration
	for i := range 6 {
		topic, _ := l.testLog.topic(t, fmt.Sprintf("fresh-%d", i), 6)
		cl := l.client(t, kgo.TransactionalID(l.name(fmt.Sprintf("txn-%d", i))), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for range 8 {
			began := time.Now()
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			var rs []*kgo.Record
			for p := range int32(6) {
				rs = append(rs, &kgo.Record{Topic: topic, Partition: p, Value: []byte("v")})
			}
			if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
			times = append(times, time.Since(began))
		}
	}
	slices.Sort(times)
	stalls := 0
	for _, d := range times {
		if d > 2*time.Second {
			stalls++
		}
	}
	t.Logf("%d transactions on fresh topics: median %s, slowest %s, %d over 2 s", len(times), times[len(times)/2], times[len(times)-1], stalls)
}

// TestMetadataLimit: the broker takes 4,096 bytes with an offset and no more; we
// refuse earlier, and no mark of ours can come near.
func TestMetadataLimit(t *testing.T) {
	l := apache(t)
	topic, _ := l.topic(t, "a.v1", 1)
	commit := func(n int) error {
		var os kadm.Offsets
		os.Add(kadm.Offset{Topic: topic, At: 1, LeaderEpoch: -1, Metadata: strings.Repeat("m", n)})
		return kadm.NewClient(l.client(t)).CommitAllOffsets(t.Context(), l.name("g"), os)
	}
	if err := commit(4096); err != nil {
		t.Errorf("4,096 bytes: %v", err)
	}
	if err := commit(4097); err == nil || !strings.Contains(err.Error(), kerr.OffsetMetadataTooLarge.Message) {
		t.Errorf("4,097 bytes: %v", err)
	}
	longest := mark{Log: stream.LogID(strings.Repeat("f", 32)), Next: math.MaxInt64, N: math.MaxInt64, Hash: strings.Repeat("f", 16)}
	s, err := longest.encode()
	if err != nil || len(s) > 200 {
		t.Errorf("the longest mark has %d bytes, %v", len(s), err)
	}

	// A share refuses before it asks the broker, which would refuse without a word
	// about why: nothing is committed.
	sh := &share{at: place{topic, 0}, ctx: t.Context()}
	longest.Log = stream.LogID(strings.Repeat("f", maxMark))
	if err := sh.commit(1, -1, longest); err == nil || !strings.Contains(err.Error(), "at most 4000 are allowed") {
		t.Errorf("a mark of more than 4,000 bytes: %v", err)
	}
}

// TestStaticMembers: a member that is killed and comes back under its name takes
// its partitions back at once; nobody else's move, and the group keeps its
// generation. The group is of the classic protocol: with the other one the broker
// refuses the name until the session of the dead ends.
func TestStaticMembers(t *testing.T) {
	on := apache(t)
	topic, _ := on.topic(t, "in", 4)
	session := func(instance string) *Session {
		s, err := NewSession(t.Context(), on.cfg, SessionConfig{
			Group: on.name("g"), Instance: on.name(instance), Transaction: on.name(instance), Topic: topic,
			SessionTimeout: on.session, FetchBytes: 1 << 20, Taken: func([]int32) {},
			Start: func(_ context.Context, committed map[int32]int64) (map[int32]int64, error) {
				return fromStart(committed), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	poll := func(s *Session) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := s.Poll(ctx, 1)
		if err == nil && s.Revoked() {
			err = s.Rollback(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func(s *Session, n int) func() bool {
		return func() bool { poll(s); return len(s.Assigned()) == n }
	}
	generation := func(s *Session) int32 { _, g := s.s.Client().GroupMetadata(); return g }

	a := session("a")
	until(t, has(a, 4))
	b := session("b")
	until(t, func() bool { return has(a, 2)() && has(b, 2)() })
	back := func(name string, dead, other *Session, rises int32) *Session {
		t.Helper()
		mine, theirs, was := dead.Assigned(), other.Assigned(), generation(other)
		dead.Close() // as a kill does: it does not leave
		began := time.Now()
		again := session(name)
		until(t, has(again, 2))
		took := time.Since(began)
		if got := again.Assigned(); !maps.Equal(got, mine) {
			t.Errorf("%s had %v and got %v", name, mine, got)
		}
		poll(other)
		if got := other.Assigned(); !maps.Equal(got, theirs) {
			t.Errorf("the other of %s had %v and has %v", name, theirs, got)
		}
		if now := generation(again); now > was+rises {
			t.Errorf("generation %d became %d with %s", was, now, name)
		}
		if took >= on.session/2 {
			t.Errorf("it took %s, as if the session of the dead had to end", took)
		}
		t.Logf("%s is back after %s, generation %d became %d", name, took, was, generation(again))
		return again
	}
	b = back("b", b, a, 0)
	// The first member leads: its client asks for a new generation where it would
	// have shared otherwise, in which nothing moves.
	back("a", a, b, 1)

	list := kmsg.NewPtrListGroupsRequest()
	list.TypesFilter = []string{"classic"}
	groups, err := list.RequestWith(t.Context(), on.client(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(groups.Groups, func(g kmsg.ListGroupsResponseGroup) bool { return g.Group == on.name("g") }) {
		t.Error("the group is not of the classic protocol")
	}
}

// TestStaticSink is the same for a sink's group: what was stored by a member that
// comes back goes on at once, without the other hearing of it.
func TestStaticSink(t *testing.T) {
	on := apache(t)
	topic, _ := on.topic(t, "a.v1", 2)
	s := newShelf()
	produceBoth := func() {
		for p := range int32(2) {
			produce(t, on, kvs(topic, p, 10)...)
		}
	}
	one := testGroup(t, on, "g", "one", limitsOf(5), s)
	stop := launch(t, one)
	launch(t, testGroup(t, on, "g", "two", limitsOf(5), s))
	produceBoth()
	for p := range int32(2) {
		s.wait(t, place{topic, p}, 10)
	}
	members := func() map[string]string {
		gs, err := kadm.NewClient(on.client(t)).DescribeGroups(t.Context(), on.name("g"))
		if err != nil {
			t.Fatal(err)
		}
		is := map[string]string{}
		for _, m := range gs[on.name("g")].Members {
			if m.InstanceID != nil {
				is[*m.InstanceID] = m.MemberID
			}
		}
		return is
	}
	until(t, func() bool { return len(members()) == 2 })
	was := members()
	stop()
	began := time.Now()
	launch(t, testGroup(t, on, "g", "one", limitsOf(5), s))
	produceBoth()
	for p := range int32(2) {
		s.wait(t, place{topic, p}, 20)
	}
	if took := time.Since(began); took >= on.session {
		t.Errorf("it took %s, as long as a session", took)
	}
	now := members()
	if len(now) != 2 || now["two"] != was["two"] || now["one"] == was["one"] {
		t.Errorf("members were %v and are %v", was, now)
	}
	for p := range int32(2) {
		s.whole(t, on, place{topic, p}, 0, 20)
	}
}

// TestVerifySettings: topics are made with all their settings, and what somebody
// has made or altered otherwise is told, with what it should be.
func TestVerifySettings(t *testing.T) {
	on := apache(t)
	cl := on.client(t)
	topics := wire.Topics(4)
	if _, err := Ensure(t.Context(), cl, on.cell, topics, 3); err != nil {
		t.Fatal(err)
	}
	verify := func(topics []wire.Topic, replicas int16) error {
		return Verify(t.Context(), cl, on.cell, topics, replicas)
	}
	until(t, func() bool { return verify(topics, 3) == nil }) // each broker learns of new topics in its own time
	name := wire.TopicName(on.cell, wire.TopicDevice)
	set := func(key, value string) {
		t.Helper()
		rs, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, name)
		if err == nil {
			err = rs[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ key, right, wrong string }{
		{"message.timestamp.type", "LogAppendTime", "CreateTime"},
		{"max.message.bytes", "2097152", "1048588"},
		{"cleanup.policy", "delete", "compact"},
		{"retention.ms", "1814400000", "60000"},
		{"min.insync.replicas", "2", "1"},
	} {
		set(c.key, c.wrong)
		want := fmt.Sprintf("topic %s: %s is %s, want", name, c.key, c.wrong)
		// Another broker may still answer with the old setting for a moment.
		until(t, func() bool {
			err := verify(topics, 3)
			return err != nil && strings.Contains(err.Error(), want) && strings.Contains(err.Error(), c.right)
		})
		set(c.key, c.right)
		until(t, func() bool { return verify(topics, 3) == nil })
	}
	if err := verify(wire.Topics(8), 3); err == nil || !strings.Contains(err.Error(), name+": partitions is 4, want 8") {
		t.Errorf("other partitions: %v", err)
	}
	if _, err := Ensure(t.Context(), cl, on.cell, []wire.Topic{{Name: "thin", Partitions: 1, Retention: time.Hour, MaxBytes: 1 << 20}}, 1); err != nil {
		t.Fatal(err)
	}
	err := verify([]wire.Topic{{Name: "thin", Partitions: 1, Retention: time.Hour, MaxBytes: 1 << 20}, {Name: "none", Partitions: 1}}, 3)
	for _, say := range []string{"thin: replication.factor is 1, want at least 3", "thin: min.insync.replicas is 1, want at least 2", "none"} {
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %q", err, say)
		}
	}
}
