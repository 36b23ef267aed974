// Package oracle compares features with the outputs of reference
// implementations on real recordings.
//
// It owns where both lie (Find), how they are read, and how far a value may be
// from its reference. Which recordings there are it learns from the files of references,
// whatever they are called; where there is none of a kind, that is an error. What is compared comes from a Provider: the kernels in
// float64, or rows that a running product has stored. It decides nothing else:
// a Report names every column that was compared, how many windows, the largest
// difference and the tolerance, and fails when one value exceeds it or is missing.
package oracle
