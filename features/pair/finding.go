package pair

import (
	"math"
	"strings"
)

// Code says what a finding is about.
type Code string

const (
	SerialMismatch Code = "SERIAL_MISMATCH" // another device than the assigned one
	SideHeader     Code = "SIDE_HEADER"     // the vendor's header says the other side
	Duplicate      Code = "DUPLICATE"       // one recording under two names
	SameLimb       Code = "SAME_LIMB"       // both devices on one arm, or in one bag
	Swap           Code = "SWAP"            // left and right exchanged since the first days
	OtherPerson    Code = "OTHER_PERSON"    // two people wear them
	ClockSkew      Code = "CLOCK_SKEW"      // the clocks of both differ
)

// Finding is evidence of a mislabel, for a person to confirm.
type Finding struct {
	Code    Code
	Hard    bool    // one device or recording is certainly not what its label says
	Score   float64 // share of what was looked at that says so by itself, 0 to 1
	Date    string  // local day that it was found on; empty where it is of no day
	Numbers []Number
	Seen    string // hard facts of text: what was found, and what it should have been
	Wanted  string
}

// Number is one that a rule looked at, with what the rule asks of it.
type Number struct {
	Name  string
	Value float64
	Rule  string
	Limit float64
}

// What rules ask for.
const (
	MinBothWorn = 240 // minutes of a day, for all but identical samples and clocks

	DuplicateTime    = 600   // s of identical samples, more is a finding
	CopyR            = 0.999 // correlation by the second at the best lag
	CopyLogRatio     = 0.01  // and so equal are the means
	SameLimbR        = 0.95
	SameLimbLogRatio = 0.1
	OtherPersonR     = 0.1
	OtherPersonWorn  = 0.5 // minutes that both were worn of those that either was
	UnstableTemp     = 0.2 // share of windows in which the side that is else the colder one is warmer
	BothActive       = 9   // active epochs of a window, each side: 5 %
	SkewLag          = 3   // s
	SkewLagR         = 0.4
	SkewWindows      = 8
	SwapDegrees      = 15
	SwapDays         = 2 // one after the other
	SwapFirstDays    = 3 // that say what left and right look like
)

// Serial compares the serial that a file or stream names with the assigned one.
func Serial(seen, assigned string) (Finding, bool) {
	return Finding{Code: SerialMismatch, Hard: true, Score: 1, Seen: seen, Wanted: assigned}, seen != assigned
}

// Header compares the location in a vendor's header, such as GENEActiv's "Device
// Location Code" ("right wrist"), with the assigned side. A header that names neither side, or
// both, says nothing.
func Header(text string, assigned Wrist) (Finding, bool) {
	lower := strings.ToLower(text)
	left, right := strings.Contains(lower, "left"), strings.Contains(lower, "right")
	f := Finding{Code: SideHeader, Hard: true, Score: 1, Seen: text, Wanted: "left"}
	if assigned == Right {
		f.Wanted = "right"
	}
	return f, left != right && (assigned == Left && right || assigned == Right && left)
}

// Findings are those that a day by itself gives reason to. Swapped needs more.
func (d *Daily) Findings() []Finding {
	var found []Finding
	add := func(f Finding, yes bool) {
		if yes {
			f.Date = d.Date
			found = append(found, f)
		}
	}
	enough := d.BothWorn >= MinBothWorn
	both := Number{"both_worn_min", float64(d.BothWorn), ">=", MinBothWorn}
	windows := float64(d.Windows)

	same := float64(d.Same) * float64(seconds)
	add(Finding{Code: Duplicate, Hard: true, Score: float64(d.Same) / float64(d.Epochs), Numbers: []Number{
		{"identical_s", same, ">", DuplicateTime},
	}}, same > DuplicateTime)
	share := float64(d.Copies) / windows
	add(Finding{Code: Duplicate, Hard: true, Score: share, Numbers: []Number{both,
		{"share_of_windows_with_r_1s_above_0.999_and_equal_means", share, ">", 0.5},
	}}, enough && same <= DuplicateTime && share > 0.5)
	add(Finding{Code: SameLimb, Score: float64(d.OneLimb) / windows, Numbers: []Number{both,
		{"median_r_mad", d.R, ">", SameLimbR},
		{"median_log_ratio", d.LogRatio, "within", SameLimbLogRatio},
		{"median_abs_lag_s", d.Lag, "=", 0},
	}}, enough && d.R > SameLimbR && math.Abs(d.LogRatio) < SameLimbLogRatio && d.Lag == 0)

	worn := float64(d.BothWorn) / float64(d.EitherWorn)
	unstable := float64(min(d.RightWarmer, d.RightColder)) / float64(d.RightWarmer+d.RightColder)
	add(Finding{Code: OtherPerson, Score: float64(d.Unrelated) / float64(d.BothActive), Numbers: []Number{both,
		{"median_r_mad_while_both_active", d.ActiveR, "<", OtherPersonR},
		{"worn_jaccard", worn, "<", OtherPersonWorn},
		{"temp_diff_minor_sign", unstable, ">=", UnstableTemp},
	}}, enough && d.ActiveR < OtherPersonR && worn < OtherPersonWorn && unstable >= UnstableTemp)

	add(Finding{Code: ClockSkew, Score: float64(d.Lagging) / float64(d.Correlated), Numbers: []Number{
		{"correlated_windows", float64(d.Correlated), ">=", SkewWindows},
		{"median_abs_lag_s", d.CorrelatedLag, ">=", SkewLag},
	}}, d.Correlated >= SkewWindows && d.CorrelatedLag >= SkewLag)
	return found
}
