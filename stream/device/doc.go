// Package device is the operator of the device topic, keyed by sensor: it drops
// repeats, follows each sensor's sequences and event time, and hands out windows
// of features as provisional, final and corrected rows.
//
// Everything it does is a function of the records of its partition, in offset
// order. Time is the tick records; an assignment is a control record; what a
// window held long ago is read again from the log by offset.
//
// # When a row goes out
//
//   - final as soon as the run of sequences covers the window: the sensor's
//     frontier, which is of the boot in which the run stands, is at or past its
//     end, or the run has left the boots whose data it holds, or their end is
//     known and reached. final_reason says how;
//   - provisional when the device's event time, of that boot or a later one, is
//     60 s past the end of a window that is not final, or when 15 min of ticks
//     passed since it last changed;
//   - corrected when later evidence changed a window that was final: once a batch
//     of the sensor no longer touches it, or 10 s of ticks later, so that a late
//     upload makes one revision and not one a batch; or when its assignment
//     changed.
//
// Content that did not change makes no row. A sensor's windows are independent of
// how its samples were batched, permuted or repeated, and of commits, rollbacks
// and restarts in between. What one record would make due beyond 10,000 windows
// follows with the sensor's next records and with ticks.
//
// Sets that look around their windows (ref.v1) are handed out by the quarter of an
// hour, on the grid: what a quarter depends on, from 310 s before it to 310 s behind
// it, is to them as a window is above. So its windows are final 310 s of event time
// after it ends, provisional 60 s later, and corrected once no late batch has touched
// the quarter for 10 s of ticks. All rows of one revision of a quarter have its number;
// a window that did not change skips it. A quarter costs half a microsecond a sample, a
// corrected one twice that.
//
// # Wear and sides
//
// A minute's window that is handed out is shown to the algorithms of wear, in order of
// time: one driver for all sensors of the partition, of which each has a snapshot. What
// they say goes out as provisional and, once they have seen what follows and nothing
// before it is missing, as final. Minutes that come or change behind the driver wait for
// 5 min of ticks, or 10 s after the end of the boot; then a driver is shown what can matter to
// them, read from the log again, and minutes of which it says something else are
// corrected. So what is said last of a minute depends on the samples around it and on
// nothing else. With another order of algorithms the minutes that come, and those that were
// left provisional, are said by them, under their own algo and with revisions of their own;
// what was said stands, and goes on where an order comes back.
//
// Of sensors that are somebody's left or right the windows of 15 min are handed out as
// sides as well, from which pairs are made, and taken back when they are no longer; so are
// minutes, where an assignment changes within such a window.
//
// # State
//
// In the changelog, by sensor: a head (run, assignments, what is to be continued),
// boots, one small entry per batch (where it is in the log and in time, the hash
// of its bytes), the ledgers of what was handed out, what is pending, and every quarter
// of an hour, and after late minutes, the snapshot of wear, of some 5 KB. Entries of 256 neighbouring sequences
// become one block of some 50 bytes when nothing looks at them any more; a repeat or late
// evidence reads them again. In all 0.22 bytes per byte of samples at 32 Hz, and 22 to 33
// KB resident for a sensor of seven days (go test -run 'Stays' ./stream/device).
//
// Raw samples are not in the changelog: those of pending windows, 15 min of a live
// sensor and with quarters up to 26, at most a megabyte, are kept in memory and read
// again from the log after a restart. The log has to keep the device topic for the
// memory of devices and a week (Config.Memory, 14 d: 21 d). What is older is not asked
// for: a window or a minute of wear that late evidence would change then stands as it is,
// and is counted.
//
// A transaction changes tables that know what was there before, so a rollback
// takes back what it touched and nothing else.
package device
