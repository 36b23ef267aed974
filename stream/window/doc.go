// Package window is event time, pure: which sequences of a sensor are here, how
// far its own time is complete, which windows a batch touches, what a window
// holds, and which revision of it was handed out.
//
// Time is per sensor and never per partition: a frontier moves along the
// contiguous run of (boot, seq), so an upload that is days late is ordinary data.
// Nothing here reads a clock, does input or output, or is safe for concurrent
// use; everything is a function of what it was told, in any batching. The words
// (frontier, provisional, final, declared, assumed) are those of the
// definitions; the operator in stream/device decides what to emit with them.
package window
