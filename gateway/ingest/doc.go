// Package ingest makes records of what devices publish. It is the one way into
// device.v1 and quarantine.v1 for messages: the gateway puts its MQTT server in
// front of it, the bridge somebody else's broker.
//
// It owns what the device topics mean (dt/wear/v1/<thing>/samples, samples/json,
// status and event), the check of the envelope, both kinds of record, the ticks,
// which are the log's clock, and whether the log takes records at present.
//
// A message that can be read is written unchanged under its sensor's key; of
// samples in JSON the record says so. One that cannot is kept in quarantine with
// the reason. Either way its Answer is told once: Ack after the log's acks=all,
// Close where the log refused it for good. The answer comes from the log's client,
// so it must not block; messages of one partition are answered in order, others in
// any.
//
// Ticks go to every partition of both topics at an interval, one in flight for
// each, and are dropped rather than queued. More than one writer of ticks does no
// harm: readers take the largest.
//
// It bounds nothing. The front decides how much is in flight, and who the thing
// is: by certificate or by the broker's word.
package ingest
