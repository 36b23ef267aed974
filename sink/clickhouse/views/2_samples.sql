-- One row per sample of the batches whose times are possible. A temperature
-- reading has a time of its own: it stands on the first sample of its batch at or
-- after that time, one later than the last sample on the last; of two that meet,
-- the later one stays. Every reading with its own time is in batches.
CREATE OR REPLACE VIEW samples AS
SELECT
    thing,
    sensor,
    fromUnixTimestamp64Micro(t0_us + intDiv(i * 1000000000, rate_mhz), 'UTC') AS ts,
    xi / per_g AS x,
    yi / per_g AS y,
    zi / per_g AS z,
    reading / 1000 AS temp
FROM
(
    WITH
        intDiv((toInt64(n) - 1) * 1000000000, rate_mhz) AS span_us,
        arrayMap(t -> least(greatest(toUnixTimestamp64Micro(t) - toUnixTimestamp64Micro(t0), 0), span_us), temp_t) AS after_us,
        arrayMap(d -> intDiv(d * rate_mhz + 999999999, 1000000000), after_us) AS at,
        arrayPopFront(arrayPushBack(at, -1)) AS next_at,
        arrayFilter((a, b) -> a != b, at, next_at) AS shown_at,
        arrayPopBack(arrayPushFront(shown_at, -1)) AS last_at,
        arrayFilter((v, a, b) -> a != b, temp, at, next_at) AS shown,
        arrayFlatten(arrayMap((v, a, b) -> arrayPushBack(arrayWithConstant(a - b - 1, CAST(NULL, 'Nullable(Int32)')), v), shown, shown_at, last_at)) AS spread
    SELECT
        thing, sensor, rate_mhz, n, x AS xs, y AS ys, z AS zs,
        toUnixTimestamp64Micro(t0) AS t0_us,
        if(lsb_per_g = 0, 1000000, lsb_per_g) AS per_g,
        arrayResize(spread, n, CAST(NULL, 'Nullable(Int32)')) AS readings
    FROM batches
    WHERE bitAnd(flags, 64) = 0
)
ARRAY JOIN range(n) AS i, xs AS xi, ys AS yi, zs AS zi, readings AS reading
