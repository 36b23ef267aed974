package features

import (
	"slices"
	"time"
)

// Core is the set core.v1: what every study gets.
var Core = &Set{
	Name:    "core.v1",
	Version: "1.3.0",
	Features: slices.Concat(
		xAxis,
		yAxis,
		zAxis,
		vm,
		norms,
		mad,
		[]Feature{sma, jerkRMS},
		angles,
		temperatures,
		percentiles(time.Minute),
		arms,
	),
	Parameters: map[string]any{
		"acceleration_step_g":   1e-6,
		"temperature_step_degc": 1e-3,
		"enmo_offset_g":         1,
		"mad_window_s":          5,
		"jerk_gap_spacings":     1.5,
		"percentile_type":       7,
		"arm_deg":               30,
		"windows_s":             []int{5, 60, 900},
	},
}
