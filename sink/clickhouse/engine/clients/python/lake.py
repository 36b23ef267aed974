"""DuckDB on what the object sink wrote, with no options but Hive partitioning, against
ClickHouse on what its sink wrote of the same cuts. Run by the Go test."""

import os
import sys

import clickhouse_connect
import duckdb
import s3fs

ROOT = sys.argv[1]
client = clickhouse_connect.get_client(
    host=os.environ["CLICKHOUSE_HOST"], port=int(os.environ["CLICKHOUSE_PORT"]), username=os.environ["CLICKHOUSE_USER"],
    password=os.environ["CLICKHOUSE_PASSWORD"], database=os.environ["CLICKHOUSE_DATABASE"],
)
lake = duckdb.connect()
if ROOT.startswith("s3://"):  # as a data scientist does where DuckDB's httpfs cannot be had
    lake.register_filesystem(s3fs.S3FileSystem(
        key=os.environ["AWS_ACCESS_KEY_ID"], secret=os.environ["AWS_SECRET_ACCESS_KEY"],
        client_kwargs={"endpoint_url": os.environ["AWS_ENDPOINT_URL_S3"], "region_name": os.environ["AWS_REGION"]},
    ))
lake.execute("SET TimeZone = 'UTC'")


def parquet(folder):
    return f"read_parquet('{ROOT}/{folder}/**/*.parquet', hive_partitioning = true)"


def same(what, got, want):
    assert len(got) == len(want), f"{what}: {len(got)} rows in DuckDB, {len(want)} in ClickHouse"
    assert want, f"{what}: no rows"
    for i, (g, w) in enumerate(zip(got, want)):
        assert tuple(g) == tuple(w), f"{what}, row {i}:\n{g}\n{w}"
    print(f"{what}: {len(got)} rows of {len(got[0])} columns")


def columns(relation):
    return [c[0] for c in lake.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


# Rows: every column of the table; only its place in the log is ClickHouse's alone.
def rows(table, folder, partitions, whose):
    relation = parquet(folder)
    in_table = [r[0] for r in client.query(f"DESCRIBE TABLE {table}").result_rows if r[0] not in ("generation", "partition", "offset")]
    in_lake = columns(relation)
    assert set(in_table) | partitions == set(in_lake), set(in_table) ^ set(in_lake)
    key = f"length_s, {whose}, algo, window_start, revision, study"
    ours = {"study": "replace(study, '~unassigned', '')", "window_start": "epoch_ms(window_start)"}
    theirs = {"window_start": "toUnixTimestamp64Milli(window_start)"} | {c: f"toString({c})" for c in ("status", "lane", "state")}
    same(
        table,
        lake.execute(f"""SELECT {', '.join(ours.get(c, f'"{c}"') for c in in_table)} FROM {relation} ORDER BY {key.replace('study', ours['study'])}""").fetchall(),
        client.query(f"SELECT {', '.join(theirs.get(c, f'`{c}`') for c in in_table)} FROM {table} FINAL ORDER BY {key}").result_rows,
    )
    assert lake.execute(f"SELECT count(*) FROM {relation} WHERE date <> window_start::DATE").fetchone() == (0,)


rows("windows", "features/v1", {"window", "date"}, "sensor")
rows("wear", "wear/v1", {"date"}, "sensor")
rows("pairs", "pairs/v1", {"date"}, "participant, sensor_left, sensor_right")
windows = parquet("features/v1")
assert lake.execute(f"""SELECT count(*) FROM {windows} WHERE "window" <> length_s || 's'""").fetchone() == (0,)

# Landing, record by record: what ClickHouse has of a batch follows from key, headers
# and payload.
landing = parquet("landing/v1")
assert columns(landing) == ["offset", "append_time", "key", "headers", "payload", "key_id", "log", "partition", "topic"], columns(landing)
same(
    "batches",
    lake.execute(f"""SELECT log, partition, "offset", headers['thing'], key, headers['via'], headers['received']::BIGINT, sha256(payload)
        FROM {landing} WHERE topic = 'device.v1' AND headers['kind'] = 'samples' ORDER BY log, partition, "offset" """).fetchall(),
    client.query("SELECT log_id, partition, offset, thing, sensor, via, toUnixTimestamp64Micro(received_at), sha256 FROM batches_all FINAL ORDER BY log_id, partition, offset").result_rows,
)
same(
    "quarantine",
    lake.execute(f"""SELECT log, partition, "offset", headers['thing'], headers['reason'], headers['size']::UBIGINT, headers['received']::BIGINT
        FROM {landing} WHERE topic = 'quarantine.v1' ORDER BY log, partition, "offset" """).fetchall(),
    client.query("SELECT log_id, partition, offset, thing, reason, size, toUnixTimestamp64Micro(received_at) FROM quarantine_all FINAL ORDER BY log_id, partition, offset").result_rows,
)

# Every record as it is; the Go test has what was written.
for topic, partition, offset, append_us, key, headers, payload, key_id in lake.execute(f"""
        SELECT topic, partition, "offset", epoch_us(append_time), key, headers, payload, key_id FROM {landing} ORDER BY topic, partition, "offset" """).fetchall():
    text = "NULL" if key is None else key.encode().hex()
    pairs = ",".join(f"{k.encode().hex()}={v.encode().hex()}" for k, v in headers.items())
    print("row", topic, partition, offset, append_us, text, "{" + pairs + "}", "NULL" if payload is None else payload.hex(), f"[{key_id}]")

# A study that looks like a number stays what it is, also where no other is read.
number = lake.execute(f"SELECT DISTINCT study, typeof(study) FROM read_parquet('{ROOT}/features/v1/*/study=01/**/*.parquet', hive_partitioning = true)").fetchall()
assert number == [("01", "VARCHAR")], number

print("duckdb", duckdb.__version__, "s3fs", s3fs.__version__, "on", ROOT.partition("://")[0])
print("ok lake")
