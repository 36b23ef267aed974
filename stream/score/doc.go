// Package score asks a model of one's own: it makes the request of a cut of
// features.v1, sends it to a service over HTTP, and reads the answer. What an answer
// becomes is told by others; sink/clickhouse keeps it and makes rows of it.
//
// # The request
//
//	POST <url>
//	Content-Type: application/vnd.apache.arrow.stream
//	Accept: application/vnd.apache.arrow.stream
//	Authorization: Bearer <token>              if a token file is given
//	Idempotency-Key: <log id>/<topic>/<partition>/<first>-<next>
//	X-Wearstream-Cell: <cell>
//	X-Wearstream-Range: <topic>/<partition>/<first>-<next>
//	X-Wearstream-Rows: <rows in the body>
//	X-Wearstream-Scorer: <name of this scorer>
//
// The body is one Arrow IPC stream with the columns of window rows (the tables
// features_5s, features_60s, features_900s have them, too) and length_s. It holds the
// final and corrected rows of the chosen windows and studies by the one chosen set, in
// the order of the log; each (sensor, window_start, length_s) once: of several
// revisions or versions of the set in the cut, the last. A cut without such rows is
// not sent.
//
// A range is sent again, with the same bytes and the same key, until its answer is
// kept, and never after that. A service that computes twice for one key does no harm.
//
// # The answer
//
//	200   an Arrow IPC stream, uncompressed, without dictionaries: sensor (utf8),
//	      window_start (timestamp), length_s (an integer), and any other columns of
//	      type float, integer, bool or utf8, each of which is a score by its name
//	      (utf8 also for integers beyond 2^53); whole, up to the mark of its end
//	204   there is nothing to say of these windows
//	4xx   the model refuses these rows; the body's beginning is the reason
//
// 200 and 204 say which model it was: X-Model-Name, and X-Model-Digest, 8 to 64 hex
// digits over whatever decides its numbers (weights, thresholds, code). An answer has
// each window at most once and none that was not asked; windows that it leaves out
// have no score in this revision. NULL and NaN mean that there is no value.
//
// 408, 425, 429, 5xx, silence and broken connections are tried again. A refusal and
// an answer that cannot be read halt the partition: they are tried again, too, as
// slowly as anything, /readyz says why meanwhile, and nothing behind them is scored.
// With OnRefusal "skip" a refusal of the rows (400, 413, 422) is an answer like any
// other: it is kept with its reason, and makes no rows. Other 4xx speak of the
// address or the token and not of the rows; they halt in any case.
//
// # Trust
//
// The URL is the operator's own, given on the command line like that of a database,
// and may be an address inside; nothing that a device or a study says leads to a
// request. Redirects are not followed. What is sent holds the pseudonyms of studies
// and participants. What comes back is bounded in size and memory and believed in
// nothing: lengths in it are checked before they are used.
//
// A Scorer may be used concurrently. It keeps nothing between calls but which
// partitions are halted.
package score
