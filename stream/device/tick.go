package device

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/wire"
)

// times is what a partition knows of time: its clock, and which records are so old
// that the log may no longer hold them.
type times struct {
	Clock int64 // largest tick, ns; 0 before the first
	state.Marks
}

func (t *times) changes(was times, yield func(key string, value []byte) error) error {
	clock, err := state.Marshal(t.Clock)
	if err != nil {
		return err
	}
	if err := yield(state.Key(kindClock, nobody), clock); err != nil || t.Same(&was.Marks) {
		return err
	}
	marks, err := state.Marshal(t.Marks)
	if err != nil {
		return err
	}
	return yield(state.Key(kindMarks, nobody), marks)
}

func (t *times) restore(stored map[string][]byte) error {
	for key, value := range stored {
		var err error
		switch key {
		case state.Key(kindClock, nobody):
			err = cbor.Unmarshal(value, &t.Clock)
		case state.Key(kindMarks, nobody):
			err = cbor.Unmarshal(value, &t.Marks)
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
	o.time.Clock = max(o.time.Clock, t.Time(r.AppendTime).UnixNano())
	older := o.time.Pass(o.time.Clock, r.Offset, o.cfg.Memory+state.ReadAgain)
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
		if len(s.pending.Rows()) == 0 && len(s.head.Sequence.Waits) == 0 && len(s.head.Sweeps) == 0 && len(s.head.Restated) == 0 && !o.wearDue(s) {
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
	for _, a := range slices.Clone(s.pending.Rows()) {
		for i := range a.items {
			p := a.items[i]
			p.Since = max(p.Since, now)
			s.setPending(a.window(i), &p)
		}
	}
	s.head.Sequence.Start(now)
}
