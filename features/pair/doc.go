// Package pair is the mathematics of two wrists of one person: what a quarter of
// an hour of both says (Compute), and what days of it say about whether the
// devices are where the trial believes them to be (Day, Daily, Swapped and the
// other findings).
//
// Both sides are joined by participant and window start. A side is filled epoch
// by epoch at the epoch's place in the window, so neither the order in which
// epochs or sides arrive matters, nor that one arrives again. What is compared
// are pairs: epochs and seconds that both sides have; a gap on one side takes
// away the same time of the other. Exchanging left and right changes the sign of
// what is right minus left and nothing else (lag_s excepted, where the best
// correlation is met at two lags exactly: the first is taken).
//
// A finding is evidence with numbers, for a person to confirm. Nothing here, and
// nothing that uses it, moves data from one side to the other.
//
// Numbers are defined as in package features: float64 in one stated order, every
// product rounded, no function whose last bit depends on the processor. The
// package is pure: no clock, no network, no logger.
package pair
