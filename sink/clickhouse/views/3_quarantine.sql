-- One row per refused payload.
CREATE OR REPLACE VIEW quarantine AS
SELECT thing, received_at, reason, size, sha256, log_id, partition, offset
FROM quarantine_all FINAL
