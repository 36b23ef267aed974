package oracle

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wearstream/wearstream/features"
)

// Rows are windows in order of time, a column per feature. NaN is undefined.
type Rows struct {
	Start   []time.Duration // since the recording's first sample
	Columns map[string][]float64
}

// Reference reads what the reference implementations made of a recording:
// windows from its first sample, the incomplete last one dropped.
func (d Data) Reference(recording string, length time.Duration) (*Rows, error) {
	rows, err := d.table(recording, "basic", length)
	if err != nil {
		return nil, err
	}
	metrics, err := d.table(recording, "skdh_metrics", length)
	if err != nil {
		return nil, err
	}
	rows.Columns["enmo"] = metrics.Columns["enmo"]
	if length == features.EpochLength {
		rows.Columns["mad"] = metrics.Columns["mad"]
		return rows, nil
	}
	// The references' mad of a longer window is another measure than ours.
	short, err := d.table(recording, "skdh_metrics", features.EpochLength)
	if err != nil {
		return nil, err
	}
	per := int(length / features.EpochLength)
	for i := range rows.Start {
		sum := 0.0
		for _, mad := range short.Columns["mad"][i*per : (i+1)*per] {
			sum += mad
		}
		rows.Columns["mad5_mean"] = append(rows.Columns["mad5_mean"], sum/float64(per))
	}
	return rows, nil
}

// table reads one file of references.
func (d Data) table(recording, kind string, length time.Duration) (*Rows, error) {
	path := filepath.Join(d.Oracle, fmt.Sprintf("%s.%s_%ds.csv", recording, kind, length/time.Second))
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
	return rows, nil
}
