package device

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// A quarter is a quarter of an hour, on the grid, whose windows are handed out at once
// by the sets that look around windows. What it depends on lies in lead before it to
// trail behind it, and under that window's name it is pending, due and final: no
// other has its length.
const quarterLength = features.BlockLength

// No set looks further.
var (
	lead, trail = features.Ref.Lead, features.Ref.Trail
	reach       = lead + quarterLength + trail
)

// inQuarter is the number of windows of a quarter.
const inQuarter = int(quarterLength/features.EpochLength + quarterLength/time.Minute + 1)

func isQuarter(k window.Key) bool { return k.Length == reach }

// around is the name of a quarter of the grid.
func around(quarter window.Key) window.Key {
	return window.Key{Length: reach, Start: quarter.Start - int64(lead)}
}

// quarterOf is the quarter of a name.
func quarterOf(k window.Key) window.Key {
	return window.Key{Length: quarterLength, Start: k.Start + int64(lead)}
}

// eachAround yields the names of the quarters that depend on a time in [from, to].
func eachAround(from, to int64, yield func(window.Key)) {
	window.Touching(quarterLength, from-int64(trail), to+int64(lead), func(k window.Key) { yield(around(k)) })
}

// weight is how many windows are handed out with some.
func weight(due []window.Key) (n int) {
	for _, k := range due {
		if isQuarter(k) {
			n += inQuarter - 1
		}
		n++
	}
	return n
}

// rowName names a row of a quarter.
type rowName struct {
	set int
	key window.Key
}

// quarter yields the rows that a quarter has with these entries. It takes as long as
// everything else that is done with its samples.
func (o *operator) quarter(k window.Key, batches []*wire.SampleBatch, yield func(rowName, *wire.WindowRow)) {
	start := quarterOf(k).Start
	o.sums = o.sums[:0]
	o.quarters.Windows(start, batches, func(s *window.Summed, _ []*wire.SampleBatch) { o.sums = append(o.sums, *s) })
	for i, a := range o.around {
		a.Rows(start, o.sums, batches, func(s *window.Summed, _ []float64, row *wire.WindowRow) { yield(rowName{i, s.Key}, row) })
	}
}

// emitQuarter hands out the windows of a quarter whose rows are new. All that a
// revision of it hands out has its number.
func (o *operator) emitQuarter(s *sensor, r *revision, out stream.Output) (err error) {
	was := map[rowName]string{}
	if r.again && r.waits {
		o.quarter(r.key, o.batchesOf(before(r.entries, r.first)), func(name rowName, row *wire.WindowRow) { was[name] = contentOf(row) })
	}
	batches := o.batchesOf(r.entries)
	o.quarter(r.key, batches, func(name rowName, row *wire.WindowRow) {
		k := name.key
		if r.again && !r.restated(s, k.Start) && (!r.waits || was[name] == contentOf(row)) || err != nil {
			return
		}
		s.setHanded(r.key, window.Entry{State: r.state, Revision: r.number})
		o.sign(row, s, k, r, o.batchesIn(k, batches))
		err = o.put(row, out)
	})
	return err
}

// batchesIn are the batches that hold a time of a window.
func (o *operator) batchesIn(k window.Key, batches []*wire.SampleBatch) []*wire.SampleBatch {
	o.inside = o.inside[:0]
	for _, b := range batches {
		if span := window.SpanOf(b); span.From < k.End() && k.Start <= span.To {
			o.inside = append(o.inside, b)
		}
	}
	return o.inside
}

// contentOf is what a row says of its samples. How often they came is not content.
func contentOf(row *wire.WindowRow) string {
	b := make([]byte, 0, 64+4*len(row.Features))
	for _, v := range []uint32{row.N, row.NExpected, row.ClipN, row.Flags, math.Float32bits(row.Coverage)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(b, row.InputDigest...)
	for _, v := range row.Features {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}
