package oracle

import (
	"path/filepath"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
)

// PairNames are the recordings of two wrists that have references.
func (d Data) PairNames() ([]string, error) { return d.names(".pair_900s.csv") }

// Pair are the references of what two wrists say, and of their own enmo.
var Pair = pairs()

func pairs() (list []Against) {
	against := func(t Tolerance, columns ...string) { // feature, column, ...
		for i := 0; i < len(columns); i += 2 {
			list = append(list, Against{Feature: columns[i], File: "pair", Column: columns[i+1], Lengths: []time.Duration{pair.Length}, Tolerance: t})
		}
	}
	against(Tolerance{Absolute: 1e-9}, "mad_left", "mad_left", "mad_right", "mad_right", "enmo_left", "enmo_left", "enmo_right", "enmo_right",
		"asym", "asym_mad", "log_ratio", "log_ratio_mad", "bilateral", "bilateral_mad", "r_mad", "r_mad_5s", "lag_r", "lag_r")
	against(Tolerance{}, "active_frac_left", "active_frac_left", "active_frac_right", "active_frac_right", "lag_s", "lag_s")
	return list
}

// ComparePairs holds package pair against the references of both wrists.
func (d Data) ComparePairs() (Report, error) {
	return d.ComparePairsOf(func(recording string, _ time.Duration) (*Rows, error) { return d.Pairs(recording) }, InKernels)
}

// ComparePairsOf holds rows of pairs against the references.
func (d Data) ComparePairsOf(rows Provider, stage Stage) (Report, error) {
	names, err := d.PairNames()
	if err != nil {
		return nil, err
	}
	return d.compareAll(names, Pair, rows, stage)
}

// Pairs computes the rows of two wrists, in windows from the first sample.
func (d Data) Pairs(recording string) (*Rows, error) {
	inputs := Data{Recordings: filepath.Join(d.Oracle, "inputs")}
	rows := &Rows{Columns: make(map[string][]float64)}
	var sides [2][]pair.Side
	for k, side := range []string{"left", "right"} {
		rec, err := inputs.Recording(recording + "_" + side)
		if err != nil {
			return nil, err
		}
		sides[k] = Sides(rec)
		rows.Columns["enmo_"+side] = Compute(features.Core, rec, pair.Length).Columns["enmo"]
	}
	for i := range min(len(sides[0]), len(sides[1])) {
		row, ok := pair.Compute(&sides[0][i], &sides[1][i], pair.Right)
		if !ok {
			continue
		}
		rows.Start = append(rows.Start, time.Duration(i)*pair.Length)
		for _, f := range pair.Features {
			rows.Columns[f.ID] = append(rows.Columns[f.ID], f.Value(&row))
		}
	}
	return rows, nil
}

// Sides are the windows of one wrist from its first sample, worn throughout.
func Sides(rec *Recording) []pair.Side {
	short, long := Compute(features.Core, rec, features.EpochLength), Compute(features.Core, rec, pair.Length)
	first := rec.Samples.T[0]
	sides := make([]pair.Side, len(long.Start))
	for i := range sides {
		sides[i].Worn = 1<<15 - 1
		sides[i].Temperature = long.Columns["temp_mean"][i]
		sides[i].Coverage = min(1, long.Columns["n"][i]*1000/(Rate*pair.Length.Seconds()))
	}
	for i, start := range short.Start {
		at := first + int64(start)
		e := pair.NewEpoch(at, rec.samples(at, at+int64(features.EpochLength)), short.Columns["mad"][i])
		sides[i/pair.Epochs].Put(i%pair.Epochs, e)
	}
	return sides
}
