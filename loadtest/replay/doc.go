// Package replay plays recordings as the devices that made them: over MQTT
// 3.1.1 with a certificate per device, by a client of another maker (Eclipse
// paho), to a gateway of which it knows the address only.
//
// # What a device does
//
// A device plays its recordings one after the other; every playing is a boot of
// its own and has connections of its own. The boot's number is on disk, synced,
// before its first CONNECT. Batches are published in order with QoS 1, Window of
// them in flight, and then the status "end" with the boot's last sequence. When a
// connection is lost, or shows no acknowledgement for half a minute, the address
// is looked up again, and on a new connection (backoff with jitter, clean
// session) everything without a PUBACK is published again, in the same order. A
// playing is done when everything has its PUBACK.
//
// A batch is acknowledged when its PUBACK came and, with Acked, its line has been
// written to that file: what the file says is true even after a kill -9. (It is
// not synced: a power cut may take lines, never add one.)
//
// # What survives
//
// DIR/replay/<thing>.json (<thing>+<name>.json for a sensor below the thing) is
// the device's memory: the boot, the sequences that it may have published
// (last_seq, reserved in blocks before they are used, synced), and below which
// number all are acknowledged. Only one process at a time has it.
//
// The recording is the memory of the samples. So a playing that was cut off, by a
// kill or by the caller, is finished by the next run before anything else, as a
// recorder does that wakes up with data in its flash: what may have been
// published and is not known to be acknowledged is published again under its old
// name, with the same bytes, then the "end" of that boot. Sequences beyond the
// reserved ones do not exist. The new run is then a new boot that plays
// its recordings from the beginning. If the old recording is gone or no longer
// the same, the boot stays as it is and prev_boot_last_seq of the next says how
// far it may have gone: never less than the gateway may hold; what is missing
// then is lost, and the platform assumes so in time.
//
// prev_boot_last_seq therefore is the last sequence of the boot before, exactly,
// unless that was abandoned so; it is absent where that boot published nothing.
// oldest_seq_held is always 0, since a recording never forgets.
//
// # What it does not do
//
// It writes no assignments, knows no registry, subscribes to nothing and checks
// nothing of what the platform makes of the data.
package replay
