package oracle

import (
	"math"
	"strconv"
	"time"

	"github.com/wearstream/wearstream/features"
)

// blocks is a set over a recording of a rate, block after block from its first
// sample, as the product computes sets that look beyond a window.
func blocks(set *features.Set, rec *Recording, rate uint32, length time.Duration) *Rows {
	rows := &Rows{Columns: make(map[string][]float64)}
	b := features.NewBlock(set, rate)
	first, last := rec.Samples.T[0], rec.Samples.T[len(rec.Samples.T)-1]
	ids := set.Columns()
	for start := first; start <= last; start += int64(features.BlockLength) {
		b.Begin(start)
		s := rec.samples(start-int64(set.Lead), start+int64(features.BlockLength+set.Trail))
		b.Extend(s, rec.Readings, math.MaxInt64, func(r *features.Result) {
			if r.Window.Length != length {
				return
			}
			rows.Start = append(rows.Start, time.Duration(r.Start-first))
			rows.Columns["n"] = append(rows.Columns["n"], float64(r.Window.N()))
			for i, id := range ids {
				rows.Columns[id] = append(rows.Columns[id], r.Values[i])
			}
		})
	}
	return rows
}

// input is a recording of columns x, y and z, in g, at a rate in millihertz, from a
// file that has no times, or evenly spaced ones.
func input(path string, rate uint32) (*Recording, error) {
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	at := 0
	for rows[0][at] != "x" {
		at++
	}
	rec := new(Recording)
	s := &rec.Samples
	for i, row := range rows[1:] {
		var v [3]int32
		for k := range v {
			f, err := strconv.ParseFloat(row[at+k], 64)
			if err != nil {
				return nil, err
			}
			v[k] = int32(math.RoundToEven(f * 1e6))
		}
		s.T = append(s.T, int64(i)*1_000_000_000_000/int64(rate))
		s.X, s.Y, s.Z = append(s.X, v[0]), append(s.Y, v[1]), append(s.Z, v[2])
	}
	return rec, nil
}
