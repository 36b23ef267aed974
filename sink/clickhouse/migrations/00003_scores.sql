-- +goose NO TRANSACTION
-- +goose Up

-- What a model answered about a range of features.v1, verbatim: the first answer that
-- came to stand here is the one from which scores are made, whatever it says when it
-- is asked again.
CREATE TABLE IF NOT EXISTS score_calls
(
    scorer          LowCardinality(String) COMMENT 'wearstream score --name',
    topic           LowCardinality(String),
    log_id          LowCardinality(String),
    generation      UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    partition       Int32 CODEC(ZSTD(1)),
    first           Int64 COMMENT 'first offset of the range' CODEC(Delta, ZSTD(1)),
    next            Int64 COMMENT 'offset behind the range' CODEC(Delta, ZSTD(1)),
    windows         UInt32 COMMENT 'that were asked' CODEC(ZSTD(1)),
    question_sha256 String COMMENT 'of the windows that were asked and their revisions, 64 hex digits' CODEC(ZSTD(1)),
    result          LowCardinality(String) COMMENT 'answered, nothing, refused (and skipped)',
    code            UInt16 COMMENT 'HTTP status',
    model           LowCardinality(String),
    digest          LowCardinality(String) COMMENT 'of the model, as it said',
    reason          String COMMENT 'of a refusal' CODEC(ZSTD(1)),
    answer_sha256   String COMMENT '64 hex digits' CODEC(ZSTD(1)),
    answer          String COMMENT 'Arrow IPC stream' CODEC(ZSTD(3)),
    kept_at         DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of ClickHouse' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (scorer, generation, partition, first)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What a model said of every revision of a window that it was asked about, with the
-- row that it was made from; nothing, where it had nothing to say.
CREATE TABLE IF NOT EXISTS scored_windows
(
    study        LowCardinality(String),
    participant  LowCardinality(String),
    side         LowCardinality(String),
    thing        LowCardinality(String),
    sensor       LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    length_s     UInt32,
    algo         LowCardinality(String) COMMENT 'of the row that was scored',
    revision     UInt32 COMMENT 'of the row that was scored' CODEC(ZSTD(1)),
    status       LowCardinality(String) COMMENT 'of the row that was scored',
    input_digest String COMMENT 'of the row that was scored' CODEC(ZSTD(1)),
    model        LowCardinality(String),
    digest       LowCardinality(String) COMMENT 'of the model, as it said',
    names        Array(LowCardinality(String)) COMMENT 'columns of the answer' CODEC(ZSTD(1)),
    values       Array(Nullable(Float64)) COMMENT 'numbers; 1 and 0 of a truth value' CODEC(ZSTD(1)),
    texts        Array(String) CODEC(ZSTD(1)),
    scorer       LowCardinality(String) COMMENT 'wearstream score --name',
    generation   UInt32 COMMENT 'of the log, see logs' CODEC(ZSTD(1)),
    partition    Int32 COMMENT 'of the scored record in the log' CODEC(ZSTD(1)),
    offset       Int64 COMMENT 'of the scored record in the log' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (length_s, sensor, window_start, algo, model, digest, generation, revision)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
