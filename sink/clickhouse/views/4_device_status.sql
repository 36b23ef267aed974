-- One row per status or event message, and per (sensor, boot, seq) of the batches
-- that say something: of the newest log, the first one. A message that a device
-- sent again is the same one if its bytes and its time are.
CREATE OR REPLACE VIEW device_status AS
SELECT thing, sensor, kind, at, battery_pct, charging, value, received_at, record_kind, boot, seq, message, log_id, partition, offset
FROM device_status_all
ORDER BY sensor, generation DESC, partition, offset
LIMIT 1 BY sensor, record_kind, boot, seq, if(isNull(seq), (at_us, sha256), (0, ''))
