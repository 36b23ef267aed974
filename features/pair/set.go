package pair

import "github.com/wearstream/wearstream/features"

// Feature is one number of a Row: a column.
type Feature struct {
	ID, Unit, Doc string
	Value         func(*Row) float64
}

// Features are the columns of a row, in their order.
var Features = []Feature{
	{"mad_left", "g", "mean 5 s mad of the left side over the epochs that both have", func(r *Row) float64 { return r.MAD[0] }},
	{"mad_right", "g", "mean 5 s mad of the right side over the epochs that both have", func(r *Row) float64 { return r.MAD[1] }},
	{"asym", "1", "(right-left)/(right+left) of the mean mads", (*Row).Asymmetry},
	{"log_ratio", "1", "log((right+0.001)/(left+0.001)) of the mean mads", (*Row).LogRatio},
	{"bilateral", "g", "left plus right of the mean mads", func(r *Row) float64 { return r.MAD[0] + r.MAD[1] }},
	{"r_mad", "1", "correlation of the 5 s mads of both sides", func(r *Row) float64 { return r.R }},
	{"active_frac_left", "1", "share of epochs with a mad above 0.020 g, left", func(r *Row) float64 { return r.ActiveFraction(0) }},
	{"active_frac_right", "1", "share of epochs with a mad above 0.020 g, right", func(r *Row) float64 { return r.ActiveFraction(1) }},
	{"use_ratio", "1", "active time of the non-dominant side over the dominant one's", (*Row).UseRatio},
	{"lag_s", "s", "by how much right is later than left: where |r-1| by the second correlates best, within 30 s", func(r *Row) float64 { return r.Lag }},
	{"lag_r", "1", "correlation at lag_s", func(r *Row) float64 { return r.LagR }},
	{"temp_diff", "degC", "right minus left of the mean temperatures", func(r *Row) float64 { return r.TempDiff }},
	{"movement_s", "s", "seconds in which either side moved", func(r *Row) float64 { return float64(r.Movement) }},
	{"magnitude_ratio", "1", "median over them of log(non-dominant/dominant), |r-1| by the second (after Bailey 2015)", func(r *Row) float64 { return r.MagnitudeRatio }},
	{"magnitude_ratio_iqr", "1", "interquartile range of the same", func(r *Row) float64 { return r.RatioSpread }},
	{"bilateral_magnitude", "g", "median over them of the sum of both sides (after Bailey 2015)", func(r *Row) float64 { return r.Bilateral }},
}

// Algo names the features and their exact definition, as features.Set does.
func Algo() string {
	set := features.Set{Name: "pair.v1", Version: "1.1.0", Parameters: map[string]any{
		"min_coverage": MinCoverage, "min_worn_minutes": MinWorn, "active_mad_g": ActiveMAD, "active_second_g": ActiveApart,
		"log_offset_g": LogOffset, "max_lag_s": MaxLag, "max_log_magnitude_ratio": MaxRatio, "quantile_type": 7, "window_s": 900,
	}}
	for _, f := range Features {
		set.Features = append(set.Features, features.Feature{ID: f.ID})
	}
	return set.Algo()
}
