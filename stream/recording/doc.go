// Package recording turns a file of a wearable into the batches that its device
// would have sent: in one step, exactly, in flat memory.
//
// # Formats
//
// Told by their content, plain or gzip (zeros after it are ignored), texts with or
// without a byte order mark:
//
//   - Canonical CSV: the header timestamp,x,y,z,temperature, then a row per
//     sample: seconds since 1970, g, degrees Celsius or nothing.
//   - Axivity .cwa, of AX3 and AX6. Gyroscope and magnetometer are left out.
//   - GENEActiv .bin, and the CSV that its software exports.
//   - Empatica E4 export: a folder or .zip with ACC.csv and TEMP.csv.
//
// Generate writes a canonical CSV where no recording is at hand.
//
// # What a batch says
//
// Numbers are parsed as decimals into integers (nanoseconds, micro-g,
// milli-degrees, rounded half to even where a file has more digits); no float
// touches them.
//
//   - Scale. An E4 has 64 counts per g and ±2 g; a .cwa names its scale and range.
//     A GENEActiv is calibrated for each axis, so its values are micro-g, rounded
//     half to even. The values of a CSV are tried with 64, 128, ... 16384 counts
//     per g; the first that all values are exact, as 16-bit counts, is used, else
//     micro-g. The range of a canonical CSV is known (±2 g) only for 64 counts per
//     g with all values in [-2, 127/64]. Options override both; a scale that would
//     lose something is refused.
//   - Nominal rate. Devices' own files say it. For a canonical CSV it is 1 over the
//     mean distance of the first 65,536 rows, taken as the nearest rate that
//     devices are sold with if one is within 2.5 %. Distances that a missing row, a
//     duplicate or a clock that was set makes are not in the mean: those more than
//     half of it, or than the last digit of the times, off. Options override it, but
//     for a .cwa or GENEActiv .bin only by a tenth; a device's rate above 1000 Hz is
//     refused.
//   - Times of samples. A GENEActiv dates a page; its samples follow at the page's
//     rate. A .cwa dates a block: whole seconds, a fraction where the firmware
//     writes one, and the sample they belong to; from there, at the nominal rate,
//     back to the first sample. That index is whole, so a block may stand off by a
//     sample. Samples are spread evenly from a block to the next, if it follows by
//     number and makes a rate within a tenth of nominal; else as those of the block
//     before. A GENEActiv names its time zone. A .cwa has none: its times are taken
//     as UTC, which Notes says.
//   - Tolerance. It is the finest decimal digit of a canonical CSV's timestamps, at
//     least 1 µs and at most half a sample; 1 ms for a GENEActiv CSV, 1/32768 s (a
//     tick of its clock) for a .cwa, 1 µs for others. A batch is one start and one rate
//     by which every sample is within the tolerance of its time in the file; the
//     nominal rate is taken where it does that, else the one in the middle of
//     those that do, within a tenth of nominal. A row that no rate puts right
//     begins a new batch: gaps, clock jumps, drift. Files that lie on the grid of
//     their rate, as an E4's, are exact.
//   - Coarse times. A digit of more than half a sample, as hundredths at 64 Hz, does
//     not place a sample. Rows less than a digit farther or nearer than a sample,
//     with coarser digits also at the same time, are then consecutive: evenly
//     spaced at the nominal rate from the first of them, kept within a digit of
//     their times; the tolerance, a quarter of a sample, is to those. Only a greater
//     distance is a gap, and a lesser one a duplicate. Notes says so. Digits coarser
//     than a sample tell a rate only if the file has a hundred of them, at 50 Hz in
//     whole seconds 100 s; else --rate is asked for.
//   - Length. A batch also ends where the number of samples since the beginning
//     of the recording is a multiple of rate times BatchLength (at most 16,384),
//     wherever gaps fell.
//   - Temperature. The rows of a CSV repeat the last reading; every TempEvery-th
//     row (default a quarter of the rate), counted from the first sample of the
//     recording, is taken as one, unless blank; a GENEActiv CSV is read likewise.
//     An E4's readings are its own; one with no sample at or less than a sample after
//     it is left out and, but in the minute after the last sample, counted. Blocks and
//     pages have one reading, at their first sample, a page with none that can be read
//     has none. Readings of a batch are evenly spaced to within the larger of the
//     tolerance and a quarter of a sample (an E4's exactly); one that is not, as after
//     blanks, begins a new batch.
//   - Start moves all times by the same amount: the first sample in the file to it,
//     which is not the earliest where the clock was set back.
//
// Rows, blocks and pages that cannot be read are left out and counted, with their
// places told, as is a damaged or missing end of a file; only a file without a
// single good one is an error. In an E4 export such a row keeps its place in time,
// and a TEMP.csv that does not begin well is done without. A page that its number shows
// to be missing, or whose first line is damaged, is told as one that cannot be read.
// A block counts as good only if its checksum is right and its rate, axes and
// scale are those of the first.
//
// # Promises
//
// Open reads the file once, to know scale, rate and length; Batches reads it
// again, as often as it is called, and answers the same batches each time. Begin reads
// the first 65,536 samples alone, and the file is read once: what they say of scale,
// range and tolerance is taken for what all of it says, and where that is found not to
// be so, Batches goes to the end and says that all is to begin again, as all of it says
// (ErrAgain, Whole). The batches that count are the same: those of the whole file. The
// same file and options give the same batches everywhere and for ever: batch
// names are their positions in it. No clock is read. BatchesAhead gives the same
// batches sooner. Memory does not grow with the file, nor with what is wrong in it.
package recording
