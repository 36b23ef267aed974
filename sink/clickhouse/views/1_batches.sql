-- One row per (sensor, boot, seq): of the newest log, the first one.
CREATE OR REPLACE VIEW batches AS
SELECT thing, sensor, boot, seq, t0, rate_mhz, n, lsb_per_g, x, y, z, temp_t, temp, flags, sha256, received_at, via, log_id, partition, offset
FROM batches_all
ORDER BY sensor, boot, seq, generation DESC, partition, offset
LIMIT 1 BY sensor, boot, seq
