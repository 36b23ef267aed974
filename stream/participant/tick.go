package participant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/wire"
)

// times is what a partition knows of time. It is not changed in place.
type times struct {
	clocks
	marks state.Marks
}

// clocks are those of the partitions of the device topic, ns, and the least of them: the
// operator's. 0: not heard, of the operator's: of all.
type clocks struct {
	_       struct{} `cbor:",toarray"`
	Clock   int64
	Sources []int64
}

// tick takes the clock of a partition of the device topic. It was made from append times
// there, and those here may be much later: it is taken as it is.
func (o *operator) tick(r stream.Record) error {
	var t wire.Tick
	if err := json.Unmarshal(r.Value, &t); err != nil {
		return fmt.Errorf("parse tick: %w", err)
	}
	source := string(r.Header(wire.HeaderSource))
	p, err := strconv.Atoi(source[strings.LastIndexByte(source, '/')+1:])
	if err != nil || p < 0 || p >= int(o.cfg.Sources) {
		return fmt.Errorf("tick of %q: there are partitions 0 to %d: are --kafka.partitions those of the cell?", source, o.cfg.Sources-1)
	}
	now := o.time
	now.Sources = slices.Grow(slices.Clone(now.Sources), int(o.cfg.Sources))[:o.cfg.Sources]
	now.Sources[p] = max(now.Sources[p], time.UnixMicro(t.UTC).UnixNano())
	now.Clock = max(now.Clock, slices.Min(now.Sources))
	if now.Clock > 0 && now.marks.Pass(now.Clock, r.Offset, o.cfg.Memory+state.ReadAgain) {
		o.forget(now.marks.Floor)
	}
	o.time = now
	return nil
}

// forget removes the pages that no record from an offset on has touched.
func (o *operator) forget(floor int64) {
	for name, p := range o.people {
		for i := len(p.pages.Rows()) - 1; i >= 0; i-- {
			if lastOf(p.pages.Rows()[i].code) < floor {
				p.pages.RemoveRange(i, i+1)
				o.touched[name] = p
			}
		}
	}
}

func (t *times) changes(was *times, yield func(key, value []byte) error) error {
	put := func(kind byte, v any, same bool) error {
		if same {
			return nil
		}
		b, err := state.Marshal(v)
		if err != nil {
			return err
		}
		return yield([]byte(state.Key(kind, nobody)), b)
	}
	if err := put(kindClock, t.clocks, slices.Equal(t.Sources, was.Sources)); err != nil {
		return err
	}
	return put(kindMarks, t.marks, t.marks.Same(&was.marks))
}

func (t *times) restore(kind byte, value []byte) error {
	switch kind {
	case kindClock:
		return cbor.Unmarshal(value, &t.clocks)
	case kindMarks:
		return cbor.Unmarshal(value, &t.marks)
	}
	return fmt.Errorf("it is unknown")
}
