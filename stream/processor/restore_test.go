package processor

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/kafka"
)

// processed is a rig whose input was processed once and whose group is empty.
func processed(t *testing.T, r *rig) *rig {
	r.produce(2000)
	stop := r.start(New(r.config(), r.deps("a")))
	r.eventually("all committed", 20*time.Second, r.drained)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.leave("a")
	r.verify(false)
	return r
}

func (r *rig) commit(p int32, offset int64) {
	r.t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(r.topic(testIn), p, offset, -1)
	if err := r.adm.CommitAllOffsets(r.t.Context(), r.cell+"-chain", offsets); err != nil {
		r.t.Fatal(err)
	}
}

// note writes to the changelog beside the processor.
func (r *rig) note(p int32, key string, value []byte) {
	r.t.Helper()
	err := r.cl.ProduceSync(r.t.Context(), &kgo.Record{
		Topic: r.topic(testState), Partition: p, Key: []byte(key), Value: value,
	}).FirstErr()
	if err != nil {
		r.t.Fatal(err)
	}
}

// truncate removes the records of a partition below an offset; -1: all.
func (r *rig) truncate(topic string, p int32, offset int64) {
	r.t.Helper()
	if offset < 0 {
		var err error
		if _, offset, err = r.reader.Partition(r.topic(topic), p).Bounds(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(r.topic(topic), p, offset, -1)
	deleted, err := r.adm.DeleteRecords(r.t.Context(), offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// faults are ways in which state and offset of partition 1 do not belong
// together, as a torn transaction leaves them, or a hand.
var faults = map[string]func(r *rig, next int64){
	"the offset is behind": func(r *rig, next int64) { r.commit(1, next-20) },
	"the offset is ahead":  func(r *rig, next int64) { r.produce(400); r.commit(1, next+5) },
	"no offset": func(r *rig, _ int64) {
		topics := kadm.TopicsSet{}
		topics.Add(r.topic(testIn), 1)
		if _, err := r.adm.DeleteOffsets(r.t.Context(), r.cell+"-chain", topics); err != nil {
			r.t.Fatal(err)
		}
	},
	"no checkpoint": func(r *rig, _ int64) { r.note(1, kafka.ChangelogCheckpointKey, nil) },
	"no changelog":  func(r *rig, _ int64) { r.truncate(testState, 1, -1) },
	"a state of other records": func(r *rig, next int64) {
		r.note(1, "k1000", []byte("stale"))
		r.note(1, "k1", []byte("wrong"))
		r.commit(1, next-1)
	},
}

// TestRebuild is the embedded log: the state is made from the log again, nothing
// is lost, what is said twice has the same bytes, and the changelog is whole.
func TestRebuild(t *testing.T) {
	for name, break_ := range faults {
		t.Run(name, func(t *testing.T) {
			r := processed(t, newRig(t))
			break_(r, r.committed()[1])
			deps := r.deps("a")
			deps.Embedded = true
			p := New(r.config(), deps)
			stop := r.start(p)
			r.produce(200)
			r.eventually("all committed", 20*time.Second, r.drained)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d answers came again", r.verify(true))
			if n := count(p.metrics.rebuilds); n != 1 {
				t.Errorf("%v partitions were rebuilt, want 1", n)
			}

			deps = r.deps("a")
			deps.Embedded = true
			p = New(r.config(), deps)
			r.start(p)
			r.produce(200)
			r.eventually("all committed", 20*time.Second, r.drained)
			r.verify(true)
			if n := count(p.metrics.rebuilds); n != 0 {
				t.Errorf("%v partitions were rebuilt after the rebuild", n)
			}
		})
	}
}

// TestRebuildRolledBack loses the first transaction after a rebuild to another
// member: the whole state must go into the next one, and the client must go back
// to where the rebuild ended, not to the group's offset.
func TestRebuildRolledBack(t *testing.T) {
	r := processed(t, newRig(t))
	r.produce(400)
	for p, next := range r.committed() {
		r.note(p, "k1000", []byte("stale"))
		r.note(p, kafka.ChangelogCheckpointKey, nil)
		r.commit(p, next+5)
	}
	deps := r.deps("a")
	deps.Embedded = true
	a := New(r.config(), deps)
	deps = r.deps("b")
	deps.Embedded = true
	b := New(r.config(), deps)
	moved := make(chan struct{})
	var once sync.Once
	a.hook = func(string) error {
		once.Do(func() {
			r.start(b)
			<-moved // nothing is committed before partitions have gone to b
		})
		return nil
	}
	r.start(a)
	r.eventually("partitions are taken from a", 20*time.Second, func() bool {
		s := a.slots[0]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.session != nil && s.session.Revoked()
	})
	close(moved)
	r.eventually("all committed", 20*time.Second, r.drained)
	r.verify(true)
	if count(a.metrics.transactions.WithLabelValues(resultAborted)) < 1 {
		t.Error("no transaction was rolled back")
	}
	if n := count(a.metrics.broken); n != 0 {
		t.Errorf("%v sessions broke, so nothing is shown", n)
	}
}

// TestMismatchHalts is any other log: the partition stops with a message, the
// others go on.
func TestMismatchHalts(t *testing.T) {
	for name, break_ := range faults {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, r *rig) {
				if r.real && name == "no changelog" {
					t.Skip("Apache Kafka deletes no records of a compacted topic by request")
				}
				processed(t, r)
				break_(r, r.committed()[1])
				r.halts("the state stands for offset")
			})
		})
	}
}

// TestRemovedInput halts too: what was not processed is gone.
func TestRemovedInput(t *testing.T) { onBoth(t, testRemovedInput) }

func testRemovedInput(t *testing.T, r *rig) {
	processed(t, r)
	r.produce(400)
	r.truncate(testIn, 1, r.committed()[1]+3)
	r.halts("records were removed before they were processed")
}

func (r *rig) halts(want string) {
	r.t.Helper()
	stood := r.committed()[1]
	p := New(r.config(), r.deps("a"))
	r.start(p)
	r.produce(200)
	r.eventually("partition 1 halts", 10*time.Second, func() bool { return p.halted() == 1 })
	r.eventually("the others go on", 10*time.Second, func() bool {
		is := r.committed()
		for _, at := range []int32{0, 2, 3} {
			_, end, err := r.reader.Partition(r.topic(testIn), at).Bounds(r.t.Context())
			if err != nil || is[at] != end {
				return false
			}
		}
		return true
	})
	if err := p.Ready(); err == nil || !strings.Contains(err.Error(), "partition 1 of in.v1") || !strings.Contains(err.Error(), want) {
		r.t.Errorf("Ready: %v, want %q", err, want)
	}
	if is := r.committed()[1]; is != stood {
		r.t.Errorf("partition 1 went on from %d to %d", stood, is)
	}
}
