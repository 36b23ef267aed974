package calibrate

import "time"

// Parameters are what a calibration depends on beside the epochs.
type Parameters struct {
	StillSD       float64       `json:"still_sd_g"`           // an epoch is still when the SD of each axis is below
	StillMean     float64       `json:"still_mean_g"`         // and the mean of each is within: chances of clipping are small
	MinSamples    float64       `json:"min_samples"`          // share of the expected ones that an epoch needs
	Sphere        float64       `json:"sphere_g"`             // each axis must have been below -Sphere and above Sphere
	MinSpan       time.Duration `json:"min_span_ns"`          // of the first attempt
	Step          time.Duration `json:"step_ns"`              // between attempts
	MaxSpan       time.Duration `json:"max_span_ns"`          // of the last attempt
	MaxError      float64       `json:"max_error_g"`          // a correction is used if it leaves less
	Iterations    int           `json:"iterations"`           // of the fit at most
	Tolerance     float64       `json:"tolerance"`            // of the residual between iterations, where the fit stops
	MaxWeight     float64       `json:"max_weight"`           // of an epoch in the fit
	Temperature   bool          `json:"temperature"`          // whether it may be used
	MinReadings   float64       `json:"min_readings"`         // share of still epochs that must have a temperature for its use
	MinTempSpread float64       `json:"min_temp_spread_degc"` // between the coldest and the warmest of them
}

// Default are those of GGIR, and temperature where there is enough of it.
var Default = Parameters{
	StillSD: 0.013, StillMean: 2, MinSamples: 0.9,
	Sphere: 0.3, MinSpan: 72 * time.Hour, Step: 12 * time.Hour, MaxSpan: 7 * 24 * time.Hour,
	MaxError: 0.010, Iterations: 1000, Tolerance: 1e-10, MaxWeight: 100,
	Temperature: true, MinReadings: 0.9, MinTempSpread: 1,
}

// Length is that of the epochs.
const Length = 10 * time.Second
