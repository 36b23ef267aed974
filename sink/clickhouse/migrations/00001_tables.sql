-- +goose NO TRANSACTION
-- +goose Up

-- The order in which the sink met the logs of a topic: the first has generation 1.
CREATE TABLE IF NOT EXISTS logs
(
    topic      LowCardinality(String),
    log_id     String,
    generation UInt32
)
ENGINE = MergeTree
ORDER BY (topic, generation)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Every revision of every window, with the place in the log that it came from.
-- Feature columns are added by the program. Rows that are equal up to the offset
-- are repeats, and merges drop them.
CREATE TABLE IF NOT EXISTS windows
(
    study           LowCardinality(String),
    participant     LowCardinality(String),
    side            LowCardinality(String),
    thing           LowCardinality(String),
    sensor          LowCardinality(String),
    window_start    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    length_s        UInt32,
    algo            LowCardinality(String),
    revision        UInt32 CODEC(ZSTD(1)),
    status          Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3, 'retracted' = 4),
    final_reason    LowCardinality(String),
    lane            Enum8('live' = 1, 'backlog' = 2, 'recompute' = 3),
    n               UInt32 CODEC(ZSTD(1)),
    n_expected      UInt32 CODEC(ZSTD(1)),
    coverage        Float32 CODEC(ZSTD(1)),
    dup_n           UInt32 CODEC(ZSTD(1)),
    clip_n          UInt32 CODEC(ZSTD(1)),
    flags           UInt32 CODEC(ZSTD(1)),
    clock_offset_ms Nullable(Float32) CODEC(ZSTD(1)),
    cal_id          LowCardinality(String),
    input_digest    String COMMENT 'SHA-256 of the samples and readings in the window, 16 hex digits' CODEC(ZSTD(1)),
    generation      UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    partition       Int32 COMMENT 'of the record in the log' CODEC(ZSTD(1)),
    offset          Int64 COMMENT 'of the record in the log' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(window_start)
ORDER BY (length_s, sensor, algo, window_start, generation, revision)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Every batch record of the log, repeats and conflicts of the device included.
CREATE TABLE IF NOT EXISTS batches_all
(
    thing         LowCardinality(String),
    sensor        LowCardinality(String),
    boot          UInt64 CODEC(ZSTD(1)),
    seq           UInt64 CODEC(Delta, ZSTD(1)),
    t0_us         Int64 COMMENT 'device time of the first sample, microseconds since 1970' CODEC(Delta, ZSTD(1)),
    rate_mhz      UInt32 CODEC(ZSTD(1)),
    n             UInt32 CODEC(ZSTD(1)),
    lsb_per_g     UInt32 COMMENT 'counts per g; 0: x, y, z are micro-g' CODEC(ZSTD(1)),
    x             Array(Int32) CODEC(T64, ZSTD(1)),
    y             Array(Int32) CODEC(T64, ZSTD(1)),
    z             Array(Int32) CODEC(T64, ZSTD(1)),
    temp_t0_us    Int64 COMMENT 'device time of the first reading, microseconds since 1970' CODEC(Delta, ZSTD(1)),
    temp_rate_mhz UInt32 CODEC(ZSTD(1)),
    temp          Array(Int32) COMMENT 'readings, milli-degrees Celsius' CODEC(T64, ZSTD(1)),
    flags         UInt32 CODEC(ZSTD(1)),
    sha256        String COMMENT 'of the payload, 64 hex digits' CODEC(ZSTD(1)),
    received_at   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    via           LowCardinality(String),
    log_id        LowCardinality(String),
    partition     Int32 CODEC(ZSTD(1)),
    offset        Int64 CODEC(Delta, ZSTD(1)),
    generation    UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    t0            DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(t0_us, 'UTC'),
    temp_t        Array(DateTime64(6, 'UTC')) ALIAS arrayMap(j -> fromUnixTimestamp64Micro(temp_t0_us + intDiv(j * 1000000000, temp_rate_mhz), 'UTC'), range(length(temp)))
)
ENGINE = ReplacingMergeTree
ORDER BY (sensor, boot, seq, generation, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What was refused; the bytes are in the landing objects.
CREATE TABLE IF NOT EXISTS quarantine_all
(
    thing       LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    reason      LowCardinality(String),
    size        UInt64 CODEC(ZSTD(1)),
    sha256      String COMMENT 'of the whole refused payload, 64 hex digits' CODEC(ZSTD(1)),
    log_id      LowCardinality(String),
    partition   Int32 CODEC(ZSTD(1)),
    offset      Int64 CODEC(Delta, ZSTD(1)),
    generation  UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
