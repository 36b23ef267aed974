// Package participant is the operator of the features topic, keyed by participant: of
// the quarters of an hour of both wrists it makes pairs.
//
// Everything it does is a function of the rows and ticks of its partition, in offset
// order; how rows were put into records, commits, rollbacks and restarts do not matter.
// Its numbers are those of package pair, and those of a batch on the same recordings.
//
// # When a row goes out
//
// A pair is of a study, a participant, a quarter and a sensor on either wrist: where a
// device was exchanged within a quarter, there are two. It is when both have a side row,
// enough coverage and enough minutes worn. It goes out
//
//   - provisional when every minute of both has some word on wear;
//   - final when both sides, and what there is of their minutes, are final or corrected;
//   - corrected when it is another after it was final;
//   - retracted, without features, when it was said and is no longer so.
//
// Content that did not change makes no row, except that provisional becomes final. The
// last word on a side or a minute counts, by whatever order of algorithms; a minute that was
// given to another participant has none. Revisions of pairs count up from 1. Minutes
// that change whether a side was worn enough, and no others, have a pair computed.
//
// Minutes of nobody, of a sensor on no wrist, and windows of features say nothing here.
//
// # Clock
//
// The operator's clock is the least of what the partitions of the device topic have told,
// once all have. It is forwarded, to every partition of the participants topic, so that
// sinks can cut; of pairs it decides only how far back the log is read.
//
// # State
//
// In the changelog, by participant: pages of two hours, which say where each side row is
// in the log, what is known of its minutes, and what was said of each pair with 8 bytes
// of its content: some 40 bytes a quarter of both wrists. Epochs are not in the state; the
// last ones used are in memory, at most 256 sides, and others are read again from the log.
//
// The log has to keep the features topic for the memory of devices and a week
// (Config.Memory, 14 d: 21 d). A page that nothing has touched for so long is forgotten.
// A pair one side of which is older than that stands as it is, and is counted.
//
// On the embedded log a transaction of the device operator that was torn repeats rows. A
// pair that they concern may then be corrected there and back; its last word is right.
package participant
