// Package recording turns a file of a wearable into the batches that its device
// would have sent: in one step, exactly, in flat memory.
//
// # Formats
//
// Canonical CSV, plain or gzip: the header timestamp,x,y,z,temperature, then a
// row per sample: seconds since 1970, g, degrees Celsius or nothing. And the
// Empatica E4 export, a folder or .zip with ACC.csv and TEMP.csv, each plain or
// gzip. Generate writes a canonical CSV where no recording is at hand.
//
// # What a batch says
//
// Numbers are parsed as decimals into integers (nanoseconds, micro-g,
// milli-degrees, rounded half to even where a file has more digits); no float
// touches them.
//
//   - Scale. An E4 has 64 counts per g and ±2 g. The values of a CSV are tried
//     with 64, 128, ... 16384 counts per g; the first that all values are exact,
//     as 16-bit counts, is used, else micro-g. The range is known (±2 g) only
//     for 64 counts per g with all values in [-2, 127/64]. Options override both; a scale
//     that would lose something is refused.
//   - Nominal rate. An E4 says it. For a CSV it is 1 over the median distance of
//     the first 65,536 rows, taken as the nearest rate that devices are sold with
//     if one is within 2.5 %. Options override it.
//   - Time. The tolerance is the finest decimal digit of the file's timestamps,
//     at least 1 µs and at most half a sample. A batch is one start and one rate
//     by which every sample is within the tolerance of its time in the file; the
//     nominal rate is taken where it does that, else the one in the middle of
//     those that do, within a tenth of nominal. A row that no rate puts right
//     begins a new batch: gaps, clock jumps, drift. Files that lie on the grid of
//     their rate, as an E4's, are exact.
//   - Length. A batch also ends where the number of samples since the beginning
//     of the recording is a multiple of rate times BatchLength (at most 16,384),
//     wherever gaps fell.
//   - Temperature. The rows of a CSV repeat the last reading; every TempEvery-th
//     row (default a quarter of the rate), counted from the first sample of the
//     recording, is taken as one, unless blank. An E4's readings are its own; one
//     with no sample at or after it, or from more than a sample before the first,
//     is left out. Readings of a batch are evenly spaced to within the larger of
//     the tolerance and a quarter of a sample (an E4's exactly); one that is not,
//     as after blanks, begins a new batch.
//   - Start moves all times by the same amount.
//
// Rows that cannot be read are left out and counted, with the first of them
// told, as is the damaged end of a file; only a file without a single good row
// is an error. In an E4 export such a row keeps its place in time.
//
// # Promises
//
// Open reads the file once, to know scale, rate and length; Batches reads it
// again, as often as it is called, and answers the same batches each time. The
// same file and options give the same batches everywhere and for ever: batch
// names are their positions in it. No clock is read.
package recording
