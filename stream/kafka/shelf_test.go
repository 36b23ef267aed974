package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	cell     = "test"
	patience = 30 * time.Second // for what real connections and goroutines take
)

func testBroker(t *testing.T, opts ...kfake.Opt) *Broker {
	t.Helper()
	opts = append(opts, kfake.GroupMinSessionTimeout(100*time.Millisecond))
	b, err := startBroker(BrokerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func testClient(t *testing.T, addrs []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(Config{Brokers: addrs}.Options(), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// kvs are n records, the i-th i seconds after epoch, every fourth a tick.
func kvs(topic string, partition int32, n int) (rs []*kgo.Record) {
	for i := range n {
		r := &kgo.Record{Topic: topic, Partition: partition, Timestamp: epoch.Add(time.Duration(i) * time.Second), Value: strconv.AppendInt(nil, int64(i), 10)}
		if i%4 == 3 {
			r.Headers = []kgo.RecordHeader{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}
		}
		rs = append(rs, r)
	}
	return rs
}

func produce(t *testing.T, l *testLog, rs ...*kgo.Record) {
	t.Helper()
	cl := l.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100)) // brokers learn of a topic one after the other
	if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// shelf is a store that keeps the contract of a sink, and its reader's view.
type shelf struct {
	before func(stream.Cut) error // nothing is stored where it fails
	after  func(stream.Cut) error // the cut is stored where it fails

	mu      sync.Mutex
	cuts    map[place]map[int64]stream.Cut
	writes  []stream.Range
	adopts  int
	fault   error
	changed chan struct{}
}

func newShelf() *shelf {
	return &shelf{cuts: map[place]map[int64]stream.Cut{}, changed: make(chan struct{})}
}

func (s *shelf) Write(_ context.Context, cut stream.Cut) error {
	if s.before != nil {
		if err := s.before(cut); err != nil {
			return err
		}
	}
	if err := s.put(cut); err != nil {
		return err
	}
	if s.after != nil {
		return s.after(cut)
	}
	return nil
}

func (s *shelf) put(cut stream.Cut) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, cut.Range)
	at := place{cut.Topic, cut.Partition}
	if s.cuts[at] == nil {
		s.cuts[at] = map[int64]stream.Cut{}
	}
	if old, ok := s.cuts[at][cut.First]; ok {
		if old.Next != cut.Next {
			s.adopts++
			return &stream.AdoptError{Next: old.Next}
		}
		if old.Log != cut.Log || digest(old.Records) != digest(cut.Records) {
			s.fault = errors.Join(s.fault, fmt.Errorf("%v was written with other records", cut.Range))
		}
		return nil
	}
	s.cuts[at][cut.First] = cut
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *shelf) all(at place) []stream.Cut {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.cuts[at]), func(a, b stream.Cut) int { return cmp.Compare(a.First, b.First) })
}

// wait returns when so many records of a partition are stored.
func (s *shelf) wait(t *testing.T, at place, records int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		n, changed := 0, s.changed
		for _, c := range s.cuts[at] {
			n += len(c.Records)
		}
		s.mu.Unlock()
		if n >= records {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d of %d records of %v are stored: %v", n, records, at, ranges(s.all(at)))
		}
	}
}

// readable are the records of a partition as a transactional reader sees them.
func readable(t *testing.T, l *testLog, at place) (rs []stream.Record) {
	t.Helper()
	ends, err := kadm.NewClient(l.client(t)).ListEndOffsets(t.Context(), at.topic)
	if err != nil {
		t.Fatal(err)
	}
	starts, err := kadm.NewClient(l.client(t)).ListStartOffsets(t.Context(), at.topic)
	if err != nil {
		t.Fatal(err)
	}
	from, _ := starts.Lookup(at.topic, at.partition)
	end, _ := ends.Lookup(at.topic, at.partition)
	cl := l.client(t, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{at.topic: {at.partition: kgo.NewOffset().At(from.Offset)}}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for next := from.Offset; next < end.Offset; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		fs.EachRecord(func(k *kgo.Record) {
			next = k.Offset + 1
			if !k.Attrs.IsControl() {
				rs = append(rs, record(k))
			}
		})
	}
	return rs
}

// whole checks that what is stored of a partition tiles it from first on, holds
// exactly so many of its readable records, and was never written otherwise.
func (s *shelf) whole(t *testing.T, l *testLog, at place, first int64, records int) {
	t.Helper()
	s.holds(t, readable(t, l, at), at, first, records)
}

func (s *shelf) holds(t *testing.T, log []stream.Record, at place, first int64, records int) {
	t.Helper()
	if s.fault != nil {
		t.Error(s.fault)
	}
	cuts := s.all(at)
	tiles(t, first, cuts, log)
	var got []stream.Record
	for _, c := range cuts {
		got = append(got, c.Records...)
	}
	if len(got) != records {
		t.Fatalf("%d records stored, want %d", len(got), records)
	}
	if !reflect.DeepEqual(got, log[:records]) {
		t.Error("stored records differ from the log's")
	}
}

func testGroup(t *testing.T, l *testLog, name, instance string, topics map[string]Limits, sink stream.Sink) *Group {
	t.Helper()
	g, err := NewGroup(GroupConfig{Sink: "test", Group: l.name(name), Instance: instance, Cell: l.cell, Topics: topics, SessionTimeout: l.session},
		l.cfg, sink, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var errStop = errors.New("stopped by the test")

// launch runs a group until stop, which answers what Run did.
func launch(t *testing.T, g *Group) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel(errStop)
		return <-done
	})
	t.Cleanup(func() { stop() })
	return stop
}

// ends waits for a Run that ends by itself and checks what it says.
func ends(t *testing.T, g *Group, says ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := g.Run(ctx)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("Run answered %v", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("Run answered %q, which does not say %q", err, s)
		}
	}
}

// committed is a group's offset and mark.
func committed(t *testing.T, l *testLog, group string, at place) (int64, string) {
	t.Helper()
	os, err := kadm.NewClient(l.client(t)).FetchOffsets(t.Context(), l.name(group))
	if err != nil {
		t.Fatal(err)
	}
	o, ok := os.Lookup(at.topic, at.partition)
	if !ok {
		return -1, ""
	}
	return o.At, o.Metadata
}

func plant(t *testing.T, l *testLog, group string, at place, offset int64, metadata string) {
	t.Helper()
	var os kadm.Offsets
	os.Add(kadm.Offset{Topic: at.topic, Partition: at.partition, At: offset, LeaderEpoch: -1, Metadata: metadata})
	if err := kadm.NewClient(l.client(t)).CommitAllOffsets(t.Context(), l.name(group), os); err != nil {
		t.Fatal(err)
	}
}

// onCommit shows every offset commit to f; a false answer refuses it as if the
// member were unknown.
func onCommit(b *testLog, f func(*kmsg.OffsetCommitRequest) bool) {
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		req := r.(*kmsg.OffsetCommitRequest)
		if f(req) {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.UnknownMemberID.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

func limitsOf(records int) map[string]Limits {
	return map[string]Limits{"a.v1": {Records: records, Bytes: 1 << 20, Age: time.Hour, IdleAge: time.Hour}}
}

// until polls what only an outside view shows.
func until(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to be")
		}
	}
}
