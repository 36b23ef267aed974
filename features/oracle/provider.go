package oracle

import (
	"sort"
	"time"

	"github.com/wearstream/wearstream/features"
)

// Provider yields the windows of a recording at one length, starting at its
// first sample: columns "n" and every feature of core.v1. Windows after the last
// one of the reference are ignored.
type Provider func(recording string, length time.Duration) (*Rows, error)

// Kernels provides what package features computes, in float64.
func (d Data) Kernels() Provider {
	return func(recording string, length time.Duration) (*Rows, error) {
		rec, err := d.Recording(recording)
		if err != nil {
			return nil, err
		}
		return Compute(rec, length), nil
	}
}

// Compute is core.v1 over a recording, in windows from its first sample.
func Compute(rec *Recording, length time.Duration) *Rows {
	ids := features.Core.Columns()
	rows := &Rows{Columns: make(map[string][]float64)}
	values := make([]float64, len(ids))
	first, last := rec.Samples.T[0], rec.Samples.T[len(rec.Samples.T)-1]
	for start := first; start <= last; start += int64(length) {
		var window features.Epoch
		for at := start; at < start+int64(length); at += int64(features.EpochLength) {
			e := rec.epoch(at, at+int64(features.EpochLength))
			window.Merge(&e)
		}
		features.Core.Values(&window, length, values)
		rows.Start = append(rows.Start, time.Duration(start-first))
		rows.Columns["n"] = append(rows.Columns["n"], float64(window.N()))
		for i, id := range ids {
			rows.Columns[id] = append(rows.Columns[id], values[i])
		}
	}
	return rows
}

// epoch accumulates what lies in [from, to).
func (r *Recording) epoch(from, to int64) features.Epoch {
	i, j := span(r.Samples.T, from, to)
	k, l := span(r.Readings.T, from, to)
	return features.NewEpoch(
		features.Samples{T: r.Samples.T[i:j], X: r.Samples.X[i:j], Y: r.Samples.Y[i:j], Z: r.Samples.Z[i:j]},
		features.Readings{T: r.Readings.T[k:l], MilliC: r.Readings.MilliC[k:l]},
	)
}

func span(t []int64, from, to int64) (i, j int) {
	return sort.Search(len(t), func(i int) bool { return t[i] >= from }),
		sort.Search(len(t), func(i int) bool { return t[i] >= to })
}
