package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// start makes the tasks of newly assigned partitions and answers where each
// begins. A partition whose state is in doubt halts: it is left out.
func (s *slot) start(ctx context.Context, reader *kafka.HistoryReader, committed map[int32]int64) (map[int32]int64, error) {
	began := time.Now()
	s.restored(len(committed))
	defer s.restored(-len(committed))
	s.unknown()

	logs, err := kafka.LogIDs(ctx, reader.Client(), s.p.deps.Cell, s.p.deps.Input)
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	begin := map[int32]int64{}
	for p, offset := range committed {
		wg.Go(func() {
			r := restore{slot: s, reader: reader, partition: p, committed: offset, logID: logs[s.p.deps.Input]}
			t, err := r.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case s.assign(p, t, err):
				begin[p] = t.committed
			case !isHalt(err):
				faults = append(faults, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	ends, err := kafka.ReadableEnds(ctx, reader.Client(), wire.TopicName(s.p.deps.Cell, s.p.deps.Input))
	if err != nil {
		return nil, err
	}
	s.begun(begin, ends)
	s.p.metrics.restores.Observe(time.Since(began).Seconds())
	s.log.Info("partitions assigned", "partition", slices.Sorted(maps.Keys(begin)), "elapsed", time.Since(began))
	return begin, nil
}

func (s *slot) restored(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoring += n
}

// assign replaces what was known of a partition and reports whether it runs.
func (s *slot) assign(partition int32, t *task, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, partition)
	delete(s.halts, partition)
	switch {
	case err == nil:
		s.tasks[partition] = t
	case isHalt(err):
		s.halts[partition] = err
		s.log.Error("partition halted", "partition", partition, "err", err)
	}
	return err == nil
}

// halt is the error of a partition that stops while the others go on.
type halt struct{ error }

func isHalt(err error) bool { _, ok := errors.AsType[halt](err); return ok }

// restore brings one partition to where the last commit left it.
type restore struct {
	*slot
	reader    *kafka.HistoryReader
	partition int32
	committed int64        // -1: none
	logID     stream.LogID // of the input

	history    *kafka.History
	first, end int64
}

func (r *restore) run(ctx context.Context) (*task, error) {
	deps := r.p.deps
	r.history = r.reader.Partition(wire.TopicName(deps.Cell, deps.Input), r.partition)
	var err error
	if r.first, r.end, err = r.history.Bounds(ctx); err != nil {
		return nil, err
	}
	// The committed offset was read before: what belongs to it is there.
	changelog, err := r.reader.Changelog(ctx, wire.TopicName(deps.Cell, deps.Changelog), r.partition)
	if err != nil {
		return nil, err
	}
	next, err := r.checkpoint(changelog)
	if err != nil {
		return nil, err
	}
	start := r.committed
	switch {
	case next < 0 && r.committed < 0 && len(changelog.State) == 0:
		start = r.first // nobody was here before
	case next != r.committed || next < 0:
		if !deps.Embedded {
			return nil, halt{fmt.Errorf("partition %d of %s: the state stands for offset %s and the group has committed %s; compare the changelog %s with the group's offsets before going on",
				r.partition, deps.Input, offset(next), offset(r.committed), deps.Changelog)}
		}
		return r.rebuild(ctx, changelog.State, max(0, min(next, r.committed)))
	case start < r.first || start > r.end:
		return nil, halt{fmt.Errorf("partition %d of %s: offset %d is to be processed next and the log holds %d to %d: records were removed before they were processed",
			r.partition, deps.Input, start, r.first, r.end)}
	}
	op, err := deps.New(r.partition, changelog.State, r.history)
	if err != nil {
		return nil, final{fmt.Errorf("restore partition %d: %w", r.partition, err)}
	}
	return newTask(r.p, r.partition, r.logID, op, r.committed, start), nil
}

func offset(o int64) string {
	if o < 0 {
		return "none"
	}
	return fmt.Sprint(o)
}

// checkpoint answers the offset that the state stands for, -1 if it says none,
// and refuses a state that is not ours to go on with.
func (r *restore) checkpoint(c kafka.Changelog) (int64, error) {
	if c.Checkpoint == nil {
		return -1, nil
	}
	deps := r.p.deps
	ckpt, err := kafka.DecodeChangelogCheckpoint(c.Checkpoint)
	switch {
	case err != nil:
		return 0, final{fmt.Errorf("changelog %s, partition %d: %w", deps.Changelog, r.partition, err)}
	case ckpt.App != deps.Group:
		return 0, final{fmt.Errorf("changelog %s belongs to %q, not to %q", deps.Changelog, ckpt.App, deps.Group)}
	case ckpt.Log != r.logID:
		return 0, final{fmt.Errorf("topic %s was made again: its id is %s and the state in %s is of %s; for the new log give a new cell, or remove %s and the group's offsets",
			deps.Input, r.logID, deps.Changelog, ckpt.Log, deps.Changelog)}
	}
	return ckpt.Next, nil
}

// settleEvery bounds what an operator holds uncommitted during a rebuild.
const settleEvery = 10_000

// rebuild makes the state from the log itself: it applies every record below
// upto, silently. What was said of the records after it is said again.
func (r *restore) rebuild(ctx context.Context, old map[string][]byte, upto int64) (*task, error) {
	began, records := time.Now(), 0
	upto = max(r.first, min(upto, r.end))
	op, err := r.p.deps.New(r.partition, map[string][]byte{}, r.history)
	if err != nil {
		return nil, final{fmt.Errorf("rebuild partition %d: %w", r.partition, err)}
	}
	state := map[string][]byte{}
	err = r.history.Range(ctx, r.first, upto, func(rec stream.Record) error {
		if err := op.Apply(ctx, rec, stream.Discard); err != nil {
			if ctx.Err() != nil {
				return ctx.Err() // the partition was taken away
			}
			return final{fmt.Errorf("apply offset %d: %w", rec.Offset, err)}
		}
		if records++; records%settleEvery != 0 {
			return ctx.Err()
		}
		return settle(op, state)
	})
	if err == nil {
		err = settle(op, state)
	}
	if err != nil {
		return nil, fmt.Errorf("rebuild partition %d of %s: %w", r.partition, r.p.deps.Input, err)
	}
	for key := range old {
		if _, ok := state[key]; !ok {
			state[key] = nil
		}
	}
	t := newTask(r.p, r.partition, r.logID, op, r.committed, upto)
	t.rewrite = state
	r.p.metrics.rebuilds.Inc()
	r.log.Warn("state built again from the log, since a transaction was torn",
		"partition", r.partition, "offset", upto, "rows", records, "elapsed", time.Since(began))
	return t, nil
}

// settle commits an operator's changes into a state.
func settle(op stream.Operator, state map[string][]byte) error {
	if err := op.Flush(stream.Discard); err != nil {
		return final{err}
	}
	err := op.Changes(func(key, value []byte) error {
		if value == nil {
			delete(state, string(key))
		} else {
			state[string(key)] = slices.Clone(value)
		}
		return nil
	})
	if err != nil {
		return final{err}
	}
	op.Commit()
	return nil
}
