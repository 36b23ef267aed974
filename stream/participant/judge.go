package participant

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/emit"
	"github.com/wearstream/wearstream/stream/wire"
)

// judge says what is new of the pairs of a sensor; anew says that its side row is.
func (o *operator) judge(ctx context.Context, v *view, sensor string, anew bool, out stream.Output) error {
	for _, names := range v.pairsOf(sensor) {
		if err := o.pair(ctx, v, names[0], names[1], anew, out); err != nil {
			return err
		}
	}
	return nil
}

func (o *operator) pair(ctx context.Context, v *view, leftName, rightName string, anew bool, out stream.Output) error {
	left, right, was := v.side(leftName), v.side(rightName), v.was(leftName, rightName)
	if !fit(&left, &right) {
		return o.retract(v, was, out)
	}
	status := due(&left, &right, &was)
	// What was said holds, unless a side is another, or it can be final.
	if status == "" || was.there && !anew && (was.settled || status == wire.StatusProvisional) {
		return nil
	}
	if min(left.offset, right.offset) < o.time.marks.Floor {
		o.tally.unreadable++ // what was said stands
		return nil
	}
	row, ok, err := o.compute(ctx, v, &left, &right)
	if err != nil {
		return err
	}
	if !ok {
		return o.retract(v, was, out)
	}
	content := contentOf(row)
	if was.there && content == was.content && status != wire.StatusFinal {
		return nil
	}
	row.Status = status
	return o.say(v, said{leftName, rightName, was.revision + 1, true, status != wire.StatusProvisional, content}, row, out)
}

// fit says whether two sides can be compared.
func fit(left, right *side) bool {
	return left.wrist == pair.Left && right.wrist == pair.Right && left.covered && right.covered && pair.Worn(left.worn) && pair.Worn(right.worn)
}

// due is the status that a pair which is fit goes out with; empty: not yet.
func due(left, right *side, was *said) string {
	switch {
	case was.settled:
		return wire.StatusCorrected
	case left.final && right.final && left.settled == left.has && right.settled == right.has:
		return wire.StatusFinal
	case left.has&right.has == everyMinute:
		return wire.StatusProvisional
	}
	return ""
}

// compute makes the row of a pair.
func (o *operator) compute(ctx context.Context, v *view, left, right *side) (*wire.PairRow, bool, error) {
	l, r, err := o.recall(ctx, v, left, right)
	if err != nil {
		return nil, false, err
	}
	l.Worn, r.Worn = left.worn, right.worn
	of, ok := pair.Compute(l, r, pair.Unknown)
	row := &wire.PairRow{CoverageLeft: float32(l.Coverage), CoverageRight: float32(r.Coverage)}
	for _, f := range pair.Features {
		row.Features = append(row.Features, float32(f.Value(&of)))
	}
	return row, ok, nil
}

// contentOf is a hash of what a row says.
func contentOf(r *wire.PairRow) uint64 {
	b := make([]byte, 0, 4*(2+len(pair.Features)))
	for _, v := range append([]float32{r.CoverageLeft, r.CoverageRight}, r.Features...) {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

var nan = float32(math.NaN())

// retract takes back a pair that was said.
func (o *operator) retract(v *view, was said, out stream.Output) error {
	if !was.there {
		return nil
	}
	row := &wire.PairRow{Status: wire.StatusRetracted}
	for range pair.Features {
		row.Features = append(row.Features, nan)
	}
	was.there = false
	was.revision++
	return o.say(v, was, row, out)
}

// maxRows bounds an Arrow record, well below the topic's largest batch.
const maxRows = 1000

// say hands out a row.
func (o *operator) say(v *view, now said, row *wire.PairRow, out stream.Output) error {
	v.say(now)
	row.Study, row.Participant, _ = strings.Cut(v.name, "/")
	row.SensorLeft, row.SensorRight, row.Start = now.left, now.right, time.Unix(0, v.start).UTC()
	row.Algo, row.Revision = o.algo, now.revision
	p := wire.PartitionOf(row.Study, wire.ParticipantsPartitions)
	o.rows[p].Append(row)
	o.tally.rows[row.Status]++
	if o.rows[p].Len() >= maxRows {
		return o.flushRows(p, out)
	}
	return nil
}

func (o *operator) flushRows(p int32, out stream.Output) error {
	return emit.Rows(out, wire.TopicName(o.cfg.Cell, wire.TopicParticipants), p, wire.RowsPairs, o.rows[p])
}
