package oracle

import (
	"time"

	"github.com/wearstream/wearstream/features"
)

// Ref are the references of ref.v1.
var Ref = ref()

// Offline are those of offline.v1.
var Offline = offline()

// settling is how long GGIR's filters, which begin at zero, are inflated by the
// step to gravity.
const settling = 10 * time.Second

// filling is how far from both ends of a recording GGIR takes a median of exactly
// zero for a missing one and puts another in its place (g.applymetrics, rollmed:
// sf*60 values of its reduced rate, here 1920 of 3 samples).
const filling = 3 * time.Minute

func ref() []Against {
	var (
		epoch  = features.Lengths[:1]
		minute = []time.Duration{time.Minute}
		exact  Tolerance
		close  = Tolerance{Absolute: 1e-9}
		causal = Tolerance{Absolute: 1e-8}
		spectr = Tolerance{Absolute: 1e-12, Relative: 1e-9}
	)
	var list []Against
	for _, id := range []string{"hfen", "bfen", "hfenplus"} {
		list = append(list,
			Against{Feature: id + "_c", File: "causal_filters", Column: id + "_ss", Lengths: epoch, Tolerance: causal},
			Against{Feature: id + "_c", File: "causal_filters", Column: id + "_ss", Lengths: features.Lengths[1:], Tolerance: causal, MeanOf: features.EpochLength, Starts: "basic"})
	}
	list = append(list,
		Against{Feature: "anglez_mean5", File: "skdh_metrics", Column: "anglez_mean", Lengths: epoch, Tolerance: close},
		Against{Feature: "anglez_rm", File: "ggir_metrics", Column: "angle_z", Lengths: epoch, Tolerance: close, After: filling, Before: filling},
		Against{Feature: "sib", File: "ggir_sib", Column: "sib_T5A5", Lengths: epoch, Tolerance: exact, Count: true},
		Against{Feature: "inactive_frac", File: "skdh_metrics", Column: "enmo", Lengths: features.Lengths[1:], Tolerance: close, MeanOf: features.EpochLength, Below: 0.030},
		Against{Feature: "inactive_mad_frac", File: "skdh_metrics", Column: "mad", Lengths: features.Lengths[1:], Tolerance: close, MeanOf: features.EpochLength, Below: 0.0167},
	)
	for _, axis := range []struct{ id, column string }{{"x", "ZCX"}, {"y", "ZCY"}, {"z", "ZCZ"}} {
		list = append(list, Against{Feature: "zc_" + axis.id, File: "ggir_metrics", Column: axis.column, Lengths: epoch, Tolerance: exact, Count: true, After: settling})
	}
	for _, signal := range []string{"x", "y", "z", "vm"} {
		list = append(list, Against{Feature: signal + "_mcr", File: "skdh_features", Column: signal + "_mean_cross_rate", Lengths: minute, Tolerance: close})
		for _, band := range [][2]string{ // id, column
			{"p_03_08", "p_0.3_0.8"}, {"p_08_3", "p_0.8_3"}, {"p_3_7", "p_3_7"}, {"p_7_12", "p_7_12"}, {"p_total", "p_total_0.3_12"},
			{"dom_freq", "dom_freq"}, {"dom_frac", "dom_power_frac"}, {"spec_entropy", "spec_entropy"},
		} {
			list = append(list, Against{Feature: signal + "_" + band[0], File: "bands", Column: signal + "_" + band[1], Lengths: minute, Tolerance: spectr})
		}
	}
	return list
}

func offline() []Against {
	zero := Tolerance{Absolute: 1e-7}
	list := []Against{
		{Feature: "hfen_zp", File: "skdh_metrics", Column: "hfen_zp", Lengths: features.Lengths, Tolerance: zero},
		{Feature: "bfen_zp", File: "skdh_metrics", Column: "bfen_zp", Lengths: features.Lengths, Tolerance: zero},
	}
	for _, signal := range []string{"x", "y", "z", "vm"} {
		t := Tolerance{}
		if signal == "vm" {
			t.Absolute = 1e-12
		}
		for _, p := range []string{"_p05", "_p25", "_p50", "_p75", "_p95"} {
			list = append(list, Against{Feature: signal + p, File: "basic", Column: signal + p, Lengths: features.Lengths[2:], Tolerance: t})
		}
	}
	return list
}

// Ext are the references of ext.v1.
var Ext = ext()

func ext() (list []Against) {
	for _, signal := range []string{"x", "y", "z", "vm"} {
		for _, f := range []string{"_skewness", "_kurtosis", "_iqr", "_perm_entropy"} {
			list = append(list, Against{Feature: signal + f, File: "skdh_features", Column: signal + f, Lengths: []time.Duration{time.Minute}, Tolerance: Tolerance{Absolute: 1e-9}})
		}
	}
	return list
}

// Counts are the references of the activity counts, of the recordings as they are
// at 30 Hz.
var Counts = counts()

func counts() (list []Against) {
	for _, axis := range []string{"x", "y", "z"} {
		list = append(list, Against{Feature: "counts_li_" + axis, File: "counts30hz", Column: axis, Lengths: []time.Duration{10 * time.Second, time.Minute}, Count: true})
	}
	return list
}
