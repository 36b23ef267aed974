package device

import (
	"sort"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// sides are what pairing must know of the quarters of an hour of sensors that are
// somebody's left or right.
type sides struct {
	merger window.Merger
	window features.Window
	buf    []byte
	rows   [wire.FeaturesPartitions]wire.SideRows
	taken  [wire.FeaturesPartitions]bool // rows have minutes that are taken back
}

// maxSides bounds an Arrow record: a side has some 12 KB.
const maxSides = 50

func newSides() *sides {
	w := &sides{}
	w.clear()
	return w
}

func (w *sides) clear() {
	for i := range w.rows {
		w.rows[i] = wire.NewSideRows()
	}
	clear(w.taken[:])
}

var (
	epochMAD        = features.Core.Value("mad")
	meanTemperature = features.Core.Value("temp_mean")
)

// side hands out the side that a quarter of an hour is, and takes it back from whom it
// is no longer.
func (o *operator) side(s *sensor, r *revision, sum *window.Sum, out stream.Output) error {
	if o.sides == nil {
		return nil
	}
	now := s.assigned(r.key.Start)
	row := &wire.SideRow{
		Thing: s.head.Thing, Sensor: s.name, Start: time.Unix(0, r.key.Start).UTC(), Length: pair.Length,
		Revision: r.number, Status: statusOf[r.state], Coverage: float32(sum.Coverage),
	}
	if r.restated(s, r.key.Start) && isSide(*r.said) {
		gone := *row
		gone.Status = wire.StatusRetracted
		if err := o.putSide(&gone, *r.said, out); err != nil {
			return err
		}
	}
	if !isSide(now) {
		return nil
	}
	w := o.sides
	w.buf = w.of(r.key, sum, o.batchesOf(r.entries)).Append(w.buf[:0])
	row.Epochs = w.buf
	return o.putSide(row, now, out)
}

func isSide(a assignment) bool { return a.Side == "left" || a.Side == "right" }

func (o *operator) putSide(row *wire.SideRow, a assignment, out stream.Output) error {
	row.Study, row.Participant, row.Side = a.Study, a.Participant, a.Side
	p := wire.PartitionOf(wire.FeaturesKey(a.Participant, row.Sensor), wire.FeaturesPartitions)
	rows := &o.sides.rows[p]
	rows.Append(row)
	if rows.Len() >= maxSides {
		return o.flushRows(p, out)
	}
	return nil
}

// takeBack lets pairing know that a minute is no longer whose it was. It comes after what
// was said of the minute to that participant so far, and before what will be.
func (o *operator) takeBack(s *sensor, m int64, from assignment, out stream.Output) error {
	o.sides.taken[wire.PartitionOf(wire.FeaturesKey(from.Participant, s.name), wire.FeaturesPartitions)] = true
	return o.putSide(&wire.SideRow{
		Thing: s.head.Thing, Sensor: s.name, Start: time.Unix(0, m).UTC(), Length: time.Minute, Status: wire.StatusRetracted,
	}, from, out)
}

// of is the side that a quarter's samples make.
func (w *sides) of(k window.Key, sum *window.Sum, batches []*wire.SampleBatch) *pair.Side {
	content := w.merger.Merge(k, batches) // the sum's samples are of shorter windows
	side, s := &pair.Side{}, content.Samples
	w.window.Reset(k.Length, sum.Rate)
	w.window.Epoch = sum.Epoch
	side.Temperature = meanTemperature(&w.window)
	for place := range pair.Epochs {
		start := k.Start + int64(place)*int64(features.EpochLength)
		n := sort.Search(len(s.T), func(i int) bool { return s.T[i] >= start+int64(features.EpochLength) })
		if n > 0 {
			own := features.Samples{T: s.T[:n], X: s.X[:n], Y: s.Y[:n], Z: s.Z[:n]}
			rate := content.RateOf(own, batches)
			w.window.Reset(features.EpochLength, rate)
			w.window.Epoch = features.NewEpoch(start, own, features.Readings{}, rate)
			side.Put(place, pair.NewEpoch(start, own, epochMAD(&w.window)))
		}
		s = features.Samples{T: s.T[n:], X: s.X[n:], Y: s.Y[n:], Z: s.Z[n:]}
	}
	return side
}
