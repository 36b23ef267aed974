package oracle

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// Rows are windows in order of time, a column per feature. NaN is undefined.
type Rows struct {
	Start   []time.Duration // since the recording's first sample
	Columns map[string][]float64
}

// reference is what a feature of a recording is held against at a length:
// windows from its first sample, the incomplete last one dropped.
func (t tables) reference(a *Against, recording string, length time.Duration) ([]time.Duration, []float64, error) {
	rows, err := t.table(cmp.Or(a.Starts, a.File), recording, length)
	if err != nil {
		return nil, nil, err
	}
	if a.MeanOf == 0 {
		return rows.Start, rows.Columns[a.Column], nil
	}
	short, err := t.table(a.File, recording, a.MeanOf)
	if err != nil {
		return nil, nil, err
	}
	per := int(length / a.MeanOf)
	column := short.Columns[a.Column]
	if len(column) < per*len(rows.Start) {
		return nil, nil, fmt.Errorf("%s of %s has %d values at %s, want %d", a.Column, recording, len(column), a.MeanOf, per*len(rows.Start))
	}
	means := make([]float64, len(rows.Start))
	for i := range means {
		for _, v := range column[i*per : (i+1)*per] {
			switch {
			case a.Below == 0 && a.Above == 0:
				means[i] += v
			case a.Below != 0 && v < a.Below, a.Above != 0 && v > a.Above:
				means[i]++
			}
		}
		means[i] /= float64(per)
	}
	return rows.Start, means, nil
}

// tables are the files of references that were read, by path.
type tables struct {
	dir  string
	read map[string]*Rows
}

// table reads one file of references: times of windows and a column per value.
func (t tables) table(kind, recording string, length time.Duration) (*Rows, error) {
	path := filepath.Join(t.dir, fmt.Sprintf("%s.%s_%ds.csv", recording, kind, int(length.Seconds())))
	if rows := t.read[path]; rows != nil {
		return rows, nil
	}
	text, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	rows := &Rows{Columns: make(map[string][]float64)}
	for k, name := range text[0] {
		column := make([]float64, len(text)-1)
		for i, row := range text[1:] {
			if column[i], err = strconv.ParseFloat(row[k], 64); err != nil {
				return nil, fmt.Errorf("read %s, row %d: %w", path, i+2, err)
			}
		}
		rows.Columns[name] = column
	}
	for _, at := range rows.Columns["window_start"] {
		rows.Start = append(rows.Start, time.Duration((at-rows.Columns["window_start"][0])*1e9))
	}
	t.read[path] = rows
	return rows, nil
}
