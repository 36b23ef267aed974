package device

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// times is what a partition knows of time: its clock, and which records are so old
// that the log may no longer hold them.
type times struct {
	Clock int64 // largest tick, ns; 0 before the first
	Floor int64 // records below this offset are not read again
	marks []mark
}

// mark says that the records from an offset on came at a time or later.
type mark struct {
	_            struct{} `cbor:",toarray"`
	Time, Offset int64
}

const markEvery = int64(6 * time.Hour)

// readAgain is for how long beyond a device's memory records are read again: a
// hole that is assumed lost makes windows final that are as old as the memory
// lasts. The log has to keep the device topic for the memory and a week.
const readAgain = 7*24*hour - markEvery - hour // what a mark and the clamp of ticks may be off

// tick moves the clock and reports whether more has become too old.
func (t *times) tick(now, offset, readable int64) (older bool) {
	t.Clock = max(t.Clock, now)
	if n := len(t.marks); n == 0 || t.Clock-t.marks[n-1].Time >= markEvery {
		t.marks = append(slices.Clip(t.marks), mark{Time: t.Clock, Offset: offset})
	}
	for len(t.marks) > 0 && t.marks[0].Time <= t.Clock-readable {
		older = older || t.Floor < t.marks[0].Offset
		t.Floor, t.marks = t.marks[0].Offset, t.marks[1:]
	}
	return older
}

type storedMarks struct {
	_     struct{} `cbor:",toarray"`
	Floor int64
	Marks []mark
}

func (t *times) changes(was times, yield func(key string, value []byte) error) error {
	clock, err := encoding.Marshal(t.Clock)
	if err != nil {
		return err
	}
	if err := yield(stateKey(kindClock, nobody), clock); err != nil {
		return err
	}
	if t.Floor == was.Floor && slices.Equal(t.marks, was.marks) {
		return nil
	}
	marks, err := encoding.Marshal(storedMarks{Floor: t.Floor, Marks: t.marks})
	if err != nil {
		return err
	}
	return yield(stateKey(kindMarks, nobody), marks)
}

func (t *times) restore(state map[string][]byte) error {
	for key, value := range state {
		var err error
		switch key {
		case stateKey(kindClock, nobody):
			err = cbor.Unmarshal(value, &t.Clock)
		case stateKey(kindMarks, nobody):
			var stored storedMarks
			err = cbor.Unmarshal(value, &stored)
			t.Floor, t.marks = stored.Floor, stored.Marks
		default:
			err = fmt.Errorf("it is unknown")
		}
		if err != nil {
			return fmt.Errorf("restore state key %q: %w", key, err)
		}
	}
	return nil
}

// tick moves the partition's clock and fires what waited for it.
func (o *operator) tick(ctx context.Context, r stream.Record, out stream.Output) error {
	var t wire.Tick
	if err := json.Unmarshal(r.Value, &t); err != nil {
		o.quarantine(r, wire.ReasonParse, out)
		return nil
	}
	first := o.time.Clock == 0
	older := o.time.tick(t.Time(r.AppendTime).UnixNano(), r.Offset, int64(o.cfg.Memory)+readAgain)
	o.ticked = true
	for s := range o.recalling {
		s.recalled = nil
	}
	clear(o.recalling)
	left := atOnce
	for _, name := range slices.Sorted(maps.Keys(o.sensors)) {
		s := o.sensors[name]
		if older {
			s.forget(o.time.Floor, func() { o.begin(s) })
		}
		if len(s.pending.rows) == 0 && len(s.head.Sequence.Waits) == 0 && len(s.head.Sweeps) == 0 && len(s.head.Restated) == 0 && !o.wearDue(s) {
			continue
		}
		if first {
			o.begin(s)
			s.start(o.time.Clock)
		}
		if err := o.fire(ctx, s, &left, out); err != nil {
			return err
		}
	}
	return nil
}

// start dates what came before the log had a clock.
func (s *sensor) start(now int64) {
	for _, a := range slices.Clone(s.pending.rows) {
		for i := range a.items {
			p := a.items[i]
			p.Since = max(p.Since, now)
			s.setPending(a.window(i), &p)
		}
	}
	s.head.Sequence.Start(now)
}
