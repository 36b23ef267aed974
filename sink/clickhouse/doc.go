// Package clickhouse is the sink that makes the log queryable: it owns the
// ClickHouse schema, its migrations, and the insertion of cuts.
//
// The plain names (features_5s, wear_60s, pairs_900s, batches, samples, device_status,
// quarantine, scores) are views and show the truth as known now: one row per identity,
// retractions gone. <name>_all shows every revision and every repeat of a device.
//
// Rows of windows, of minutes of wear and of pairs come as Arrow and go one way
// (rowTable). A window and a minute are named by (sensor, window_start, length, algo),
// a pair by (study, participant, both sensors, window_start, algo). Sides, which are
// for pairing alone, make no row; rows of another type are a permanent error.
//
// device_status has a row for each status and event message, with the message as
// it was sent, and one of kind battery for each batch with battery_pct or charging.
//
// # Versions
//
// A row's version is (generation of the log, revision). Logs of a topic are
// numbered in the order in which the sink met their ids, in the table logs, so
// that the rows of a topic that was made again overrule those of its
// predecessor, and never the reverse.
//
// # Exactly once
//
// Write is durable on return (the tables fsync what they insert), and the same
// cut may be written any number of times, by any number of processes at once.
// Each block of a cut is one synchronous INSERT into one table partition, so it
// becomes one part: all of it or nothing. Its deduplication token is a function
// of the cut, and ClickHouse drops a block whose token it has seen within the
// last 10,000. Behind that, merges collapse rows that are equal in identity and
// version, and the views show one of them in any case.
//
// ClickHouse notes a token before it shows the rows. If it dies in between, the
// token is known and the rows are not there, and a retry would be dropped
// without a word. So after each INSERT its first and last row are looked for by
// the table's sorting key, and a missing block is sent again under a next token.
//
// # Scores
//
// NewScores is another sink over the same machinery, with a group of its own: it asks
// a model outside about the windows of a cut. A model may answer otherwise each time,
// so its answer is stored first, in score_calls, under the range: of several answers
// the first that stands there holds, and the rows of scored_windows are a function of
// it. A crash before that asks again; no crash makes a row of two answers.
//
// scores shows what a model said of the latest revision of each window that it was
// asked about, a row for each number or text; scores_all every revision. A window
// that the model left out has none. A window that is retracted is not asked about and
// keeps what was said of it.
//
// # Errors
//
// A sink may be used concurrently. It judges no error of the database: all of
// them mean that the cut is not known to be stored. Rows that this version
// cannot read are permanent errors; a batch or message that cannot be decoded is
// counted and skipped, since landing and quarantine keep its bytes.
package clickhouse
