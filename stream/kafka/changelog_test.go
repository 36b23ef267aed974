package kafka

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func keyed(key, value string) *kgo.Record {
	r := &kgo.Record{Key: []byte(key)}
	if value != "" {
		r.Value = []byte(value)
	}
	return r
}

func (l *historyLog) state() map[string]string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	c, err := l.reader.Changelog(ctx, l.log, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	is := map[string]string{}
	for k, v := range c.State {
		is[k] = string(v)
	}
	if c.Checkpoint != nil {
		is[ChangelogCheckpointKey] = string(c.Checkpoint)
	}
	return is
}

// TestChangelogArrives: the log ends in markers and aborted records, where a
// reader that only sees records never arrives.
func TestChangelogArrives(t *testing.T) { onBoth(t, testChangelogArrives) }

func testChangelogArrives(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	if got := l.state(); len(got) != 0 {
		t.Errorf("empty changelog: %v", got)
	}
	l.begin(keyed(ChangelogCheckpointKey, "c1"), keyed("a", "1"), keyed("b", "1"))
	l.end(kgo.TryCommit)
	l.begin(keyed(ChangelogCheckpointKey, "c2"), keyed("a", "2"), keyed("b", ""))
	l.end(kgo.TryCommit)
	want := map[string]string{ChangelogCheckpointKey: "c2", "a": "2"}
	if got := l.state(); !maps.Equal(got, want) {
		t.Errorf("ends in a marker: got %v, want %v", got, want)
	}
	for range 3 {
		l.begin(keyed(ChangelogCheckpointKey, "c3"), keyed("a", "3"))
		l.end(kgo.TryAbort)
	}
	if got := l.state(); !maps.Equal(got, want) {
		t.Errorf("ends in aborted records: got %v, want %v", got, want)
	}
}

// TestChangelogWaits: a transaction that is open below the end decides what the
// state is, so the reader waits for it.
func TestChangelogWaits(t *testing.T) { onBoth(t, testChangelogWaits) }

func testChangelogWaits(t *testing.T, on *testLog) {
	l := newHistoryLog(t, on)
	l.begin(keyed("a", "1"))
	read := make(chan map[string]string)
	go func() { read <- l.state() }()
	select {
	case got := <-read:
		t.Fatalf("read %v beside an open transaction", got)
	case <-time.After(300 * time.Millisecond):
	}
	l.end(kgo.TryCommit)
	if got := <-read; !maps.Equal(got, map[string]string{"a": "1"}) {
		t.Errorf("after the commit: %v", got)
	}
}

// TestChangelogCleaned: the embedded log's cleaner takes an open transaction for
// a committed one. If it is aborted later, what it superseded is gone, and the
// checkpoint in front of it must be, too: else a state with holes would pass for
// whole.
func TestChangelogCleaned(t *testing.T) {
	l := newHistoryLog(t, embedded(t))
	compact := "compact"
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &compact}}
	if _, err := kadm.NewClient(l.plain).AlterTopicConfigs(t.Context(), set, l.log); err != nil {
		t.Fatal(err)
	}
	l.begin(keyed(ChangelogCheckpointKey, "c1"), keyed("a", "1"), keyed("b", "1"))
	l.end(kgo.TryCommit)
	// As a processor writes it: the checkpoint first, then more than a batch.
	l.begin(keyed(ChangelogCheckpointKey, "c2"), keyed("a", "2"))
	l.produce(l.txn, keyed("b", "2"))
	l.produce(l.txn, keyed("c", "2"))
	l.cluster.Compact()
	l.end(kgo.TryAbort)
	got := l.state()
	t.Log(got)
	whole := got["a"] == "1" && got["b"] == "1"
	if got[ChangelogCheckpointKey] != "" && !whole {
		t.Errorf("the checkpoint %q stands before a state with holes: %v", got[ChangelogCheckpointKey], got)
	}
}

func FuzzChangelogCheckpoint(f *testing.F) {
	f.Add([]byte(`{"next":12,"format":1,"app":"process","log":"00"}`))
	f.Add([]byte(`{"next":-1,"format":1}`))
	f.Add([]byte(`{"next":1,"format":2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeChangelogCheckpoint(b)
		if err != nil {
			return
		}
		if c.Next < 0 || c.Format != ChangelogFormat {
			t.Fatalf("%q is taken as %+v", b, c)
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if d, err := DecodeChangelogCheckpoint(again); err != nil || fmt.Sprint(d) != fmt.Sprint(c) {
			t.Fatalf("%+v comes back as %+v (%v)", c, d, err)
		}
	})
}
