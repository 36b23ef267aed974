package oracle

import (
	"sort"
	"time"

	"github.com/wearstream/wearstream/features"
)

// Provider yields the windows of a recording at one length, starting at its
// first sample: columns "n" and the features of a set. Windows after the last one
// of a reference are ignored.
type Provider func(recording string, length time.Duration) (*Rows, error)

// Kernels provides what package features computes, in float64.
func (d Data) Kernels(set *features.Set) Provider {
	read := make(map[string]*Recording)
	return func(recording string, length time.Duration) (*Rows, error) {
		if read[recording] == nil {
			rec, err := d.Recording(recording)
			if err != nil {
				return nil, err
			}
			read[recording] = rec
		}
		return Compute(set, read[recording], length), nil
	}
}

// Compute is a set over a recording, in windows from its first sample.
func Compute(set *features.Set, rec *Recording, length time.Duration) *Rows {
	if set.Lead > 0 {
		return blocks(set, rec, Rate, length)
	}
	ids := set.Columns()
	rows := &Rows{Columns: make(map[string][]float64)}
	values := make([]float64, len(ids))
	first, last := rec.Samples.T[0], rec.Samples.T[len(rec.Samples.T)-1]
	var w features.Window
	for start := first; start <= last; start += int64(length) {
		w.Reset(length, Rate)
		w.Samples = rec.samples(start, start+int64(length))
		for at := start; at < start+int64(length); at += int64(features.EpochLength) {
			e := rec.epoch(at, at+int64(features.EpochLength))
			w.Merge(&e)
		}
		set.Values(&w, values)
		rows.Start = append(rows.Start, time.Duration(start-first))
		rows.Columns["n"] = append(rows.Columns["n"], float64(w.N()))
		for i, id := range ids {
			rows.Columns[id] = append(rows.Columns[id], values[i])
		}
	}
	return rows
}

// epoch accumulates what lies in [from, to).
func (r *Recording) epoch(from, to int64) features.Epoch {
	i, j := span(r.Readings.T, from, to)
	return features.NewEpoch(from, r.samples(from, to), features.Readings{T: r.Readings.T[i:j], MilliC: r.Readings.MilliC[i:j]}, Rate)
}

// samples are those in [from, to).
func (r *Recording) samples(from, to int64) features.Samples {
	i, j := span(r.Samples.T, from, to)
	return features.Samples{T: r.Samples.T[i:j], X: r.Samples.X[i:j], Y: r.Samples.Y[i:j], Z: r.Samples.Z[i:j]}
}

func span(t []int64, from, to int64) (i, j int) {
	return sort.Search(len(t), func(i int) bool { return t[i] >= from }),
		sort.Search(len(t), func(i int) bool { return t[i] >= to })
}
