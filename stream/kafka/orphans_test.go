package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
)

// TestSessionOrphan: what a member that died has left open is aborted by the one
// that gets its partitions, long before it times out; what a member that lives has
// open is left alone.
func TestSessionOrphan(t *testing.T) { onBoth(t, testSessionOrphan) }

func testSessionOrphan(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	l.produce(l.plain, &kgo.Record{Value: []byte("v")})
	session := func(name string, start func(context.Context, map[int32]int64) (map[int32]int64, error)) *Session {
		s, err := NewSession(t.Context(), l.cfg, SessionConfig{
			Group: l.name("g"), Instance: l.name(name), Transaction: l.name(name), Topic: l.log, Changelog: l.log,
			SessionTimeout: on.session, FetchBytes: 1 << 20, Taken: func([]int32) {}, Start: start,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	a := session("a", func(_ context.Context, committed map[int32]int64) (map[int32]int64, error) {
		return fromStart(committed), nil
	})
	take(t, a, 1)
	open := func(value string) {
		if err := a.Begin(); err != nil {
			t.Fatal(err)
		}
		a.Produce(&kgo.Record{Topic: l.log, Value: []byte(value)})
		if err := a.s.Client().Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	open("of one that lives")
	if err := a.abortOrphans(t.Context(), a.s.Client(), []int32{0}); err != nil {
		t.Fatal(err)
	}
	if committed, err := a.Commit(t.Context()); err != nil || !committed {
		t.Fatalf("commit of a member: %v, %v", committed, err)
	}
	open("of one that died")
	a.Close()

	read := make(chan error, 1)
	session("b", func(ctx context.Context, committed map[int32]int64) (map[int32]int64, error) {
		reading, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		_, end, err := l.Bounds(reading)
		if err == nil {
			err = l.Range(reading, 0, end, func(r stream.Record) error {
				if string(r.Value) == "of one that died" {
					return errors.New("the open transaction can be read")
				}
				return nil
			})
		}
		read <- err
		return fromStart(committed), nil
	})
	select {
	case err := <-read:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(on.session + 10*time.Second):
		t.Error("the partition does not move on")
	}
}
