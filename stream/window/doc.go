// Package window is event time, pure: which sequences of a sensor are here, how
// far its own time is complete, which windows a batch touches, what a window
// holds, and how the revisions that were handed out are written down.
//
// Time is per sensor and never per partition: a frontier moves along the
// contiguous run of (boot, seq), so an upload that is days late is ordinary data.
// What is known of boots and holes does not depend on the order in which it came,
// except for what was given up after a time: evidence of an older boot, or of more
// of a boot than its end said, moves the run back to what is missing now.
//
// Nothing here reads a clock, does input or output, or is safe for concurrent
// use; everything is a function of what it was told, in any batching. The words
// (frontier, provisional, final, declared, assumed) are those of the definitions;
// the operator in stream/device decides what to emit with them.
package window
