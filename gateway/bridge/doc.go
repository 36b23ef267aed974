// Package bridge takes what devices publish from an MQTT broker that is already
// there (Mosquitto, EMQX, AWS IoT Core) and writes it to the log, with the same
// checks and records as the gateway: those of package ingest. Its records say
// via=bridge, since who published is the broker's word: the thing is the topic's.
//
// It promises that a message is acknowledged to the broker only after the log's
// acks=all, in the order of receipt, so that a bridge may die anywhere: the broker
// keeps its session (fixed client id, clean session off) and sends again what was
// not acknowledged. A message may then be in the log twice; it keeps its name
// (sensor, boot, seq), and the processor removes the repeat. A message that cannot
// be read, or whose topic names no thing, is kept in quarantine and acknowledged.
//
// What the broker itself drops or forgets the bridge cannot know; README.md says
// how to limit it and which metrics tell.
//
// # Shape
//
// A session is one connection with a client of its own, so that nothing of the
// last can be taken for the next; a new one begins when nothing of the last is in
// flight. paho's handler never blocks: it hands the record to the log's client and
// puts the message into the order of acknowledgements, which one goroutine follows.
// What bounds memory is the gate, the connection itself: it is not read while the
// budget is in flight, and TCP holds the broker back. If the log stays away for
// longer than the keep-alive the connection ends, and the next waits for the log.
//
// Several members share a subscription. Each has its own client id, and what the
// broker gave to a dead member waits for that id. With several, the order of a
// device's messages is gone; the processor does not need it.
package bridge
