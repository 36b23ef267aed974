package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// slot is one member of the group: a session, and after a fault the next one.
type slot struct {
	p    *Processor
	name string // transactional id
	log  *slog.Logger

	mu        sync.Mutex
	session   *kafka.Session
	state     error // why there is no session
	tasks     map[int32]*task
	halts     map[int32]error
	restoring int

	stands map[int32]*standing
	since  time.Time // since when it is not known what waits in some partition of ours; zero: it is
	asked  time.Time // when the log last said where it ends
}

// run lives one session after the other. A session that fails takes its tasks
// with it, and the next restores them from what the log has.
func (s *slot) run(ctx context.Context, reader *kafka.HistoryReader) error {
	pause, said := pauseMin, ""
	s.lost()
	for {
		began := time.Now()
		err := s.live(ctx, reader)
		switch {
		case ctx.Err() != nil:
			return nil
		case isFinal(err):
			return err
		}
		if what := err.Error(); what != said {
			said = what
			s.log.Warn("session broke, the next restores from the log", "err", err, "elapsed", time.Since(began))
		}
		s.p.metrics.broken.Inc()
		if pause = min(2*pause, pauseMax); time.Since(began) > pauseMax {
			pause = pauseMin
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *slot) live(ctx context.Context, reader *kafka.HistoryReader) (err error) {
	s.mu.Lock()
	s.tasks, s.halts = map[int32]*task{}, map[int32]error{} // Start may run before NewSession returns
	s.mu.Unlock()
	session, err := kafka.NewSession(ctx, s.p.deps.Kafka, kafka.SessionConfig{
		Group:          s.p.group(),
		Instance:       s.name,
		Transaction:    s.name,
		Topic:          wire.TopicName(s.p.deps.Cell, s.p.deps.Input),
		Changelog:      wire.TopicName(s.p.deps.Cell, s.p.deps.Changelog),
		SessionTimeout: s.p.cfg.SessionTimeout,
		FetchBytes:     fetchBytes,
		Start: func(ctx context.Context, committed map[int32]int64) (map[int32]int64, error) {
			return s.start(ctx, reader, committed)
		},
		Taken: s.forget,
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.session = session
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.session, s.state = nil, err
		if err == nil {
			s.state = errors.New("stopped")
		}
		s.mu.Unlock()
		s.lost()
		session.Close()
	}()
	asking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { session.Ends(asking, s.told) })
	defer wg.Wait()
	defer stop()
	l := &life{slot: s, session: session, open: map[int32]*task{}}
	err = l.loop(ctx)
	if err != nil && len(l.open) > 0 {
		s.p.metrics.transactions.WithLabelValues(resultFenced).Inc()
	}
	return err
}

func (s *slot) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.session == nil:
		return fmt.Errorf("%s has no session, and makes one by itself once the Kafka brokers of --kafka.brokers let it: %w", s.name, s.state)
	// One without partitions hears of its heartbeats only.
	case s.session.Silence() > max(silent, s.p.cfg.SessionTimeout/2):
		return fmt.Errorf("%s: Kafka has not answered for %s: are the brokers of --kafka.brokers up and in reach? It goes on by itself", s.name, s.session.Silence().Round(time.Second))
	case !s.session.Member():
		return fmt.Errorf("%s joins its group", s.name)
	case s.restoring > 0:
		return fmt.Errorf("%s restores %d partitions", s.name, s.restoring)
	}
	return errors.Join(slices.Collect(maps.Values(s.halts))...)
}

// prune drops the tasks of partitions that are no longer ours. The client may
// merge notices of revocation, so what is assigned counts, not what was said.
func (s *slot) prune(assigned map[int32]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, t := range s.tasks {
		if t.known && !assigned[p] {
			delete(s.tasks, p)
			delete(s.stands, p)
		}
		t.known = t.known || assigned[p]
	}
}

// forget drops what halted: somebody else says so now.
func (s *slot) forget(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range partitions {
		delete(s.halts, p)
	}
}

func (s *slot) task(partition int32) *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tasks[partition]
}

// life is a session and its open transaction.
type life struct {
	*slot
	session *kafka.Session

	open    map[int32]*task // with records applied since the last commit
	due     time.Time
	records int
	bytes   int64
}

const (
	fetchBytes  = 1 << 20 // of each partition: what the client holds ready
	pollRecords = 2000    // decoded and applied at once
)

func (l *life) loop(ctx context.Context) error {
	for {
		if l.session.Revoked() {
			if err := l.rollback(ctx); err != nil {
				return err
			}
		}
		l.prune(l.session.Assigned())
		batches, err := l.poll(ctx)
		if err != nil {
			return err
		}
		if l.session.Revoked() {
			continue // the rollback puts the client back in front of these batches
		}
		if err := l.apply(ctx, batches); err != nil {
			return err
		}
		if len(l.open) > 0 && (ctx.Err() != nil || l.full() || !time.Now().Before(l.due)) {
			if err := l.commit(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (l *life) full() bool {
	return l.records >= l.p.cfg.MaxRecords || l.bytes >= l.p.cfg.MaxBytes
}

func (l *life) poll(ctx context.Context) ([]kafka.SessionBatch, error) {
	if len(l.open) > 0 {
		until, cancel := context.WithDeadline(ctx, l.due)
		defer cancel()
		ctx = until
	}
	return l.session.Poll(ctx, min(pollRecords, l.p.cfg.MaxRecords))
}

// apply runs what was polled through the operators, partitions in parallel, and
// produces what they emit.
func (l *life) apply(ctx context.Context, batches []kafka.SessionBatch) error {
	if len(batches) == 0 {
		return nil
	}
	if len(l.open) == 0 {
		if err := l.begin(); err != nil {
			return err
		}
	}
	work := map[*task][]stream.Record{}
	for _, b := range batches {
		t := l.task(b.Partition)
		if t == nil {
			return fmt.Errorf("partition %d was polled and never assigned", b.Partition)
		}
		l.open[b.Partition] = t
		l.came(b.Partition, &b.Records[0])
		work[t] = append(work[t], b.Records...)
		l.records += len(b.Records)
		for _, r := range b.Records {
			l.bytes += int64(len(r.Key) + len(r.Value))
		}
	}
	err := l.each(func(t *task) error { return t.apply(ctx, work[t]) })
	if err != nil {
		return err
	}
	l.produce()
	// A crash here leaves an open transaction that nobody can read; the next
	// session of this name aborts it and begins at the last commit.
	return l.p.hook("produced")
}

func (l *life) begin() error {
	if err := l.session.Begin(); err != nil {
		return err
	}
	l.due = time.Now().Add(l.p.cfg.CommitInterval)
	l.records, l.bytes = 0, 0
	// A crash here leaves nothing: the log has not heard of the transaction.
	return l.p.hook("begun")
}

// each runs f for the open tasks at the same time and waits for all.
func (l *life) each(f func(*task) error) error {
	var wg sync.WaitGroup
	tasks := slices.Collect(maps.Values(l.open))
	errs := make([]error, len(tasks))
	for i, t := range tasks {
		wg.Go(func() { errs[i] = f(t) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l *life) produce() {
	for _, p := range slices.Sorted(maps.Keys(l.open)) {
		records, bytes := l.open[p].out.take()
		l.bytes += bytes
		for _, r := range records {
			l.session.Produce(r)
		}
	}
}

// commit closes the transaction. Until the log has said yes, the operators keep
// both what was and what is.
func (l *life) commit(ctx context.Context) error {
	began := time.Now()
	if err := l.each((*task).finish); err != nil {
		return err
	}
	l.produce()
	// A crash here is as in apply: all is written and none of it can be read.
	if err := l.p.hook("ending"); err != nil {
		return err
	}
	end, cancel := outlive(ctx, grace)
	defer cancel()
	// A crash in here leaves it to the log whether the transaction is; output,
	// state and offset share the answer. On the embedded log they may not, and
	// the checkpoint says so.
	committed, err := l.session.Commit(end)
	switch {
	case err != nil:
		return err
	case !committed:
		return l.refused(end)
	}
	// A crash here loses only the memory of a transaction that is: the restore
	// finds its state and its offset in the log.
	if err := l.p.hook("ended"); err != nil {
		return err
	}
	for p, t := range l.open {
		t.commit()
		l.done(p, t.committed, t.last)
	}
	l.p.metrics.records.Add(float64(l.records))
	l.p.metrics.transactions.WithLabelValues(resultCommitted).Inc()
	l.p.metrics.seconds.Observe(time.Since(began).Seconds())
	l.log.Debug("transaction committed", "rows", l.records, "bytes", l.bytes, "elapsed", time.Since(began))
	clear(l.open)
	return nil
}

// refused deals with a commit that the client gave up, as it does when the group
// has moved on. It does so too when the log's answer said nothing, so the
// operators go back only if the group's offsets are where they were.
func (l *life) refused(ctx context.Context) error {
	committed, err := l.session.Committed(ctx)
	if err != nil {
		return err
	}
	assigned := l.session.Assigned()
	for p, t := range l.open {
		at, ok := committed[p]
		if !ok {
			at = -1
		}
		if assigned[p] && at != t.group {
			return fmt.Errorf("commit of partition %d was given up and the group stands at %s, not at %s", p, offset(at), offset(t.group))
		}
	}
	l.rolledBack()
	return nil
}

// rollback ends the transaction, if one is open, because partitions were taken
// away. Those that stay begin again at the last commit.
func (l *life) rollback(ctx context.Context) error {
	end, cancel := outlive(ctx, grace)
	defer cancel()
	if err := l.session.Rollback(end); err != nil {
		return err
	}
	if len(l.open) > 0 {
		l.rolledBack()
	}
	return nil
}

func (l *life) rolledBack() {
	for _, t := range l.open {
		t.rollback()
	}
	l.p.metrics.transactions.WithLabelValues(resultAborted).Inc()
	clear(l.open)
}

// outlive is a context that ends some time after ctx does: an end of a
// transaction that is cut short leaves the session of no use.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() { stop(); cancel() }
}
