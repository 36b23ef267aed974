package features

import "slices"

// looks says what a set's features see beyond their window.
type looks int

const (
	forward  looks = 1 << iota // filters that run forward in time
	bothWays                   // filters that run forward and backward
	around                     // the rolling median
)

// Ref is the set ref.v1: what studies get that compare with the field's reference
// implementations. A sustained inactivity bout is known 5 min after an epoch, all
// else within seconds; windows wait for it.
var Ref = &Set{
	Name:     "ref.v1",
	Version:  "1.1.0",
	Features: slices.Concat(filters, tilts, postures, crossings, counts, meanCrossings, spectrum, inactivity),
	Lead:     postureLead,
	Trail:    postureLead,
	looks:    forward | around,
	Parameters: map[string]any{
		"acceleration_step_g":   1e-6,
		"block_s":               900,
		"warm_up_s":             60,
		"reset_gap_s":           0.25,
		"high_low_pass":         "butterworth order 4 0.2 Hz",
		"band_pass":             "butterworth order 4 0.2-15 Hz; above 30 Hz, else to round(rate/2)-1",
		"zero_crossing_pass":    "butterworth order 2 0.25-3 Hz",
		"zero_crossing_stop_g":  stopBand / 1e6,
		"median_s":              5,
		"posture_turn_deg":      postureTurn,
		"posture_bout_s":        300,
		"counts_hz":             countHz,
		"spectrum_bands_hz":     edges,
		"inactive_enmo_below_g": calmENMO,
		"inactive_mad_below_g":  calmMAD,
	},
}
