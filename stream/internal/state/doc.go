// Package state is what operators keep alike: ordered tables that a transaction can
// take back, keys of the changelog, and how far back the log is read again.
//
// Nothing here is safe for concurrent use; an operator has one goroutine.
package state
