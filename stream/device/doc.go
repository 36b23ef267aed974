// Package device is the operator of the device topic, keyed by sensor: it drops
// repeats, follows each sensor's sequences and event time, and hands out windows
// of features as provisional, final and corrected rows.
//
// Everything it does is a function of the records of its partition, in offset
// order. Time is the tick records; an assignment is a control record; what a
// window held long ago is read again from the log by offset.
//
// State of a sensor, in the changelog: a head (boots, frontier, assignments,
// windows that wait), one small entry per batch (where it is in the log, when it
// is in time, the hash of its bytes) and a ledger of what was handed out. Raw
// samples are not in the changelog: those of windows that wait are kept in
// memory and read again from the log after a restart.
//
// When a row goes out:
//   - final as soon as the sensor's frontier reaches the window's end, or its boot
//     ended; final_reason says how;
//   - provisional when the boot's own event time is 60 s past the end of a window
//     that is not final, or when 15 min of ticks passed since it last changed;
//   - corrected when later evidence changed a window that was final: once a batch
//     of the sensor no longer touches it, or 10 s of ticks later, so that a late
//     upload makes one revision and not one a batch.
//
// Content that did not change makes no row. A sensor's windows are independent of
// how its samples were batched, permuted or repeated.
package device
