package features

import "slices"

// Ext is the set ext.v1: what describes the distribution and the order of a minute's
// values, as SKDH does, for models that were made with it. For a batch only.
var Ext = &Set{
	Name:     "ext.v1",
	Version:  "1.0.0",
	Features: slices.Concat(shapes, spreads, permEntropies),
	Parameters: map[string]any{
		"acceleration_step_g": 1e-6,
		"percentile_type":     7,
		"perm_entropy_order":  3,
		"perm_entropy_delay":  1,
	},
}
