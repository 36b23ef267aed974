// Package verify proves that nothing acknowledged was lost or counted twice.
//
// It is a second opinion: it reads the log, the objects and ClickHouse by itself,
// with another Parquet library and its own idea of what a batch and a window
// mean, and imports nothing of the processor, the sinks or the features. What the
// definitions (section 5) call explained is a closed list; everything else that
// does not fit is lost, duplicated or unexplained, and the verdict says so.
//
// # What stands against what
//
// The truth is every record that a log acknowledged: the rows of landing, of all
// logs that ever were, and the readable records of the present log.
//
//   - Landing: each readable offset of device.v1 and quarantine.v1 exactly once,
//     with the same key, headers, time and bytes; ranges from 0 on without hole or
//     overlap, also where the log has moved its start; objects under the name that
//     they say, with the rows that they were written with.
//   - The log itself: each offset is a record, a marker, or was aborted.
//   - batches_all: every batch record, with the values that its payload decodes
//     to. batches: each name once, of the newest log its first copy. quarantine:
//     every refused payload.
//   - Repeats and conflicts: a name with other bytes, and a payload that cannot be
//     decoded, must be in quarantine.
//   - Rows of windows, minutes of wear and pairs: log, objects and table hold the
//     same (log, sensor or participant and both sensors, window, algo, revision), with
//     the same bytes, and the views show the latest revision once.
//   - Windows of 5, 60 and 900 s: as many samples as there are distinct times in
//     the batches of all logs.
//   - The list of what a replay saw acknowledged: each is in the truth.
//
// # Time
//
// Everything may move meanwhile. What is read first is in what is read later:
// the list, the objects, the log up to its ends, the tables; what the tables hold
// beyond these ends is not looked at. This machine's clock and the append times
// decide one thing: whether something that is missing is due yet. Its age is the
// time for which its partition's log ran since: a pause between two records
// counts for ten seconds at most (ticks come that often), so what waited while
// everything was down is not overdue at once.
//
// # What it does not see
//
// It only reads. It does not compute features, wear and pairs again, does not judge assignments,
// statuses and lanes, and cannot know what was in a log that is gone and in no
// object, except by the list and by what ClickHouse still has of it. It keeps
// some 300 bytes of each batch and 150 of each row in memory.
package verify
