// Package kafka is where the vocabulary of package stream meets the Kafka
// protocol, by franz-go: topics, the embedded broker, a sink's consumer group,
// and the transactional session of a processor.
//
// # The way in
//
// Config is what every client is made from: addresses, TLS 1.2 or later with or
// without a client certificate, SASL/SCRAM. Files are read at every connection, so
// that what is renewed in place is used without a restart. A password goes by TLS
// only, except to brokers on this machine: whoever listens to SCRAM could guess it.
// Explain says what a person can do where a client is not let in.
//
// # The embedded broker
//
// Broker is franz-go's kfake with a data directory and synced writes, for
// evaluation: what it acknowledged survives a kill of its process (not a power
// cut), together with topic ids, committed offsets and their metadata. A kill
// inside the end of a transaction can tear that transaction; idempotent
// producers may repeat records; a restart after a kill reads the whole log into
// memory. Transactions that a kill has left open are aborted, with markers,
// before anybody is let in. Its fetch forgets to name aborted transactions in an
// answer that the request's byte limit cuts, so whoever reads from it sets that
// limit above what the partitions' limits add up to. It ignores LogAppendTime, so AppendTime is the producer's clock there
// and may go back. It is no stand-in for figures or for proofs of exactly-once.
//
// # Cuts
//
// A Cutter divides one partition into ranges that tile it without hole or
// overlap. Where a range ends is a function of the records alone, so whoever
// cuts again, from any start of a range and in whatever batches the records
// arrive, gets the same ranges. A range ends one past the last record in it and
// begins where the last one ended, so control records and aborted records lie in
// front of the first record of the range that follows them.
//
// # A sink's consumer group
//
// Group gives a stream.Sink every readable record of its topics exactly in such
// ranges. Before the sink sees a range its end, its number of records and a hash
// are committed as the metadata of the start offset (the intent); after the sink
// stored it, the end is committed. Whoever takes the partition over rebuilds the
// intended range first and checks it, so a range is written again as it was or
// not at all. Every commit carries the log's id: a topic that was deleted and
// made again stops the group with a message.
//
// One goroutine serves each assigned partition and alone commits for it;
// partitions are independent. Revocation waits until it is gone, and every commit
// carries the member id under which the partition was assigned, so a former owner
// cannot move it. Topics of records and ranges are full names.
//
// Run ends with an error where a person must look: another log, records deleted
// before they were stored, an intent that the log no longer holds, a second
// process with the same instance id, a sink that gives up. Anything else makes a
// new client.
//
// # A processor's session
//
// Session is a member of a group whose output and offsets are one transaction.
// What a member that the group gave up has left open is aborted by whoever gets its
// partitions, so that neither a restore nor a reader waits for it to time out.
// Groups are of the classic protocol with static members: one that is killed and
// comes back takes its partitions back at once.
// Changelog restores the state that belongs to a committed offset: it reads to
// the high watermark as it is after that offset was asked for, committed records
// only, and waits for transactions that are open below. History reads records of
// a partition again, by offset.
package kafka
