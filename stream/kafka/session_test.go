package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

func sessionOf(t *testing.T, l *historyLog, instance string, start func(map[int32]int64) map[int32]int64) *Session {
	t.Helper()
	s, err := NewSession(t.Context(), l.cfg, SessionConfig{
		Group: l.name("g"), Instance: instance, Transaction: l.name(instance), Topic: l.log, SessionTimeout: 6 * time.Second, FetchBytes: 1 << 20,
		Taken: func([]int32) {},
		Start: func(_ context.Context, committed map[int32]int64) (map[int32]int64, error) {
			return start(committed), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func fromStart(committed map[int32]int64) map[int32]int64 {
	at := maps.Clone(committed)
	for p := range at {
		at[p] = max(0, at[p])
	}
	return at
}

// take polls until n records came.
func take(t *testing.T, s *Session, n int) (records []stream.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(records) < n {
		batches, err := s.Poll(ctx, n-len(records))
		if err != nil || ctx.Err() != nil {
			t.Fatalf("after %d of %d records: %v", len(records), n, errors.Join(err, ctx.Err()))
		}
		for _, b := range batches {
			records = append(records, b.Records...)
		}
	}
	return records
}

// TestSessionRollback: what was rolled back comes again, is not committed and
// cannot be read.
func TestSessionRollback(t *testing.T) { onBoth(t, testSessionRollback) }

func testSessionRollback(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	for i := range 10 {
		l.produce(l.plain, &kgo.Record{Value: fmt.Append(nil, i)})
	}
	s := sessionOf(t, l, "a", func(committed map[int32]int64) map[int32]int64 {
		if committed[0] != -1 {
			t.Errorf("start is told %v", committed)
		}
		return map[int32]int64{0: 2}
	})
	for round := range 3 {
		if got := take(t, s, 4); got[0].Offset != 2 {
			t.Fatalf("round %d begins at offset %d", round, got[0].Offset)
		}
		if err := s.Begin(); err != nil {
			t.Fatal(err)
		}
		s.Produce(&kgo.Record{Topic: l.log, Value: fmt.Append(nil, "round ", round)})
		if round < 2 {
			if err := s.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if ok, err := s.Commit(t.Context()); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if at, err := s.Committed(t.Context()); err != nil || at[0] != 6 {
		t.Errorf("committed %v (%v), want 6", at, err)
	}
	if got := take(t, s, 5); string(got[4].Value) != "round 2" {
		t.Errorf("after the input comes %q", got[4].Value)
	}
}

// TestSessionRefusedRecord: a transaction lacks a record that the log refused,
// so it must not commit.
func TestSessionRefusedRecord(t *testing.T) { onBoth(t, testSessionRefusedRecord) }

func testSessionRefusedRecord(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	l.produce(l.plain, &kgo.Record{Value: []byte("v")})
	s := sessionOf(t, l, "a", fromStart)
	take(t, s, 1)
	if err := s.Begin(); err != nil {
		t.Fatal(err)
	}
	s.Produce(&kgo.Record{Topic: l.log, Value: noise(3 << 20)})
	ok, err := s.Commit(t.Context())
	if _, fault := errors.AsType[*SessionFault](err); ok || !fault {
		t.Errorf("committed %t: %v, want a SessionFault", ok, err)
	}
}

// TestSessionFences: what an earlier session left open is aborted before the
// next begins, so that a restore need not wait for its timeout.
func TestSessionFences(t *testing.T) { onBoth(t, testSessionFences) }

func testSessionFences(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	l.produce(l.plain, &kgo.Record{Value: []byte("v")})
	s := sessionOf(t, l, "a", fromStart)
	take(t, s, 1)
	if err := s.Begin(); err != nil {
		t.Fatal(err)
	}
	s.Produce(&kgo.Record{Topic: l.log, Value: []byte("open")})
	if err := s.s.Client().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close() // without an end

	next := make(chan error, 1)
	sessionOf(t, l, "a", func(committed map[int32]int64) map[int32]int64 {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, end, err := l.Bounds(ctx)
		if err == nil {
			err = l.Range(ctx, 0, end, func(r stream.Record) error {
				if string(r.Value) == "open" {
					return errors.New("the open transaction can be read")
				}
				return nil
			})
		}
		next <- err
		return fromStart(committed)
	})
	if err := <-next; err != nil {
		t.Error(err)
	}
}

// TestSessionName: of two with one instance id the older one ends for good.
func TestSessionName(t *testing.T) { onBoth(t, testSessionName) }

func testSessionName(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	l.produce(l.plain, &kgo.Record{Value: []byte("v")})
	old := sessionOf(t, l, "a", fromStart)
	take(t, old, 1)
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && t.Context().Err() == nil {
			if _, err = old.Poll(t.Context(), 1); err == nil && old.Revoked() {
				err = old.Rollback(t.Context())
			}
		}
		ended <- err
	}()
	take(t, sessionOf(t, l, "a", fromStart), 1)
	select {
	case err := <-ended:
		if _, fault := errors.AsType[*SessionFault](err); !fault {
			t.Errorf("the older one got %v, want a SessionFault", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the older one goes on")
	}
}

func TestSessionPartition(t *testing.T) {
	for i := range 100 {
		key := fmt.Appendf(nil, "key %d", i)
		if got := sessionPartition(&kgo.Record{Key: key, Partition: -1}, 8); got != int(wire.PartitionOf(string(key), 8)) {
			t.Errorf("key %q goes to %d", key, got)
		}
		if got := sessionPartition(&kgo.Record{Key: key, Partition: int32(i % 8)}, 8); got != i%8 {
			t.Errorf("partition %d becomes %d", i%8, got)
		}
	}
}
