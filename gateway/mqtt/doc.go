// Package mqtt is the MQTT 3.1.1 server of the gateway: a server for publishers
// only. It owns connections, certificates, packets, limits and the order of
// acknowledgements; what a topic means and where a message goes is its Handler's.
//
// A device is who its certificate says: the subject's common name is the thing.
// It is checked in VerifyConnection, so a resumed session is checked as a new
// one. The client id is the thing's name (or empty) or the certificate's serial
// in hex; a second connection with the same one ends the first.
//
// # Promises
//
//   - A PUBLISH is acknowledged only when its handler calls Ack, and PUBACKs of a
//     connection go out in the order of their PUBLISHes, however the handler's
//     calls are ordered. Until then the message is not the server's.
//   - Ack and Close never block, may be called from any goroutine, late, and for
//     a connection that is gone.
//   - A connection has at most Window messages, and all connections together at
//     most Budget bytes, handed over and not yet completed; beyond that the
//     server stops reading, so TCP holds the devices back.
//   - A payload above MaxPayload in a packet of at most 1 MiB is read but not
//     kept: the handler gets its head, size and SHA-256.
//   - A socket that takes no acknowledgements for WriteTimeout is closed and does
//     not hold back the others.
//   - The will of a connection that ended without DISCONNECT goes to the handler
//     after its last PUBLISH and before the CONNACK of a connection that takes
//     over. The server's own shutdown is no reason to send a will.
//
// # What it does not do
//
// No stored sessions, no retained messages, no delivery between clients, no QoS 2
// (the connection is closed). A subscription that the handler allows is granted,
// all others get 0x80. An MQTT 5 CONNECT is refused with the 3.1.1 CONNACK code 1.
//
// # Shape
//
// One goroutine reads a connection and there is none to write. An acknowledged
// slot at the head of a connection's ring queues the connection; a few flushers
// write all that is contiguous in one call. The handshake has a goroutine of its
// own because its deep stack would stay with the connection.
package mqtt
