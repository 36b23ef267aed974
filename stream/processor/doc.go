// Package processor runs an operator on a topic of the log, exactly once inside
// the log.
//
// # Promises
//
// Order: the records of a partition go through one operator, one at a time, in
// offset order; partitions run in parallel. What an operator emits to one
// partition arrives in the order in which it was emitted.
//
// Durability: output, changed state and the committed input offset are one
// transaction, so a read-committed reader sees each input record's effects once,
// whatever was killed when. State that a transaction did not carry is rolled
// back with it. On a log that keeps its transactions this holds for any crash.
//
// Restore: the changelog of a partition carries a checkpoint that names the
// input its state stands for. It must equal the committed offset; if not, the
// partition halts with an error (Ready names it) while the others go on, since
// whoever goes on from a wrong state writes wrong rows for ever.
//
// The embedded log can tear a transaction when its process is killed. There the
// checkpoint decides: the state is built again from the log itself, up to where
// state and offset both are, without a word, and goes on from there aloud. What
// is said twice then has the same bytes. The first transaction writes the whole
// state anew. It is logged and counted.
//
// # Concurrency
//
// A process has one or more slots, each a member of the group with its own
// client, transactional id and instance id, so that a rebalance rolls back one
// slot's transaction only. A slot has one goroutine, and one more for each
// partition while a poll is applied or a transaction closed.
//
// Memory, beside the operators': what the client holds ready, 1 MiB of each
// partition as compressed in the log, and the output of one transaction, which
// MaxRecords and MaxBytes bound to within a poll.
//
// A member that stops keeps its place for the session timeout, so that a restart
// under the same name moves nothing.
//
// # What it does not do
//
// It knows nothing of what records mean, writes no ticks of its own and decides
// nothing by the clock but when to commit, which no output depends on. An error
// of an operator is final: Run returns it, and the restart begins at the last
// commit.
package processor
