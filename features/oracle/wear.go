package oracle

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

// Sessions are the recordings that have references of wear. Those whose names differ in
// the number after the last _ only are of one device.
func (d Data) Sessions() ([]string, error) { return d.names(".wear_minutes.csv") }

// Session reads a recording in the layout of the E4: counts of 1/64 g, and
// temperature readings of its own rate.
func (d Data) Session(name string) (*Recording, error) {
	rec := new(Recording)
	s, r := &rec.Samples, &rec.Readings
	err := d.layout(name+".ACC.csv.gz", func(t int64, v []float64) {
		s.T = append(s.T, t)
		s.X, s.Y, s.Z = append(s.X, perStep*int32(v[0])), append(s.Y, perStep*int32(v[1])), append(s.Z, perStep*int32(v[2]))
	})
	if err == nil {
		err = d.layout(name+".TEMP.csv.gz", func(t int64, v []float64) {
			r.T = append(r.T, t)
			r.MilliC = append(r.MilliC, int32(math.RoundToEven(v[0]*1000)))
		})
	}
	return rec, err
}

// perStep is 1/64 g in micro-g.
const perStep = 1_000_000 / 64

// layout reads one file: its start (s) and its rate (Hz) in the first two rows.
func (d Data) layout(name string, row func(t int64, v []float64)) error {
	path := filepath.Join(d.Oracle, "inputs", name)
	rows, err := readCSV(path)
	if err != nil {
		return err
	}
	var start, rate float64
	for i, fields := range rows {
		v := make([]float64, len(fields))
		for k, field := range fields {
			if v[k], err = strconv.ParseFloat(strings.TrimSpace(field), 64); err != nil {
				return fmt.Errorf("read %s, row %d: %w", path, i+1, err)
			}
		}
		switch i {
		case 0:
			start = v[0]
		case 1:
			rate = v[0]
		default:
			row(int64(start*1e9)+int64(i-2)*int64(1e9/rate), v)
		}
	}
	return nil
}

// Wear reads a table of references of wear: a column per name.
func (d Data) Wear(session, kind string) (map[string][]float64, error) {
	path := filepath.Join(d.Oracle, session+"."+kind+".csv")
	text, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	columns := make(map[string][]float64)
	for k, name := range text[0] {
		column := make([]float64, len(text)-1)
		for i, row := range text[1:] {
			if column[i], err = strconv.ParseFloat(row[k], 64); err != nil {
				return nil, fmt.Errorf("read %s, row %d: %w", path, i+2, err)
			}
		}
		columns[name] = column
	}
	return columns, nil
}
