// Package features is the signal mathematics: what an interval of one sensor's
// samples and temperature readings becomes. One feature, or one closely related
// family, is one small file with its formula and its source; a set of features
// is a list of them (core.go).
//
// A window of 5 s is an Epoch made from samples; longer windows are epochs
// merged in event-time order. Nothing else can be merged, so a result depends
// on the samples alone, never on how they were batched. A Window is what a value
// is a function of: its epochs, merged, its configured rate and, at the lengths of
// Set.SampleLengths, the samples themselves.
//
// Numbers are defined, not approximate. Samples are integer micro-g; sums, sums
// of squares (128 bit), minima and maxima are integers and therefore exact; what
// needs a square root is float64, added strictly in event-time order inside an
// epoch and then epoch by epoch. Every product is rounded by an explicit
// float64(), which forbids fused multiply-add, and of package math only exact or
// correctly rounded functions are used (Sqrt, Abs, NaN, Inf). So any processor
// gives the same bytes. Any change of a number is a new version of its set.
//
// What looks beyond a window (filters, the rolling median, bouts) still depends on a
// bounded interval around it, Set.Lead and Set.Trail, and is computed by a Block, 15
// min of event time after the other: filters begin a minute before each, so a result
// depends on nothing older, and neither on the steps in which samples came.
//
// The package is pure: no network, no clock, no logger, no allocation per sample; no
// state but a Block's. Everything may be called concurrently on different epochs,
// windows and blocks.
package features
