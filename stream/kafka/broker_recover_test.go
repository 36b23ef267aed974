package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
)

// TestBrokerAbortsLeftOpen: a transaction that a kill has left open stays
// aborted, and what its producer commits later is not taken for it.
func TestBrokerAbortsLeftOpen(t *testing.T) {
	dir := t.TempDir()
	b := startChild(t, dir, "127.0.0.1:0")
	addrs := []string{b.addr}
	topic, _ := (&testLog{cfg: Config{Brokers: addrs}, cell: cell, replicas: 1}).topic(t, "a.v1", 1)
	write := func(value string, commit bool) {
		t.Helper()
		cl := testClient(t, addrs, kgo.TransactionalID("one"))
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if !commit {
			b.kill()
			b = startChild(t, dir, b.addr)
			return
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (all string) {
		t.Helper()
		r, err := NewHistoryReader(Config{Brokers: addrs})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		h := r.Partition(topic, 0)
		first, end, err := h.Bounds(t.Context())
		if err == nil {
			err = h.Range(t.Context(), first, end, func(r stream.Record) error { all += string(r.Value) + " "; return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	write("1", true)
	write("open", false)
	write("2", true)
	if got := read(); got != "1 2 " {
		t.Errorf("after a kill: %q, want the committed %q", got, "1 2 ")
	}
	write("open", false)
	write("3", true)
	if got := read(); got != "1 2 3 " {
		t.Errorf("after two kills: %q, want the committed %q", got, "1 2 3 ")
	}
}
