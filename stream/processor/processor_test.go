package processor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
)

var errCrash = errors.New("crash")

// TestCrashAtEveryStep lets the process die at every durable step, over and
// over, in the course of 10,000 records.
func TestCrashAtEveryStep(t *testing.T) {
	r := newRig(t)
	crashes := map[string]int{}
	for range 100 {
		r.produce(100)
		p := New(r.config(), r.deps("a"))
		crashed, left := make(chan struct{}), 1+rand.IntN(6)
		p.hook = func(step string) error {
			if left--; left > 0 {
				return nil
			}
			if left == 0 {
				crashes[step]++
				close(crashed)
			}
			return final{errCrash}
		}
		stop := r.start(p)
		r.eventually("crash or end", 20*time.Second, func() bool {
			select {
			case <-crashed:
				return true
			default:
				return r.drained()
			}
		})
		if err := stop(); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	r.start(New(r.config(), r.deps("a")))
	r.eventually("all committed", 20*time.Second, r.drained)
	r.verify(false)
	t.Log(crashes)
	for _, step := range []string{"begun", "produced", "ending", "ended"} {
		if crashes[step] < 5 {
			t.Errorf("only %d crashes at %q", crashes[step], step)
		}
	}
}

// TestBrokenSessions breaks sessions inside of one living process.
func TestBrokenSessions(t *testing.T) { onBoth(t, testBrokenSessions) }

func testBrokenSessions(t *testing.T, r *rig) {
	p := New(r.config(), r.deps("a"))
	n := 0
	p.hook = func(step string) error {
		if n++; n%9 == 0 {
			return errCrash // not final: the slot makes a new session
		}
		return nil
	}
	stop := r.start(p)
	rounds := 10
	if r.real {
		rounds = 4 // a new session takes longer, and waits longer each time
	}
	for range rounds {
		r.produce(100)
		r.eventually("all committed", 20*time.Second, r.drained)
	}
	r.eventually("ready", 5*time.Second, func() bool { return p.Ready() == nil })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.verify(false)
	if broken := count(p.metrics.broken); broken < 2 {
		t.Errorf("%v sessions broke", broken)
	}
}

// TestRebalance moves partitions back and forth between two members while
// records flow. Transactions are rolled back and leave no trace.
func TestRebalance(t *testing.T) { onBoth(t, testRebalance) }

func testRebalance(t *testing.T, r *rig) {
	cfg := r.config()
	cfg.CommitInterval = 200 * time.Millisecond // so that partitions move inside transactions
	a := New(cfg, r.deps("a"))
	r.start(a)
	var flow sync.WaitGroup
	flowing, dry := context.WithCancel(t.Context())
	flow.Go(func() {
		pace := time.NewTicker(2 * time.Millisecond)
		defer pace.Stop()
		for flowing.Err() == nil {
			r.produce(20)
			<-pace.C
		}
	})
	rolledBack := 0.0
	for range 4 {
		b := New(cfg, r.deps("b"))
		stop := r.start(b)
		r.eventually("b has partitions", 20*time.Second, func() bool { return b.held() > 0 && b.Ready() == nil })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		r.leave("b")
		r.eventually("a has all", 20*time.Second, func() bool { return a.held() == testPartitions })
		rolledBack += count(b.metrics.transactions.WithLabelValues(resultAborted))
	}
	dry()
	flow.Wait()
	r.eventually("all committed", 20*time.Second, r.drained)
	r.verify(false)
	rolledBack += count(a.metrics.transactions.WithLabelValues(resultAborted))
	broken := count(a.metrics.broken)
	t.Logf("rolled back %v, broken %v", rolledBack, broken)
	if rolledBack == 0 {
		t.Error("no transaction was rolled back")
	}
}

func (p *Processor) held() int {
	n := 0
	for _, s := range p.slots {
		s.mu.Lock()
		n += len(s.tasks)
		s.mu.Unlock()
	}
	return n
}

// leave takes a stopped static member out of the group, as its session timeout
// would later.
func (r *rig) leave(instance string) {
	r.t.Helper()
	name := fmt.Sprintf("%s-chain-%s-0", r.cell, instance)
	if _, err := r.adm.LeaveGroup(r.t.Context(), kadm.LeaveGroup(r.cell+"-chain").InstanceIDs(name)); err != nil {
		r.t.Fatal(err)
	}
}

// TestSlots runs several members in one process.
func TestSlots(t *testing.T) { onBoth(t, testSlots) }

func testSlots(t *testing.T, r *rig) {
	cfg := r.config()
	cfg.Slots = 3
	p := New(cfg, r.deps("a"))
	r.start(p)
	for range 20 {
		r.produce(100)
	}
	r.eventually("all committed", 20*time.Second, r.drained)
	r.verify(false)
	r.eventually("every slot has a partition", 20*time.Second, func() bool { // members come one after the other
		return !slices.ContainsFunc(p.slots, func(s *slot) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.tasks) == 0
		})
	})
}

// TestOperatorError ends Run, and the next process begins at the last commit.
func TestOperatorError(t *testing.T) { onBoth(t, testOperatorError) }

func testOperatorError(t *testing.T, r *rig) {
	r.produce(500)
	deps := r.deps("a")
	deps.New = func(p int32, state map[string][]byte, h stream.History) (stream.Operator, error) {
		op, err := newChain(r.cell)(p, state, h)
		op.(*chain).fail = func(rec stream.Record) error {
			if rec.Offset == 50 {
				return errors.New("bad state")
			}
			return nil
		}
		return op, err
	}
	err := New(r.config(), deps).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "apply offset 50 of "+r.topic(testIn)+"/") || !strings.Contains(err.Error(), "bad state") {
		t.Fatalf("Run: %v", err)
	}
	r.start(New(r.config(), r.deps("a")))
	r.eventually("all committed", 20*time.Second, r.drained)
	r.verify(false)
}

// TestLarge: a record above a client's default limit of 1 MB passes; one that
// the broker does not take ends Run, since trying again would not end.
func TestLarge(t *testing.T) { onBoth(t, testLarge) }

func testLarge(t *testing.T, r *rig) {
	r.produce(10)
	deps := r.deps("a")
	size := 3 << 20
	deps.New = func(p int32, state map[string][]byte, h stream.History) (stream.Operator, error) {
		op, err := newChain(r.cell)(p, state, h)
		return bulky{op, r.topic(testOut), size}, err
	}
	err := New(r.config(), deps).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), r.topic(testOut)) {
		t.Fatalf("Run: %v", err)
	}
	size = 3 << 19
	deps.Registry = prometheus.NewRegistry()
	r.start(New(r.config(), deps))
	r.eventually("all committed", 20*time.Second, r.drained)
	if got := r.read(testOut, 0); !slices.ContainsFunc(got, func(r stream.Record) bool { return len(r.Value) == size }) {
		t.Errorf("none of %d records is the large one", len(got))
	}
}

type bulky struct {
	stream.Operator
	out  string
	size int
}

func (b bulky) Flush(out stream.Output) error {
	noise := make([]byte, b.size)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	out.Emit(b.out, 0, nil, noise)
	return b.Operator.Flush(out)
}

// TestRecreatedInput stops with a message: the state is of another log.
func TestRecreatedInput(t *testing.T) { onBoth(t, testRecreatedInput) }

func testRecreatedInput(t *testing.T, r *rig) {
	r.produce(100)
	stop := r.start(New(r.config(), r.deps("a")))
	r.eventually("all committed", 20*time.Second, r.drained)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.adm.DeleteTopics(t.Context(), r.topic(testIn)); err != nil {
		t.Fatal(err)
	}
	again := connect(t, r.kafka.Brokers, r.cell) // a client that remembers nothing of the old one
	again.real = r.real
	again.topics()
	for _, embedded := range []bool{false, true} {
		deps := r.deps("a")
		deps.Embedded = embedded
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := New(r.config(), deps).Run(ctx); err == nil || !strings.Contains(err.Error(), "was made again") {
			t.Errorf("embedded %t: Run: %v", embedded, err)
		}
	}
}

// TestForeignState refuses what a newer version or another group wrote.
func TestForeignState(t *testing.T) {
	for want, ckpt := range map[string]kafka.ChangelogCheckpoint{
		"run the version that wrote it": {Next: 1, Format: 2, App: "chain"},
		`belongs to "other"`:            {Next: 1, Format: 1, App: "other"},
	} {
		onBoth(t, func(t *testing.T, r *rig) {
			r.produce(100)
			r.checkpoint(0, ckpt)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := New(r.config(), r.deps("a")).Run(ctx); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Run: %v, want %q", err, want)
			}
		})
	}
}

// checkpoint writes one beside the processor.
func (r *rig) checkpoint(p int32, c kafka.ChangelogCheckpoint) {
	r.t.Helper()
	value, err := c.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.cl.ProduceSync(r.t.Context(), &kgo.Record{
		Topic: r.topic(testState), Partition: p, Key: []byte(kafka.ChangelogCheckpointKey), Value: value,
	}).FirstErr()
	if err != nil {
		r.t.Fatal(err)
	}
}
