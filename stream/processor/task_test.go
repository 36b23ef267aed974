package processor

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

func newTestTask(t *testing.T) *task {
	t.Helper()
	p := New(testConfig(2*time.Second), Deps{Cell: testCell, Group: "chain", Changelog: testState, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	op, err := newChain(testCell)(2, map[string][]byte{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newTask(p, 2, "log", op, -1, 10)
}

func records(offsets ...int64) (rs []stream.Record) {
	for _, o := range offsets {
		rs = append(rs, stream.Record{Topic: "in", Partition: 2, Offset: o, Key: []byte("k"), Value: []byte{byte(o)}})
	}
	return rs
}

// TestCheckpointFirst: see finish.
func TestCheckpointFirst(t *testing.T) {
	task := newTestTask(t)
	task.rewrite = map[string][]byte{"gone": nil, "k": []byte("old")}
	if err := task.apply(t.Context(), records(10, 12)); err != nil {
		t.Fatal(err)
	}
	if err := task.finish(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range task.out.records {
		if r.Topic != wire.TopicName(testCell, testState) {
			continue
		}
		if r.Partition != 2 {
			t.Errorf("state of partition 2 goes to %d", r.Partition)
		}
		if keys = append(keys, string(r.Key)); len(keys) == 1 {
			if c, err := kafka.DecodeChangelogCheckpoint(r.Value); err != nil || c.Next != 13 || c.Log != "log" || c.App != "chain" {
				t.Errorf("first comes %+v (%v)", c, err)
			}
		}
	}
	// The operator's own change of k must come after the rewrite's.
	if want := []string{"_ckpt", "gone", "k", "k"}; len(keys) != 4 || keys[1] != want[1] || keys[2] != "k" || keys[3] != "k" {
		t.Errorf("keys %v, want %v", keys, want)
	}
}

// TestClientAstray: a client that repeats or leaves out records is noticed.
func TestClientAstray(t *testing.T) {
	task := newTestTask(t)
	if err := task.apply(t.Context(), records(9)); err == nil {
		t.Error("a record from before the start is taken")
	}
	if err := task.apply(t.Context(), records(11, 12)); err != nil {
		t.Fatal(err)
	}
	if err := task.apply(t.Context(), records(12)); err == nil {
		t.Error("a repeated record is taken")
	}
	task.rollback()
	if err := task.apply(t.Context(), records(12)); err == nil {
		t.Error("a record is left out after a rollback")
	}
	if err := task.apply(t.Context(), records(11, 12)); err != nil {
		t.Error(err)
	}
	task.commit()
	if err := task.apply(t.Context(), records(11)); err == nil {
		t.Error("a committed record is taken again")
	}
}
