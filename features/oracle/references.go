package oracle

import (
	"time"

	"github.com/wearstream/wearstream/features"
)

// Against says what a feature is held against: a column of a file of references.
type Against struct {
	Feature   string          // id of the feature
	File      string          // kind of the file: "basic" is <recording>.basic_<seconds>s.csv
	Column    string          // of the file
	Lengths   []time.Duration // of the windows
	Tolerance Tolerance       // of float64 (README.md of the references); zero is exact
	Count     bool            // a whole number, exact in any store
	MeanOf    time.Duration   // not 0: the mean of the file's values of windows so long
	Starts    string          // with MeanOf, the file that says which windows there are; empty: File
	Below     float64         // with MeanOf: the share of the values that are below
	Above     float64         // or above
	After     time.Duration   // windows that begin earlier are not compared
	Before    time.Duration   // nor those that begin less before the end of the reference
}

// Core are the references of core.v1, and of the number of samples.
var Core = core()

func core() []Against {
	var (
		all    = features.Lengths
		minute = []time.Duration{time.Minute}
		exact  Tolerance
		near   = Tolerance{Absolute: 1e-12}
		close  = Tolerance{Absolute: 1e-9}
	)
	list := []Against{{Feature: "n", File: "basic", Column: "n", Lengths: all, Count: true}}
	basic := func(lengths []time.Duration, t Tolerance, signals, statistics []string) {
		for _, signal := range signals {
			for _, statistic := range statistics {
				id := signal + "_" + statistic
				list = append(list, Against{Feature: id, File: "basic", Column: id, Lengths: lengths, Tolerance: t})
			}
		}
	}
	axes, vm := []string{"x", "y", "z"}, []string{"vm"}
	basic(all, close, []string{"x", "y", "z", "vm"}, []string{"mean", "sd"})
	basic(all, exact, axes, []string{"min", "max", "range"})
	basic(all, near, vm, []string{"min", "max", "range"})
	percentiles := []string{"p05", "p25", "p50", "p75", "p95"}
	basic(minute, exact, axes, percentiles)
	basic(minute, near, vm, percentiles)
	basic(all, close, []string{"anglex", "angley", "anglez"}, []string{"of_mean"})
	basic(all, close, []string{"temp"}, []string{"mean", "sd", "min", "max"})
	for _, axis := range []string{"x", "y", "z"} {
		up := Against{Feature: "arm_up_" + axis, File: "basic", Column: "angle" + axis + "_of_mean", Lengths: all[1:], Tolerance: close, MeanOf: features.EpochLength, Above: 30}
		down := up
		down.Feature, down.Above, down.Below = "arm_down_"+axis, 0, -30
		list = append(list, up, down)
	}
	return append(list,
		Against{Feature: "temp_n", File: "basic", Column: "temp_n", Lengths: all, Count: true},
		Against{Feature: "temp_slope_per_min", File: "basic", Column: "temp_slope_per_min", Lengths: all, Tolerance: Tolerance{1e-9, 1e-9}},
		Against{Feature: "sma", File: "basic", Column: "sma", Lengths: all, Tolerance: close},
		Against{Feature: "jerk_rms", File: "basic", Column: "jerk_rms", Lengths: minute, Tolerance: close},
		Against{Feature: "en", File: "skdh_metrics", Column: "en", Lengths: all, Tolerance: close},
		Against{Feature: "enmo", File: "skdh_metrics", Column: "enmo", Lengths: all, Tolerance: close},
		Against{Feature: "enmoa", File: "skdh_metrics", Column: "enmoa", Lengths: all, Tolerance: close},
		Against{Feature: "mad", File: "skdh_metrics", Column: "mad", Lengths: all[:1], Tolerance: close},
		Against{Feature: "en", File: "ggir_metrics", Column: "EN", Lengths: all[:1], Tolerance: close},
		Against{Feature: "enmo", File: "ggir_metrics", Column: "ENMO", Lengths: all[:1], Tolerance: close},
		Against{Feature: "enmoa", File: "ggir_metrics", Column: "ENMOa", Lengths: all[:1], Tolerance: close},
		Against{Feature: "mad", File: "ggir_metrics", Column: "MAD", Lengths: all[:1], Tolerance: close},
		// The reference's mad of a longer window is another measure than ours.
		Against{Feature: "mad5_mean", File: "skdh_metrics", Column: "mad", Lengths: all[1:], Tolerance: close, MeanOf: features.EpochLength},
	)
}
