package participant

import (
	"context"
	"fmt"
	"slices"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// place is where a row is in the log. What is there is always the same.
type place struct {
	offset int64
	row    int
}

// maxSides is how many sides are kept, of some 13 KB each: those of all participants of a
// partition at the end of a quarter, where there are a thousand sensors in the topic.
const maxSides = 256

// shelf keeps the sides put last.
type shelf struct {
	sides map[place]*pair.Side
	order []place // the oldest is at next, once there are maxSides
	next  int
}

func newShelf() shelf { return shelf{sides: map[place]*pair.Side{}} }

func (s *shelf) put(at place, side *pair.Side) {
	if _, there := s.sides[at]; there {
		return
	}
	if len(s.order) < maxSides {
		s.order = append(s.order, at)
	} else {
		delete(s.sides, s.order[s.next])
		s.order[s.next] = at
		s.next = (s.next + 1) % maxSides
	}
	s.sides[at] = side
}

func readSide(s *wire.SideRow) (*pair.Side, error) {
	side, err := pair.ParseSide(s.Epochs)
	if err != nil {
		return nil, fmt.Errorf("side of sensor %q at %s: %w", s.Sensor, s.Start, err)
	}
	side.Coverage = float64(s.Coverage)
	return side, nil
}

// recall brings the epochs of two sides into memory, from the log where needed. A record
// holds the sides of many windows, and whoever needs one of a sensor is likely to need
// the next: what else it has of these sensors comes along.
func (o *operator) recall(ctx context.Context, v *view, left, right *side) (l, r *pair.Side, err error) {
	found := map[place]*pair.Side{}
	var offsets []int64
	at := [2]place{{left.offset, left.row}, {right.offset, right.row}}
	for _, p := range at {
		if found[p] = o.sides.sides[p]; found[p] == nil {
			offsets = append(offsets, p.offset)
		}
	}
	slices.Sort(offsets)
	offsets = slices.Compact(offsets)
	if len(offsets) == 0 {
		return found[at[0]], found[at[1]], nil
	}
	err = o.history.Read(ctx, offsets, func(r stream.Record) error {
		return wire.EachSide(r.Value, func(i int, s *wire.SideRow) error {
			if s.Sensor != left.sensor && s.Sensor != right.sensor || s.Status == wire.StatusRetracted {
				return nil
			}
			side, err := readSide(s)
			if err != nil {
				return err
			}
			p := place{r.Offset, i}
			if p == at[0] || p == at[1] {
				found[p] = side
			}
			o.sides.put(p, side)
			o.tally.again++
			return nil
		})
	})
	if err == nil && (found[at[0]] == nil || found[at[1]] == nil) {
		err = fmt.Errorf("there are no sides at %v", at)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read sides of participant %q again: %w", v.name, err)
	}
	return found[at[0]], found[at[1]], nil
}
