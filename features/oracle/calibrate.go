package oracle

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wearstream/wearstream/features/calibrate"
)

// Calibrated are the devices that were put out of calibration for the references.
func (d Data) Calibrated() ([]string, error) { return d.names(".ggir.csv") }

// StillEpochs reads the epochs of a device and keeps those that do not move.
func (d Data) StillEpochs(device string) ([]calibrate.Still, error) {
	path := filepath.Join(d.Oracle, "inputs", device+".epochs.csv")
	text, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	var still []calibrate.Still
	for i, row := range text[1:] {
		var v [7]float64 // three means, three standard deviations, temperature
		moves := false
		for k := range v {
			if v[k], err = strconv.ParseFloat(row[k], 64); err != nil {
				return nil, fmt.Errorf("read %s, row %d: %w", path, i+2, err)
			}
			moves = moves || k >= 3 && k < 6 && v[k] >= calibrate.Default.StillSD
		}
		if !moves {
			still = append(still, calibrate.Still{Start: int64(i) * int64(calibrate.Length), Mean: [3]float64(v[:3]), Temperature: v[6]})
		}
	}
	return still, nil
}

// CompareCalibration holds the fit of every device against a kind of references
// ("ggir", "result"), with temperature and without.
func (d Data) CompareCalibration(file string, tolerance Tolerance) (report Report, err error) {
	devices, err := d.Calibrated()
	for _, device := range devices {
		lines, err := d.compareCalibration(device, file, tolerance)
		if err != nil {
			return nil, err
		}
		report = append(report, lines...)
	}
	return report, err
}

func (d Data) compareCalibration(device, file string, tolerance Tolerance) (Report, error) {
	still, err := d.StillEpochs(device)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(d.Oracle, device+"."+file+".csv")
	text, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	var report Report
	for _, row := range text[1:] {
		p := calibrate.Default
		p.Temperature = row[0] == "with_temperature"
		r := calibrate.Attempt(still, 0, int64(p.MinSpan), p)
		if !r.Accepted {
			return nil, fmt.Errorf("the calibration %s was not accepted: %s", row[0], r.Reason)
		}
		got := map[string]float64{"n_still": float64(r.Epochs), "temp_mean": r.MeanTemp, "err_start": r.ErrorBefore, "iterations": float64(r.Iterations), "err_end": r.ErrorAfter, "err_end_rounded5": math.RoundToEven(r.ErrorAfter*1e5) / 1e5}
		for k, axis := range []string{"x", "y", "z"} {
			got["offset_"+axis], got["scale_"+axis], got["tscale_"+axis] = r.Offset[k], r.Scale[k], r.TempScale[k]
		}
		for k, column := range text[0] {
			v, ok := got[column]
			if !ok {
				continue
			}
			want, err := strconv.ParseFloat(row[k], 64)
			if err != nil {
				return nil, fmt.Errorf("read %s, column %s: %w", path, column, err)
			}
			line, err := compare(&Rows{Start: []time.Duration{0}, Columns: map[string][]float64{column: {v}}},
				&Against{Feature: column, File: file, Column: column}, []time.Duration{0}, []float64{want}, tolerance)
			if err != nil {
				return nil, err
			}
			line.Recording = device + " " + row[0]
			report = append(report, line)
		}
	}
	return report, nil
}
