package stream

import "context"

// Operator is the state of one partition and what it does with a record. One
// goroutine calls it. Everything it answers is a function of the records it was
// given, in offset order, since the beginning of the log.
//
// The processor runs many records in one transaction: Apply for each, then
// Changes once, then, when the log has taken the transaction, Commit; when not,
// Rollback, after which the operator is as it was at the last Commit.
type Operator interface {
	// Apply takes one record. A record that cannot be read is answered through
	// out (quarantine), not by an error: an error stops the process.
	Apply(ctx context.Context, r Record, out Output) error

	// Flush hands out what Apply has buffered since the last Commit. It is called
	// once before Changes.
	Flush(out Output) error

	// Changes yields what changed in the state since the last Commit. A nil value
	// deletes the key. Values belong to the callee until Commit or Rollback.
	Changes(yield func(key, value []byte) error) error

	// Commit makes the changes the new state.
	Commit()

	// Rollback forgets everything since the last Commit.
	Rollback()
}

// Output takes what an operator produces. All of it lands in the transaction of
// the input record, or none of it does.
type Output interface {
	// Emit writes a record to a partition of a topic. A negative partition means
	// that the key decides (murmur2, as everywhere).
	Emit(topic string, partition int32, key, value []byte, headers ...Header)
}

// Discard takes what must not be said again, while records are applied a second
// time to make a state anew. What is said to it is not counted either.
var Discard Output = discard{}

type discard struct{}

func (discard) Emit(string, int32, []byte, []byte, ...Header) {}

// History reads records of the operator's own partition again. It serves what
// an operator keeps in the log rather than in its state.
type History interface {
	// Read yields the readable records at the given offsets (ascending, distinct),
	// in order. An offset that the log no longer holds is an error.
	Read(ctx context.Context, offsets []int64, yield func(Record) error) error
}

// NewOperator makes the operator of one partition from its restored state:
// every key that the changelog holds, in no particular order. It keeps what it
// needs; state is not used afterwards.
type NewOperator func(partition int32, state map[string][]byte, history History) (Operator, error)
