-- +goose NO TRANSACTION
-- +goose Up

-- What devices say of themselves: a row for each status and event message, and one
-- of kind battery for each batch that carries battery_pct or charging.
CREATE TABLE IF NOT EXISTS device_status_all
(
    thing       LowCardinality(String),
    sensor      LowCardinality(String),
    record_kind LowCardinality(String) COMMENT 'where it was said: status, event, samples',
    kind        LowCardinality(String),
    at_us       Int64 COMMENT 'device time, of a batch t0; of receipt where the message has none; microseconds since 1970' CODEC(Delta, ZSTD(1)),
    battery_pct Nullable(UInt32) CODEC(ZSTD(1)),
    charging    Nullable(Bool) CODEC(ZSTD(1)),
    value       String COMMENT 'of an event: a text as it is, anything else as JSON' CODEC(ZSTD(1)),
    boot        Nullable(UInt64) CODEC(ZSTD(1)),
    seq         Nullable(UInt64) COMMENT 'of the batch' CODEC(ZSTD(1)),
    message     String COMMENT 'the message as sent, with fields that are not columns; of a batch empty' CODEC(ZSTD(1)),
    sha256      String COMMENT 'of the payload, 64 hex digits' CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    log_id      LowCardinality(String),
    partition   Int32 CODEC(ZSTD(1)),
    offset      Int64 CODEC(Delta, ZSTD(1)),
    generation  UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    at          DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (sensor, at_us, generation, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
