package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
)

// historyLog is a topic of one partition, filled by committed and aborted
// transactions and plain records.
type historyLog struct {
	*testLog
	t      *testing.T
	log    string // the topic
	reader *HistoryReader
	plain  *kgo.Client
	txn    *kgo.Client
	*History
}

func newHistoryLog(t *testing.T, on *testLog) *historyLog {
	t.Helper()
	l := &historyLog{testLog: on, t: t}
	l.log, _ = on.topic(t, "log", 1)
	client := func(opts ...kgo.Opt) *kgo.Client {
		return on.client(t, append(opts, kgo.DefaultProduceTopic(l.log), kgo.ProducerBatchMaxBytes(2<<20))...)
	}
	l.plain, l.txn = client(), client(kgo.TransactionalID(on.name("txn")))
	var err error
	if l.reader, err = NewHistoryReader(on.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.reader.Close)
	l.History = l.reader.Partition(l.log, 0)
	return l
}

func (l *historyLog) produce(cl *kgo.Client, records ...*kgo.Record) []int64 {
	l.t.Helper()
	var offsets []int64
	for _, r := range cl.ProduceSync(l.t.Context(), records...) {
		if r.Err != nil {
			l.t.Fatal(r.Err)
		}
		offsets = append(offsets, r.Record.Offset)
	}
	return offsets
}

func (l *historyLog) begin(records ...*kgo.Record) []int64 {
	l.t.Helper()
	if err := l.txn.BeginTransaction(); err != nil {
		l.t.Fatal(err)
	}
	return l.produce(l.txn, records...)
}

func (l *historyLog) end(commit kgo.TransactionEndTry) {
	l.t.Helper()
	if err := l.txn.EndTransaction(l.t.Context(), commit); err != nil {
		l.t.Fatal(err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestHistoryRead reads what can be read, and nothing else, from a log of 30 MB
// in which half of the transactions are aborted.
func TestHistoryRead(t *testing.T) { onBoth(t, testHistoryRead) }

func testHistoryRead(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	var readable, aborted []int64
	want := map[int64][]byte{}
	for i := range 60 {
		commit := kgo.TransactionEndTry(i%2 == 0)
		r := []*kgo.Record{{Value: noise(250_000)}, {Value: noise(1000)}, {Value: noise(250_000)}}
		offsets := l.begin(r...)
		l.end(commit)
		if !commit {
			aborted = append(aborted, offsets...)
			continue
		}
		readable = append(readable, offsets...)
		for i, o := range offsets {
			want[o] = r[i].Value
		}
	}
	one := &kgo.Record{Value: []byte("plain")}
	readable = append(readable, l.produce(l.plain, one)...)
	want[one.Offset] = one.Value

	sparse := slices.Clone(readable)
	rand.Shuffle(len(sparse), func(i, j int) { sparse[i], sparse[j] = sparse[j], sparse[i] })
	sparse = sparse[:7]
	slices.Sort(sparse)
	for name, offsets := range map[string][]int64{"all": readable, "some": sparse, "first": readable[:1], "last": {one.Offset}, "none": nil} {
		var got []int64
		err := l.Read(t.Context(), offsets, func(r stream.Record) error {
			if string(r.Value) != string(want[r.Offset]) {
				t.Errorf("%s: offset %d has other bytes", name, r.Offset)
			}
			got = append(got, r.Offset)
			return nil
		})
		if err != nil || !slices.Equal(got, offsets) {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, offsets)
		}
	}
	first, end, err := l.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []int64
	if err := l.Range(t.Context(), first, end, func(r stream.Record) error { all = append(all, r.Offset); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, readable) {
		t.Errorf("Range: got %v, want %v", all, readable)
	}
	for _, o := range []int64{aborted[0], aborted[4], aborted[len(aborted)-1]} {
		err := l.Read(t.Context(), []int64{readable[0], o}, func(stream.Record) error { return nil })
		if o < readable[0] {
			err = l.Read(t.Context(), []int64{o}, func(stream.Record) error { return nil })
		}
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("read offset %d of %s/0: it holds no readable record", o, l.log)) {
			t.Errorf("aborted offset %d: %v", o, err)
		}
	}
}

func TestHistoryReadErrors(t *testing.T) { onBoth(t, testHistoryReadErrors) }

func testHistoryReadErrors(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	for range 10 {
		l.produce(l.plain, &kgo.Record{Value: []byte("v")})
	}
	del := kadm.Offsets{}
	del.AddOffset(l.log, 0, 5, -1)
	if _, err := kadm.NewClient(l.plain).DeleteRecords(t.Context(), del); err != nil {
		t.Fatal(err)
	}
	read := func(ctx context.Context, offsets ...int64) error {
		return l.Read(ctx, offsets, func(stream.Record) error { return nil })
	}
	if err := read(t.Context(), 3, 7); err == nil || !strings.Contains(err.Error(), "read offset 3 of "+l.log+"/0: the log no longer holds it") {
		t.Errorf("below the start: %v", err)
	}
	if err := read(t.Context(), 7, 1000); err == nil || !strings.Contains(err.Error(), "read offset 1000 of "+l.log+"/0") {
		t.Errorf("above the end: %v", err)
	}
	open := l.begin(&kgo.Record{Value: []byte("open")})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := read(ctx, open...); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in an open transaction: %v", err)
	}
	l.end(kgo.TryCommit)
	stop := errors.New("stop")
	if err := l.Read(t.Context(), []int64{7, 8}, func(stream.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("yield's error: %v", err)
	}
	if err := read(t.Context(), open...); err != nil {
		t.Errorf("after the commit: %v", err)
	}
}
