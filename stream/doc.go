// Package stream is the vocabulary of wearstream: what a record of the log is,
// what an operator does with it, and what a sink is given.
//
// It owns names and contracts only and imports nothing of ours, so that every
// other package can point at it and none of them needs to know another.
//
// The shape is always the same: records of one partition, in offset order, go
// through one Operator in one goroutine. An operator never reads a clock and
// never looks anything up; all that it must know about its key arrives as a
// record in its own input. The same log prefix therefore always gives the same
// state and the same output, whoever runs it and however it was batched.
package stream
