// Package gateway takes what devices publish over MQTT and writes it to the log.
//
// It puts the MQTT server of package mqtt in front of package ingest, which makes
// the records and the ticks, and owns the configuration of the device port and
// when it is ready.
//
// It promises that an acknowledged message is in the log: the PUBACK follows
// acks=all, in publish order. A message that can be read is written unchanged
// under its sensor's key; one that cannot is kept in quarantine with the reason
// and then acknowledged, so that a device with one bad batch goes on. A topic
// that is not the thing's own closes the connection. A message may be in the log
// twice (a device repeats what it had no PUBACK for); it keeps its name (sensor,
// boot, seq), and the processor removes the repeat.
//
// While the log does not answer nothing is acknowledged, and Ready says so.
// Connections stay and their pings are answered while each has less than
// --mqtt.window messages in flight, and all together less than --mqtt.budget bytes;
// beyond that a reader waits, and its device hangs up in its own time. After five
// seconds new connections are told to come back (CONNACK 3). What a connection that
// is gone had in flight still counts, so devices that come and go take no more
// memory.
//
// The gateway has no memory: any replica is any other. It does not look anything
// up, does not order devices among each other, and never changes a payload.
package gateway
