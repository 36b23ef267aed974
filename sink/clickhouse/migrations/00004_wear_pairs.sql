-- +goose NO TRANSACTION
-- +goose Up

-- Every revision of every minute of wear, with the place in the log that it came from.
CREATE TABLE IF NOT EXISTS wear
(
    study        LowCardinality(String),
    participant  LowCardinality(String),
    side         LowCardinality(String),
    thing        LowCardinality(String),
    sensor       LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    length_s     UInt32,
    algo         LowCardinality(String),
    revision     UInt32 CODEC(ZSTD(1)),
    status       Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3, 'retracted' = 4),
    state        Enum8('WEAR' = 1, 'NONWEAR' = 2, 'NODATA' = 3, 'CHARGING' = 4, 'UNKNOWN' = 5),
    decided_by   LowCardinality(String) COMMENT 'the algorithm of the order that decided; empty: none had to, or could',
    generation   UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    partition    Int32 COMMENT 'of the record in the log' CODEC(ZSTD(1)),
    offset       Int64 COMMENT 'of the record in the log' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(window_start)
ORDER BY (length_s, sensor, algo, window_start, generation, revision)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Every revision of every quarter of an hour of both wrists of a participant. Feature
-- columns are added by the program.
CREATE TABLE IF NOT EXISTS pairs
(
    study          LowCardinality(String),
    participant    LowCardinality(String),
    sensor_left    LowCardinality(String),
    sensor_right   LowCardinality(String),
    window_start   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    length_s       UInt32,
    algo           LowCardinality(String),
    revision       UInt32 CODEC(ZSTD(1)),
    status         Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3, 'retracted' = 4),
    coverage_left  Float32 CODEC(ZSTD(1)),
    coverage_right Float32 CODEC(ZSTD(1)),
    generation     UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    partition      Int32 COMMENT 'of the record in the log' CODEC(ZSTD(1)),
    offset         Int64 COMMENT 'of the record in the log' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(window_start)
ORDER BY (length_s, study, participant, sensor_left, sensor_right, algo, window_start, generation, revision)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
