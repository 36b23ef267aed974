package features

import (
	"slices"
	"time"
)

// smoothPad is what filters without delay see before and after a block: they are
// then within 1e-12 of what they are over the whole recording.
const smoothPad = time.Minute

// Offline is the set offline.v1: what only a batch can afford.
var Offline = &Set{
	Name:     "offline.v1",
	Version:  "1.0.0",
	Features: slices.Concat(smoothers, percentiles(15*time.Minute)),
	Lead:     smoothPad,
	Trail:    smoothPad,
	looks:    bothWays,
	Parameters: map[string]any{
		"acceleration_step_g": 1e-6,
		"block_s":             900,
		"pad_s":               60,
		"reset_gap_s":         0.25,
		"high_pass":           "butterworth order 4 0.2 Hz",
		"band_pass":           "butterworth order 4 0.2-15 Hz; above 30 Hz, else to round(rate/2)-1",
		"percentile_type":     7,
	},
}
