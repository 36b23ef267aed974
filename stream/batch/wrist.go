package batch

import (
	"sort"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/window"
)

// wristwork makes of a block's windows, as they become due, what pairing needs.
type wristwork struct {
	row     features.Window
	mads    [pair.Epochs]float64
	digests [pair.Epochs]uint64 // of the samples
}

var (
	epochMAD        = features.Core.Value("mad")
	meanTemperature = features.Core.Value("temp_mean")
)

// of is the value of a feature of core.v1, whatever sets are computed.
func (w *wristwork) of(feature func(*features.Window) float64, k window.Key, sum *window.Sum) float64 {
	w.row.Reset(k.Length, sum.Rate)
	w.row.Epoch = sum.Epoch
	return feature(&w.row)
}

func (w *wristwork) window(k window.Key, sum *window.Sum, block int64, out *result) {
	if out.side == nil {
		out.side = &pair.Side{}
	}
	at := int((k.Start - block) / int64(features.EpochLength))
	switch k.Length {
	case features.EpochLength:
		w.mads[at], w.digests[at] = w.of(epochMAD, k, sum), sum.Alone
	case time.Minute:
		s := sum.Samples
		for start := k.Start; len(s.T) > 0; start += int64(features.EpochLength) {
			n := sort.Search(len(s.T), func(i int) bool { return s.T[i] >= start+int64(features.EpochLength) })
			if n > 0 {
				out.side.Put(at, pair.NewEpochOf(start, features.Samples{T: s.T[:n], X: s.X[:n], Y: s.Y[:n], Z: s.Z[:n]}, w.mads[at], w.digests[at]))
			}
			s = features.Samples{T: s.T[n:], X: s.X[n:], Y: s.Y[n:], Z: s.Z[n:]}
			at++
		}
	case pair.Length:
		out.side.Coverage, out.side.Temperature = sum.Coverage, w.of(meanTemperature, k, sum)
	}
}
