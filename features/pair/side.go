package pair

import (
	"math"
	"math/bits"
)

// Side is one wrist's window. Beside its epochs it has what the rows of the
// window say: coverage, the minutes worn, the mean temperature.
type Side struct {
	Coverage    float64
	Worn        uint16  // bit k: minute k of the window was worn
	Temperature float64 // mean, degC; NaN: none

	epochs [Epochs]Epoch
	has    [Epochs]bool
}

// Put sets an epoch at its place in the window. The last word counts, so an
// epoch that comes again changes nothing, and one that late data changed does.
// An epoch of which less than half is covered (MAD is NaN) is none.
func (s *Side) Put(place int, e Epoch) { s.epochs[place], s.has[place] = e, !math.IsNaN(e.MAD) }

// Epoch is the one at a place; that of a place without one says nothing.
func (s *Side) Epoch(place int) Epoch { return s.epochs[place] }

// Thresholds of pairing (section "Two wrists" of the specification).
const (
	MinCoverage = 0.8   // of each side's window
	MinWorn     = 12    // of 15 minutes, each side
	ActiveMAD   = 0.020 // g: an epoch above is active
	ActiveApart = 0.020 // g: a second is movement when either side is above
	LogOffset   = 0.001 // g, added before the ratio of means
	MaxLag      = 30    // s
	MaxRatio    = 7     // of the logarithm of magnitudes of one second
)

// Covered says whether a side has enough samples to be compared. Coverage counts as rows
// carry it, so that who has the row of a side decides as who has its samples.
func Covered(coverage float32) bool { return coverage >= MinCoverage }

// Worn says whether enough minutes of a window, of which these were worn, are there to
// compare it.
func Worn(minutes uint16) bool { return bits.OnesCount16(minutes) >= MinWorn }

func (s *Side) usable() bool { return Covered(float32(s.Coverage)) && Worn(s.Worn) }
