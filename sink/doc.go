// Package sink owns what wraps every sink: Retry and Instrument. Both are
// stream.Sinks around a stream.Sink and keep its promises.
//
// A sink answers a cut in one of four ways: nil (stored, durably), an
// *stream.AdoptError (stored before, with another end), an error marked
// Permanent (trying again cannot help: the process must stop and a person must
// look), or any other error (not known to be stored: try the same cut again).
//
// The package decides nothing about what is stored, where, or where a cut ends.
package sink
