// Package calibrate estimates from a recording itself how far an accelerometer is
// off, and corrects it: while it lies still it must measure 1 g (van Hees et al.
// 2014, doi 10.1152/japplphysiol.00421.2014; the fit follows GGIR).
//
// An Assembler makes still epochs of 10 s from samples, by integers, so batching
// and order cannot matter. Attempt fits a Record to the still epochs of a span of
// sealed time. A Log does both for a device as its time is sealed: a first
// attempt after 72 h, another every 12 h until one is accepted. A record never changes
// and says on what it rests: the digest of epochs and parameters is its name.
// Apply corrects samples and quantises them once.
//
// A correction is never applied to what was measured before it was known, unless
// a person orders that: see Record.ValidFrom.
//
// Numbers are defined as in package features: epochs in order of time, every
// product rounded, no function whose last bit depends on the processor. The
// package is pure: no clock, no network, no logger.
package calibrate
