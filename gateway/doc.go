// Package gateway takes what devices publish over MQTT and writes it to the log.
//
// It owns what the device topics mean (dt/wear/v1/<thing>/samples, status and
// event), the check of the envelope, the records of device.v1 and quarantine.v1
// that come from devices, and the ticks, which are the log's clock. The protocol
// is package mqtt's.
//
// It promises that an acknowledged message is in the log: the PUBACK follows
// acks=all, in publish order. A message that can be read is written unchanged
// under its sensor's key; one that cannot is kept in quarantine with the reason
// and then acknowledged, so that a device with one bad batch goes on. A topic
// that is not the thing's own closes the connection. A message may be in the log
// twice (a device repeats what it had no PUBACK for); it keeps its name (sensor,
// boot, seq), and the processor removes the repeat.
//
// While the log does not answer nothing is acknowledged, readers block and Ready
// says so. Ticks go to every partition of both topics at an interval, one in
// flight for each, and are dropped rather than queued.
//
// The gateway has no memory: any replica is any other. It does not look anything
// up, does not order devices among each other, and never changes a payload.
package gateway
