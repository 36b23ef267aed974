// Package wear says of every minute of a sensor whether it was worn. It owns the
// published algorithms, one small file each with its paper, and the Driver that
// runs those that a study chose, in their order of precedence.
//
// Input is one Partial per minute, made of the minute's samples: sums in whole
// numbers. Every algorithm is a function of the partials of a bounded interval
// around the minute, from Before minutes ahead of it to Lag minutes after it;
// what is outside cannot matter, so neither can batches, their order, late data
// or a restart. To decide a minute anew, give a new Driver that interval. There
// is one code: the batch form is the Driver run to the end of the recording. What
// needs the future without bound is a function of a finished recording (clean.go).
//
// A minute is provisional when its partial arrives (what would be said if the
// recording ended here) and final once, in order of time, when nothing can change
// it. Acceleration is compared with thresholds in 128-bit integers, temperature
// is filtered in float64 in one stated order, so any processor gives the same.
//
// The package is pure: no network, no clock, no logger. A Driver belongs to one
// goroutine and, with the algorithms of DefaultOrder, is less than 16 KB.
package wear
