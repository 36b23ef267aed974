// Package batch computes features of recordings without a log and without a
// service: file in, rows out.
//
// A recording is cut into the batches that its device would have sent, and these
// into blocks of 15 min of event time with all batches that the block's windows
// depend on. Blocks are independent of each other, so all processors work on them,
// whether there is one file or a hundred. Sums and rows are made by stream/window,
// as in the stream: features, n, coverage, flags and input digest of a window are
// the same bytes as those of its row that is final there.
//
// Of each minute from the first to the last, sooner than 24 h after one with samples,
// features/wear says whether the device was worn, with the thresholds for its model.
//
// A manifest may say which device was assigned: a file of another one is found.
//
// Recordings of a left and a right wrist that belong to one participant, or are plainly
// the two of nobody's, pair where they overlap: features/pair compares their windows of
// 15 min, and what it finds of days says that devices may be mislabelled. Windows that are
// counted from the first sample pair where both recordings begin at one time.
//
// From the still moments of a recording of three days or more follows what calibration
// its device asks for. It is told and corrects nothing, unless Config.Apply says so:
// then the recording is read for its still moments first, and an accepted record
// corrects every sample from the first one on, before it is quantised, the one time, to
// micro-g. All that is said of the recording is said of the corrected samples: features,
// digest, wear, pairs; the cal_id of its rows is the record's. (A stream cannot know
// what was measured later: there a record is valid from the next local midnight.)
//
// # What a row says beside that
//
// status is final, revision 1, lane backlog; final_reason is what the stream says
// after the device's end: complete, or end where the recording ended in the window.
// Rows of several sets have one schema, the columns of all of them; those of another
// set are NULL. Thing and sensor are the recording's name. Study, participant and side are those
// of the Input, empty where it has none.
//
// # Promises
//
// The rows of a recording are in the order of their blocks, and a function of the
// file, the Input and the Config alone; those of a pair are of both, in whatever order they
// are named. Into what batches a file is cut does not matter. Two files are two recordings,
// each with a name of its own: where one was split, the rows of windows that lie in one of
// the files, with what their set looks at around them, are those of the whole; a window
// that the split goes through has a row in both. Memory is bounded: some blocks per processor and the rows of a day per file;
// where recordings may pair, 13 KB for each 15 min, until the person's are all computed.
// A recording is read once. It is computed anew if its end says otherwise than its
// beginning of scale, range or digits of times (recording.ErrAgain), or, with what overlaps
// held in memory until it is whole, if its clock was set back. To apply a calibration it
// is read for it before. A file that cannot be read fails alone, with the others done; of a
// damaged one everything that can be read counts, and its Report says what was left out:
// what could not be read, samples of (0, 0, 0), which are none, and, where the clock was
// set back, samples of a time that an earlier one has. Windows of such times have flag 32,
// as in the stream.
// What was begun of a recording that fails is not stored.
//
// # Speed
//
// Benchmarks Wire and CSV say how many hours of recording a second, and a second of
// processor, computes. On two loaded cores of an AMD EPYC (Zen 5), Go 1.26: 43 h of 50 Hz
// per second of processor by core.v1 with wear, to Parquet, 128 ns a sample; 16.6 h of
// 100 Hz from canonical CSV, of which reading is a third. 37 of the 128 ns are the
// SHA-256 of input_digest, over each sample at three lengths of window, which little can
// share; 30 rows and Parquet, read back; 25 epochs and percentiles; 10 decoding and
// merging; 9 wear.
//
// It reads no clock, writes no file (Store does) and knows no format (stream/recording does).
package batch
