package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/loadtest/verify"
)

// needReal wants Apache Kafka and an S3 server, and time.
func needReal(t testing.TB) {
	t.Helper()
	needEngine(t)
	if !onReal() {
		t.Skip("runs on Apache Kafka and an S3 server: deploy/local/all start; eval \"$(deploy/local/all env)\"; WEARSTREAM_SUITE=real go test -run " + t.Name() + " ./cmd/wearstream")
	}
}

// takeover is how long the partitions of a replica that is gone may stand still:
// the session's timeout, the rebalance and restore, and as much again for a busy
// machine.
const takeover = 3 * sessionTimeout

// TestReplicas runs every reader of the log twice, over Apache Kafka: each is
// killed, frozen past its session's timeout and woken, and restarted, while
// recordings are replayed. The other one goes on, nothing is stored twice, and
// the windows are those of a calm run.
func TestReplicas(t *testing.T) {
	needReal(t)
	dir := t.TempDir()
	cell, brokers, objects := realParts(t, dir)
	w := newWorld(t, dir, cell, brokers, objects)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.at.Kafka...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r := &replicas{world: w, adm: kadm.NewClient(client)}
	// Cuts by ticks, so that every partition of every topic moves.
	r.crew("process", cell+"-process", w.process("p1"), cell+"-process-p1-0", w.process("p2"), cell+"-process-p2-0")
	r.crew("adhere", cell+"-adhere", w.adhere("a1"), cell+"-adhere-a1-0", w.adhere("a2"), cell+"-adhere-a2-0")
	r.crew("object", cell+".sink-object", w.object("o1", "--object.idle_cut", "2s"), "o1", w.object("o2", "--object.idle_cut", "2s"), "o2")
	r.crew("clickhouse", cell+".sink-clickhouse", w.tables("c1", "--clickhouse.idle_cut", "2s"), "c1", w.tables("c2", "--clickhouse.idle_cut", "2s"), "c2")
	r.await("started: both have partitions that move", 60*time.Second, share)

	files, acked := recordings(t), filepath.Join(t.TempDir(), "acked.jsonl")
	replay := program(t.Context(), append([]string{"replay", "--data", w.at.Data, "--acked", acked, "--speed", "65"}, files...)...)
	var errs bytes.Buffer
	replay.Stderr = &errs
	if err := replay.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- replay.Wait() }()
	t.Cleanup(func() { replay.Process.Kill() })
	began := time.Now()
	r.await("data moves", 30*time.Second, share)

	r.each(func(c *crew) { c.of(0).kill() })
	r.await("killed: the other one goes on", takeover, alone(1))
	r.each(func(c *crew) { c.of(0).start() })
	r.await("started again: both go on", takeover, share)

	r.each(func(c *crew) { c.of(1).freeze() })
	r.await("frozen: the other one goes on", takeover, alone(0))
	r.each(func(c *crew) { c.of(1).thaw() })
	r.await("woken: both go on", takeover, share)

	for i := range 2 {
		r.each(func(c *crew) { c.of(i).stop() })
		r.each(func(c *crew) { c.of(i).start() })
		r.await(fmt.Sprintf("replica %d restarted: both go on", i+1), takeover, share)
	}
	t.Logf("all of it took %.1f s", time.Since(began).Seconds())
	select {
	case <-ended:
		t.Log("the replay had ended by then")
		ended <- nil
	default:
	}
	if err := <-ended; err != nil {
		t.Fatalf("replay: %v\n%s%s", err, tail(errs.String(), 4000), tail(w.errs.String(), 4000))
	}
	w.complete(len(files))
	got := w.finals()

	calm := startUp(t, t.TempDir())
	if _, code := runProgram(t, append([]string{"replay", "--data", calm.at.Data}, files...)...); code != 0 {
		t.Fatal("replay on a calm up failed")
	}
	calm.complete(len(files))
	for i, want := range calm.finals() {
		if got[i] != want {
			t.Errorf("windows %d differ from those of a calm run:\n%s", i, firstDifference(got[i], want))
		}
	}
	calm.stop()
	w.exactlyOnce(acked)
}

// exactlyOnce wants everything acknowledged to be stored once, and nothing to
// need an explanation.
func (w *world) exactlyOnce(acked string) {
	w.t.Helper()
	r := w.verified(acked)
	w.t.Logf("verify: %+v", r)
	for class, n := range r.Explained {
		if class != verify.ClassControl && class != verify.ClassNotDue {
			w.t.Errorf("%d had to be explained: %s", n, class)
		}
	}
	if lines := countLines(w.t, acked); lines != r.Acked || lines != r.Batches {
		w.t.Errorf("%d lines acknowledged, verify: %+v", lines, r)
	}
}

// replicas are the crews of a world.
type replicas struct {
	*world
	adm   *kadm.Client
	crews []*crew
}

// crew is a service with two replicas: a consumer group with two members.
type crew struct {
	name, group string
	services    [2]*service
	members     [2]string

	from map[place]int64 // where partitions stood when all were held as wanted
}

type place struct {
	topic     string
	partition int32
}

func (r *replicas) crew(name, group string, first *service, firstID string, second *service, secondID string) {
	r.crews = append(r.crews, &crew{name: name, group: group, services: [2]*service{first, second}, members: [2]string{firstID, secondID}})
}

func (c *crew) of(i int) *service { return c.services[i] }

func (r *replicas) each(f func(*crew)) {
	for _, c := range r.crews {
		f(c)
	}
}

// held says whether it is how the partitions of a crew should be held: how many
// each member has.
type held func(parts [2]int) bool

func share(parts [2]int) bool { return parts[0] > 0 && parts[1] > 0 }

// alone: member i has all.
func alone(i int) held { return func(parts [2]int) bool { return parts[1-i] == 0 } }

// await waits until every crew is held so and every partition has moved on since,
// and prints how long that took each.
func (r *replicas) await(what string, within time.Duration, is held) {
	r.t.Helper()
	began := time.Now()
	waiting := slices.Clone(r.crews)
	for _, c := range waiting {
		c.from = nil
	}
	var took string
	eventually(r.t, within, what, func() error {
		var errs []error
		waiting = slices.DeleteFunc(waiting, func(c *crew) bool {
			err := r.moved(c, is)
			if err == nil {
				took += fmt.Sprintf(", %s after %.1f s", c.name, time.Since(began).Seconds())
			} else {
				errs = append(errs, err)
			}
			return err == nil
		})
		return errors.Join(errs...)
	})
	r.t.Logf("%s%s", what, took)
}

// moved is nil once a crew is held as wanted and has moved on.
func (r *replicas) moved(c *crew, is held) error {
	holders, at, err := r.look(c.group)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	var parts [2]int
	for _, holder := range holders {
		parts[slices.Index(c.members[:], holder)]++
	}
	if len(holders) == 0 || len(holders) < len(at) || !is(parts) {
		c.from = nil
		return fmt.Errorf("%s: members hold %v of %d partitions", c.name, parts, len(at))
	}
	if c.from == nil {
		c.from = at
	}
	still := 0
	for p := range holders {
		from, known := c.from[p]
		if now, ok := at[p]; !ok || known && now <= from {
			still++
		}
	}
	if still > 0 {
		return fmt.Errorf("%s: %d of %d partitions have not moved on", c.name, still, len(holders))
	}
	return nil
}

// look asks Kafka who holds which partitions of a group, and where they stand.
func (r *replicas) look(group string) (holders map[place]string, at map[place]int64, err error) {
	groups, err := r.adm.DescribeGroups(r.t.Context(), group)
	if err != nil {
		return nil, nil, err
	}
	holders, at = map[place]string{}, map[place]int64{}
	for _, m := range groups[group].Members {
		assigned, ok := m.Assigned.AsConsumer()
		if !ok || m.InstanceID == nil {
			continue
		}
		for _, t := range assigned.Topics {
			for _, p := range t.Partitions {
				holders[place{t.Topic, p}] = *m.InstanceID
			}
		}
	}
	offsets, err := r.adm.FetchOffsets(r.t.Context(), group)
	if err != nil {
		return nil, nil, err
	}
	for topic, ps := range offsets {
		for p, o := range maps.All(ps) {
			at[place{topic, p}] = o.At
		}
	}
	return holders, at, nil
}
