// Package wire owns the formats: what a device sends, what a topic carries, how
// headers are named and what the columns of derived rows are.
//
// SampleBatch is the protobuf message of samplebatch.proto, decoded by hand
// with protowire; README.md beside it is the page from which firmware is
// written, with test vectors in testdata. Decode accepts what protobuf says is
// the same message (unknown fields are skipped, a repeated scalar's last value
// wins) and nothing that the definitions refuse. DecodeJSON reads the same
// message in JSON; a record of samples is read by DecodeRecord, which asks its
// header for the form.
//
// The package does no input or output and keeps no state. All functions may be
// called concurrently.
package wire
