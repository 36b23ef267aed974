package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
)

// A process that dies at any durable step leaves the sink with each cut as it
// was, or without it.
func TestGroupCrash(t *testing.T) {
	b := embedded(t)
	topic, id := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 28)...)

	var mu sync.Mutex
	commits := map[string]func() bool{}
	onCommit(b, func(req *kmsg.OffsetCommitRequest) bool {
		mu.Lock()
		f := commits[req.Group]
		mu.Unlock()
		return f == nil || f()
	})

	for _, step := range []string{"commit not made", "write not made", "write made", "commit made"} {
		for n := 1; n <= 8; n++ {
			if strings.HasPrefix(step, "write") && n > 4 {
				continue
			}
			name := fmt.Sprintf("%s %d", step, n)
			t.Run(name, func(t *testing.T) {
				ctx, crash := context.WithCancelCause(t.Context())
				var count int
				hit := func(kind string) bool { // kind's n-th time
					if !strings.HasPrefix(step, kind) {
						return false
					}
					mu.Lock()
					defer mu.Unlock()
					if count++; count == n {
						crash(errStop)
					}
					return count >= n
				}
				mu.Lock()
				commits[b.name(name)] = func() bool { return !hit("commit") || step == "commit made" && count == n }
				mu.Unlock()

				s := newShelf()
				s.before = func(stream.Cut) error {
					if hit("write not") {
						return errStop
					}
					return ctx.Err()
				}
				s.after = func(stream.Cut) error {
					if hit("write made") {
						return errStop
					}
					return nil
				}
				if err := testGroup(t, b, name, "one", limitsOf(7), s).Run(ctx); !errors.Is(err, errStop) {
					t.Fatalf("Run answered %v", err)
				}
				mu.Lock()
				delete(commits, b.name(name))
				mu.Unlock()

				s.before, s.after = nil, nil
				// Other limits from now on: only the intent can make the same cut.
				stop := launch(t, testGroup(t, b, name, "one", limitsOf(1), s))
				s.wait(t, at, 28)
				// The end of the last cut is committed after it is stored.
				until(t, func() bool { o, _ := committed(t, b, name, at); return o == 28 })
				if err := stop(); !errors.Is(err, errStop) {
					t.Fatalf("Run answered %v", err)
				}
				s.whole(t, b, at, 0, 28)
				if _, m := committed(t, b, name, at); m != `{"log":"`+string(id)+`"}` {
					t.Errorf("offset metadata is %s", m)
				}
				if s.adopts > 0 {
					t.Errorf("%d cuts came again with another end: %v", s.adopts, s.writes)
				}
			})
		}
	}
}

func TestGroupStarts(t *testing.T) { onBoth(t, testGroupStarts) }

func testGroupStarts(t *testing.T, b *testLog) {
	topic, id := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 20)...)
	var os kadm.Offsets
	os.Add(kadm.Offset{Topic: topic, At: 5})
	if rs, err := kadm.NewClient(b.client(t)).DeleteRecords(t.Context(), os); err != nil || rs.Error() != nil {
		t.Fatal(err, rs.Error())
	}

	t.Run("without offsets at the log's start", func(t *testing.T) {
		s := newShelf()
		launch(t, testGroup(t, b, "new", "", limitsOf(5), s))
		s.wait(t, at, 15)
		s.whole(t, b, at, 5, 15)
	})
	t.Run("where a person has put it", func(t *testing.T) {
		plant(t, b, "person", at, 10, "")
		s := newShelf()
		launch(t, testGroup(t, b, "person", "", limitsOf(5), s))
		s.wait(t, at, 10)
		if got := ranges(s.all(at)); !reflect.DeepEqual(got, [][3]int64{{10, 15, 5}, {15, 20, 5}}) {
			t.Errorf("cuts %v", got)
		}
	})
	for _, c := range []struct {
		name     string
		offset   int64
		metadata string
		says     []string
	}{
		{"not on another log", 7, `{"log":"0123"}`, []string{topic, "0123", string(id), "deleted and made again", "--delete-offsets"}},
		{"not on another log, with an intent", 7, `{"log":"0123","next":9,"n":2,"h":"00"}`, []string{"deleted and made again"}},
		{"not where a stranger commits", 7, "member-1", []string{topic, "member-1", "ours alone"}},
		{"not behind deleted records", 3, `{"log":"` + string(id) + `"}`, []string{topic, "offsets 3 to 5 were deleted"}},
		{"not beyond the end", 90, `{"log":"` + string(id) + `"}`, []string{topic, "OFFSET_OUT_OF_RANGE"}},
		{"not on an intent that the log does not hold", 7, `{"log":"` + string(id) + `","next":9,"n":2,"h":"0000000000000000"}`, []string{topic, "offsets 7 to 9", "hash 0000000000000000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plant(t, b, c.name, at, c.offset, c.metadata)
			s := newShelf()
			ends(t, testGroup(t, b, c.name, "", limitsOf(5), s), c.says...)
			if len(s.writes) > 0 {
				t.Errorf("%v was written", s.writes)
			}
			if o, m := committed(t, b, c.name, at); o != c.offset || m != c.metadata {
				t.Errorf("the group stands at %d, %q now", o, m)
			}
		})
	}
}

// A topic that is deleted and made again under a running group is another log.
func TestGroupMeetsAnotherLog(t *testing.T) { onBoth(t, testGroupMeetsAnotherLog) }

func testGroupMeetsAnotherLog(t *testing.T, b *testLog) {
	cl := b.client(t)
	topic, old := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 10)...)

	s := newShelf()
	g := testGroup(t, b, "g", "", limitsOf(5), s)
	done := make(chan error, 1)
	go func() { done <- g.Run(t.Context()) }()
	s.wait(t, at, 10)
	log := readable(t, b, at)
	if _, err := kadm.NewClient(cl).DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	_, id := b.topic(t, "a.v1", 1)
	produce(t, b, kvs(topic, 0, 10)...)
	select {
	case err := <-done:
		for _, say := range []string{topic, string(old), string(id), "deleted and made again"} {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("Run answered %q, which does not say %q", err, say)
			}
		}
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
	s.holds(t, log, at, 0, 10) // nothing of the new log

	// The broker has dropped the offsets together with the topic, so the next
	// start is a start on a new log.
	s = newShelf()
	launch(t, testGroup(t, b, "g", "", limitsOf(5), s))
	s.wait(t, at, 10)
	if got := s.all(at)[0].Log; got != id {
		t.Errorf("log %s, want %s", got, id)
	}
}

// A store that lost its intents together with the offsets says where its cuts end.
func TestGroupAdopts(t *testing.T) { onBoth(t, testGroupAdopts) }

func testGroupAdopts(t *testing.T, b *testLog) {
	topic, id := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 30)...)
	log := readable(t, b, at)

	s := newShelf()
	for _, r := range [][2]int64{{0, 3}, {3, 15}, {15, 20}} { // shorter, longer, the same
		cut := stream.Cut{Range: stream.Range{Log: id, Topic: topic, First: r[0], Next: r[1]}, Records: log[r[0]:r[1]]}
		if err := s.put(cut); err != nil {
			t.Fatal(err)
		}
	}
	launch(t, testGroup(t, b, "g", "", limitsOf(5), s))
	s.wait(t, at, 30)
	s.whole(t, b, at, 0, 30)
	if s.adopts != 2 {
		t.Errorf("%d cuts were adopted: %v", s.adopts, s.writes)
	}

	contrary := newShelf()
	contrary.before = func(cut stream.Cut) error { return &stream.AdoptError{Next: cut.Next + 1} }
	ends(t, testGroup(t, b, "contrary", "", limitsOf(5), contrary), "the store holds a cut that ends before offset 7")
}

// Control records and aborted transactions leave gaps; ranges tile over them.
func TestGroupOverTransactions(t *testing.T) { onBoth(t, testGroupOverTransactions) }

func testGroupOverTransactions(t *testing.T, b *testLog) {
	topic, _ := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	cl := b.client(t, kgo.TransactionalID(b.name("x")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 12 {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), kvs(topic, 0, 3)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(i%3 != 0)); err != nil {
			t.Fatal(err)
		}
	}
	s := newShelf()
	launch(t, testGroup(t, b, "g", "", limitsOf(4), s))
	s.wait(t, at, 24)
	s.whole(t, b, at, 0, 24)
	gaps := 0
	for _, c := range s.all(at) {
		gaps += int(c.Next-c.First) - len(c.Records)
	}
	if gaps != 4*4+7 { // four aborted with their markers, and the markers between the others
		t.Errorf("ranges cover %d offsets that hold nothing: %v", gaps, ranges(s.all(at)))
	}
}

// Members come and go while records arrive; nothing is lost, torn or doubled.
func TestGroupRebalances(t *testing.T) { onBoth(t, testGroupRebalances) }

func testGroupRebalances(t *testing.T, b *testLog) {
	topic, _ := b.topic(t, "a.v1", 4)
	produceAll := func() {
		for p := range int32(4) {
			produce(t, b, kvs(topic, p, 40)...)
		}
	}
	s := newShelf()
	all := func(n int) {
		for p := range int32(4) {
			s.wait(t, place{topic, p}, n)
		}
	}
	stops := map[string]func() error{}
	for i, instance := range []string{"one", "two", "three"} {
		stops[instance] = launch(t, testGroup(t, b, "g", instance, limitsOf(5), s))
		produceAll()
		all(40 * (i + 1))
	}
	stops["one"]()
	produceAll()
	all(160)
	stops["two"]()
	stops["one"] = launch(t, testGroup(t, b, "g", "one", limitsOf(5), s))
	produceAll()
	all(200)
	for p := range int32(4) {
		s.whole(t, b, place{topic, p}, 0, 200)
	}
	if s.adopts > 0 {
		t.Errorf("%d cuts came again with another end", s.adopts)
	}
}

// A member that was thought dead wakes up inside Write and tries to commit.
func TestGroupZombie(t *testing.T) {
	b := embedded(t)
	topic, _ := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 20)...)

	var mu sync.Mutex
	var zombie string // member id
	var asleep bool
	var tried int
	onCommit(b, func(req *kmsg.OffsetCommitRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		if zombie == "" {
			zombie = req.MemberID
		} else if asleep && req.MemberID == zombie {
			tried++
		}
		return true
	})
	b.cluster.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		// The group does not hear the zombie, which does not know.
		return r.ResponseKind(), nil, asleep && r.(*kmsg.HeartbeatRequest).MemberID == zombie
	})

	s := newShelf()
	sleeps, wakes := make(chan struct{}), make(chan struct{})
	var dead atomicWriter
	dead.f = func(_ context.Context, cut stream.Cut) error {
		if cut.First == 5 && dead.once() {
			mu.Lock()
			asleep = true
			mu.Unlock()
			close(sleeps)
			<-wakes // whatever the context says
		}
		return s.put(cut)
	}
	stopDead := launch(t, testGroup(t, b, "g", "", limitsOf(5), &dead))
	<-sleeps
	launch(t, testGroup(t, b, "g", "", limitsOf(5), s))
	s.wait(t, at, 20)
	until(t, func() bool { o, _ := committed(t, b, "g", at); return o == 20 })
	close(wakes)
	until(t, func() bool { mu.Lock(); defer mu.Unlock(); return tried > 0 })

	produce(t, b, kvs(topic, 0, 10)...)
	s.wait(t, at, 30)
	stopDead()
	if o, _ := committed(t, b, "g", at); o < 20 {
		t.Errorf("the zombie put the group back to %d", o)
	}
	s.whole(t, b, at, 0, 30)
	if s.adopts > 0 {
		t.Errorf("%d cuts came again with another end: %v", s.adopts, s.writes)
	}
}

type atomicWriter struct {
	f   func(context.Context, stream.Cut) error
	did sync.Once
}

func (w *atomicWriter) Write(ctx context.Context, cut stream.Cut) error { return w.f(ctx, cut) }
func (w *atomicWriter) once() (first bool) {
	w.did.Do(func() { first = true })
	return first
}

// A client that was thrown out while it rejoined takes a new member id and keeps
// its partitions silently. What it held under the old one must not be committed.
func TestGroupCommitsUnderTheIdOfTheAssignment(t *testing.T) {
	b := embedded(t)
	topic, _ := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	produce(t, b, kvs(topic, 0, 10)...)

	var mu sync.Mutex
	var ids []string // of members that committed, as they first did
	onCommit(b, func(req *kmsg.OffsetCommitRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(ids, req.MemberID) {
			ids = append(ids, req.MemberID)
		}
		return true
	})
	s := newShelf()
	rejoined := make(chan struct{})
	var w atomicWriter
	w.f = func(ctx context.Context, cut stream.Cut) error {
		if cut.First == 5 && w.once() {
			var beat, join, sync sync.Once
			b.cluster.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (resp kmsg.Response, _ error, did bool) {
				beat.Do(func() {
					h := r.ResponseKind().(*kmsg.HeartbeatResponse)
					h.ErrorCode = kerr.RebalanceInProgress.Code
					resp, did = h, true
				})
				return resp, nil, did
			})
			b.cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (resp kmsg.Response, _ error, did bool) {
				join.Do(func() {
					j := r.ResponseKind().(*kmsg.JoinGroupResponse)
					j.ErrorCode = kerr.UnknownMemberID.Code
					resp, did = j, true
				})
				return resp, nil, did
			})
			b.cluster.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
				sync.Do(func() { close(rejoined) })
				return nil, nil, false
			})
			<-rejoined
		}
		return s.put(cut)
	}
	launch(t, testGroup(t, b, "g", "", limitsOf(5), &w))
	s.wait(t, at, 10)
	until(t, func() bool { o, _ := committed(t, b, "g", at); return o == 10 })
	s.whole(t, b, at, 0, 10)
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != 2 {
		t.Errorf("members that committed: %q", ids)
	}
	if len(s.writes) != 3 {
		t.Errorf("writes %v: the second cut was not made again by a new member", s.writes)
	}
}

// Two processes with one instance id would take the partitions from each other
// for ever; the older one ends.
func TestGroupInstanceTwice(t *testing.T) { onBoth(t, testGroupInstanceTwice) }

func testGroupInstanceTwice(t *testing.T, b *testLog) {
	topic, _ := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	s := newShelf()
	older := make(chan error, 1)
	g := testGroup(t, b, "g", "one", limitsOf(5), s)
	go func() { older <- g.Run(t.Context()) }()
	produce(t, b, kvs(topic, 0, 5)...)
	s.wait(t, at, 5)
	launch(t, testGroup(t, b, "g", "one", limitsOf(5), s))
	select {
	case err := <-older:
		if err == nil || !strings.Contains(err.Error(), "another process runs with the same instance id") {
			t.Errorf("Run answered %v", err)
		}
	case <-time.After(patience):
		t.Fatal("both go on")
	}
	produce(t, b, kvs(topic, 0, 5)...)
	s.wait(t, at, 10)
	s.whole(t, b, at, 0, 10)
}

// A partition that arrives faster than its sink takes it is paused, and resumed.
func TestGroupIsBounded(t *testing.T) { onBoth(t, testGroupIsBounded) }

func testGroupIsBounded(t *testing.T, b *testLog) {
	topic, _ := b.topic(t, "a.v1", 2)
	slow, quick := place{topic, 0}, place{topic, 1}
	big := make([]byte, 512<<10)
	rand.NewChaCha8([32]byte{}).Read(big) // or it would all come in one fetch
	for p := range int32(2) {
		var rs []*kgo.Record
		for range 40 {
			rs = append(rs, &kgo.Record{Topic: topic, Partition: p, Value: big})
		}
		produce(t, b, rs...)
	}
	s := newShelf()
	free := make(chan struct{})
	s.before = func(cut stream.Cut) error {
		if cut.Partition == slow.partition {
			<-free
		}
		return nil
	}
	g := testGroup(t, b, "g", "", limitsOf(4), s)
	launch(t, g)
	release := sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	s.wait(t, quick, 40) // one partition never waits for another
	paused := func() bool {
		g.mu.Lock()
		m := g.member
		g.mu.Unlock()
		m.mu.Lock()
		sh := m.shares[slow]
		m.mu.Unlock()
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.bytes > maxQueue+8<<20 {
			t.Fatalf("%d bytes queued", sh.bytes)
		}
		return sh.paused
	}
	until(t, paused)
	release()
	s.wait(t, slow, 40)
	s.whole(t, b, slow, 0, 40)
}

// TestGroupMetrics: what waits is counted, with its age, also by the process that
// comes after; markers and ticks are not taken for data.
func TestGroupMetrics(t *testing.T) {
	b := embedded(t)
	topic, _ := b.topic(t, "a.v1", 1)
	at := place{topic, 0}
	s := newShelf()
	group := func() (func(name string) float64, *Group) {
		t.Helper()
		reg := prometheus.NewRegistry()
		cfg := b.cfg
		cfg.Metrics = NewMetrics(reg, b.cell)
		g, err := NewGroup(GroupConfig{Sink: "object", Group: "g", Cell: b.cell, Topics: limitsOf(5)}, cfg, s, slog.New(slog.DiscardHandler), reg)
		if err != nil {
			t.Fatal(err)
		}
		return func(name string) float64 {
			t.Helper()
			fs, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fs {
				if f.GetName() == "wearstream_"+name && len(f.GetMetric()) == 1 {
					m := f.GetMetric()[0]
					return m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
			return -1
		}, g
	}
	value, g := group()
	if v, n := value("kafka_consumer_lag_seconds"), value("sink_unstored_records"); v != 0 || !math.IsNaN(n) {
		t.Errorf("before the start: lag %v, unstored %v", v, n)
	}
	stop := launch(t, g)
	rs := kvs(topic, 0, 7) // 5 and 6 wait, as old as epoch
	produce(t, b, rs...)
	s.wait(t, at, 5)
	waits := func(value func(string) float64) bool {
		lag, want := value("kafka_consumer_lag_seconds"), time.Since(epoch.Add(5*time.Second)).Seconds()
		return lag > want-60 && lag <= want && value("sink_oldest_unstored_seconds") > want-60 && value("sink_unstored_records") == 2
	}
	until(t, func() bool {
		return value("sink_cuts_total") == 1 && value("kafka_rebalances_total") >= 1 && waits(value)
	})
	stop()
	if v, n := value("sink_oldest_unstored_seconds"), value("sink_unstored_records"); v <= 0 || !math.IsNaN(n) {
		t.Errorf("after the end: lag %v, unstored %v", v, n)
	}
	value, g = group()
	launch(t, g)
	until(t, func() bool {
		if n := value("sink_unstored_records"); n == 0 {
			t.Error("after a restart nothing waits, for a moment")
			return true
		}
		return waits(value) && value("kafka_consumer_lag_records") == 2
	})
	produce(t, b, rs[:3]...)
	s.wait(t, at, 10)
	until(t, func() bool {
		return value("kafka_consumer_lag_seconds") == 0 && value("sink_unstored_records") == 0 && value("kafka_consumer_lag_records") == 0
	})
}

// TestGroupMetricsAway: while the log cannot be asked, what waits may be as old as
// that.
func TestGroupMetricsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		g := &Group{topics: map[string]string{"wear.main.a.v1": "a.v1"}}
		m := &member{g: g, asked: now, shares: map[place]*share{{"wear.main.a.v1", 0}: {next: 9, committed: 9, end: 9, caught: now}}}
		g.member = m
		for _, c := range []struct{ passed, want time.Duration }{{LagEvery, 0}, {2 * LagEvery, 0}, {time.Minute, time.Minute + 3*LagEvery}} {
			time.Sleep(c.passed)
			if got := g.oldestUnstored(); got != c.want.Seconds() {
				t.Errorf("%v after the log last answered: %v, want %v", time.Since(now), got, c.want.Seconds())
			}
		}
		m.told(kadm.ListedOffsets{"wear.main.a.v1": {0: {Offset: 9}}})
		if got := g.oldestUnstored(); got != 0 {
			t.Errorf("the log answers: %v", got)
		}
		m.told(kadm.ListedOffsets{"wear.main.a.v1": {0: {Offset: 12}}})
		time.Sleep(time.Second)
		if got, n := g.oldestUnstored(), g.unstored(); got != 1 || n != 3 {
			t.Errorf("three that were not fetched: %v s, %v", got, n)
		}
	})
}

func TestGroupValidates(t *testing.T) {
	_, err := NewGroup(GroupConfig{Topics: map[string]Limits{"a.v1": {}}}, Config{Brokers: []string{"nowhere"}}, nil, nil, nil)
	for _, s := range []string{"sink, group, cell", "a.v1", "kafka.brokers", `"nowhere"`} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%v does not say %q", err, s)
		}
	}
}
