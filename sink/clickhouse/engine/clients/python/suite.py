"""clickhouse-connect, with its defaults. Run by the Go test."""

import concurrent.futures
import datetime as dt
import itertools
import os
import struct
import sys
import time
import traceback
from decimal import Decimal

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
DATABASE = os.environ["CLICKHOUSE_DATABASE"]
CONFIG = dict(
    host=os.environ["CLICKHOUSE_HOST"], port=int(os.environ["CLICKHOUSE_PORT"]), username=os.environ["CLICKHOUSE_USER"],
    password=os.environ["CLICKHOUSE_PASSWORD"], database=DATABASE,
)
MILLION = 1_000_000
ENDLESS = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1"


def connect(**more):
    return clickhouse_connect.get_client(**{**CONFIG, **more})


client = connect()


def equal(got, want, what=""):
    assert got == want, f"{what} got {got!r:.600}, want {want!r:.600}"


def rows(sql, c=None, **more):
    return (c or client).query(sql, **more).result_rows


def value(sql, c=None, **more):
    return rows(sql, c, **more)[0][0]


def refused(code, f, *args, **kwargs):
    """The call must fail with ClickHouse's error of this code."""
    try:
        f(*args, **kwargs)
    except DatabaseError as e:
        assert f"Code: {code}." in str(e) or f"code: {code}" in str(e), f"want code {code}: {e}"
        assert "DB::Exception" in str(e) or "ClickHouse" in str(e), e
        return
    raise AssertionError(f"not refused, want code {code}: {args}")


def us(t):
    """Microseconds since 1970. The driver gives UTC without a zone."""
    if t.tzinfo is None:
        t = t.replace(tzinfo=UTC)
    return (t - EPOCH) // dt.timedelta(microseconds=1)


def fixed(v, digits):
    return "NULL" if v is None else f"{v:.{digits}f}"


def numbers(values):
    return "[" + ",".join(map(str, values)) + "]"


def until(condition, what):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


watcher = connect(autogenerate_session_id=False)


def running(sql):
    return value("SELECT count() FROM system.processes WHERE position(query, {sql:String}) > 0 AND position(query, 'system.processes') = 0", watcher, parameters={"sql": sql})


def started(sql):
    until(lambda: running(sql) > 0, "the statement did not start")


def stopped(sql):
    until(lambda: running(sql) == 0, "the statement still runs")


def check_connect():
    assert client.ping()
    assert client.server_version[0].isdigit(), client.server_version
    assert client.server_tz is not None
    equal(client.database, DATABASE)
    equal(client.command("SELECT 1"), 1)
    assert client.query("SELECT 1").query_id


def check_types():
    result = client.query("SELECT * FROM types_want ORDER BY id")
    equal(len(result.result_rows), 1000)
    first = list(result.result_rows[0])
    for i in (3, 4):
        first[i] = us(first[i])
    first[17] = [us(t) for t in first[17]]
    equal(first, [
        0, "tab\tline\nquote'\"back\\slash é 你 😀 \0.", "left", 1774745999999000, 1792889999000001, 255, 65535, 4294967295, 18446744073709551615,
        -2147483648, -9223372036854775808, struct.unpack("f", struct.pack("f", 0.1))[0], 0.1, None, None, [-2147483648, 0, 2147483647],
        [-9223372036854775808, 9223372036854775807], [1792890000000002], "retracted", b"0123456789abcdef", {"k": "v", "": "x y"},
    ])
    equal([t.name for t in result.column_types][3:5], ["DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')"])
    client.insert("types_got", result.result_rows, column_names=result.column_names)
    equal(value("SELECT count() FROM types_differ"), 0)
    equal(value("SELECT count() FROM types_got"), 1000)
    # An empty result has its columns.
    empty = client.query("SELECT * FROM types_want WHERE id < 0")
    equal((empty.row_count, empty.column_names), (0, result.column_names))
    # What is not in our tables and often in queries.
    equal(rows("SELECT toDecimal64(1.5, 3), toDate('2026-03-29'), true, (1, 'a'), toUUID('00000000-0000-0000-0000-000000000001')::String, [toLowCardinality('x')], toIntervalDay(3)"),
          [(Decimal("1.500"), dt.date(2026, 3, 29), True, (1, "a"), "00000000-0000-0000-0000-000000000001", ["x"], 3)])


def check_tables():
    for r in client.query("SELECT * FROM batches ORDER BY seq").named_results():
        print("row batches", r["sensor"], r["seq"], us(r["t0"]), us(r["received_at"]), numbers(r["x"]), numbers(r["temp"]), numbers(map(us, r["temp_t"])), r["sha256"])
    for r in client.query("SELECT * FROM samples ORDER BY ts").named_results():
        print("row samples", us(r["ts"]), fixed(r["x"], 10), fixed(r["y"], 10), fixed(r["z"], 10), fixed(r["temp"], 3))
    for r in client.query("SELECT * FROM features_5s ORDER BY window_start").named_results():
        print("row features_5s", us(r["window_start"]) // 1000, r["status"], r["n"], fixed(r["x_mean"], 6), fixed(r["mad"], 6), r["input_digest"])
    for r in client.query("SELECT * FROM quarantine").named_results():
        print("row quarantine", r["thing"], r["reason"], r["size"], us(r["received_at"]))


def check_million():
    client.command("CREATE TABLE million (id UInt64, sensor LowCardinality(String), v Nullable(Float32)) ENGINE = MergeTree ORDER BY id")
    ids = list(range(MILLION))
    summary = client.insert("million", [ids, [f"s{i % 97}" for i in ids], [i / 4 if i % 4 else None for i in ids]], column_names=["id", "sensor", "v"], column_oriented=True)
    equal(summary.written_rows, MILLION)
    equal(rows("SELECT count(), sum(id), sum(v), uniqExact(sensor) FROM million"), [(MILLION, 499999500000, 93750000000.0, 97)])


def locked():
    try:
        return not value("SELECT 1")
    except DatabaseError as e:
        assert "Code: 373." in str(e), e
        return True


def check_broken():
    client.command("CREATE TABLE broken (id UInt64, b String) ENGINE = MergeTree ORDER BY id")

    def breaking():
        for i in range(50):
            yield b"".join(b"%d\txxxxxxxxxxxxxxxxxxxx\n" % (i * 1000 + j) for j in range(1000))
        raise ValueError("the source broke off")

    try:
        client.raw_insert("broken", insert_block=breaking(), fmt="TSV")
        raise AssertionError("not seen")
    except (ValueError, OperationalError):
        until(lambda: not locked(), "the session of an insert that broke off stays locked")
    whole = client.raw_query("SELECT number AS id, toString(number) AS b FROM numbers(50000)", fmt="Native")
    refused(33, client.raw_insert, "broken", insert_block=whole[: len(whole) // 2], fmt="Native")
    refused(27, client.raw_insert, "broken", insert_block="1\ta\ntwo\tb\n", fmt="TSV")
    refused(60, client.raw_insert, "nowhere", insert_block="1\ta\n", fmt="TSV")
    for bad in ([[1, "a"], ["two", "b"]], [[1, "a"], [-1, "b"]]):
        try:
            client.insert("broken", bad)
            raise AssertionError("a bad value went in")
        except Exception as e:
            assert not isinstance(e, AssertionError), e
    equal(value("SELECT count() FROM broken"), 0)
    client.raw_insert("broken", insert_block=whole, fmt="Native")
    equal(value("SELECT count() FROM broken"), 50_000)


def check_stream():
    n = 0
    with client.query_row_block_stream(f"SELECT number, toString(number) AS s FROM numbers({3 * MILLION})") as stream:
        for block in stream:
            n += len(block)
    equal((n, block[-1]), (3 * MILLION, (2999999, "2999999")))
    c = connect(autogenerate_session_id=False)
    with c.query_rows_stream("SELECT number FROM numbers(20000000)") as stream:
        equal(list(itertools.islice(stream, 3)), [(0,), (1,), (2,)])  # leaving reads the rest, by the driver's design
    stopped("numbers(20000000)")
    lines = client.raw_stream("SELECT number FROM numbers(100000)", fmt="TSV").read().splitlines()
    equal((len(lines), lines[-1]), (100_000, b"99999"))
    c.close()


def check_compression():
    for method in ("lz4", "zstd", "gzip", False):
        c = connect(compress=method)
        c.command("CREATE OR REPLACE TABLE packed (id UInt64, b String) ENGINE = MergeTree ORDER BY id")
        made = [[i, f"b{i}"] for i in range(50_000)]
        c.insert("packed", made, column_names=["id", "b"])
        equal([list(r) for r in rows("SELECT * FROM packed ORDER BY id", c)], made, method)
        refused(60, c.query, "SELECT * FROM nowhere")
        c.close()


def check_encoding():
    client.command("CREATE TABLE encoded (id UInt64) ENGINE = MergeTree ORDER BY id")
    for name in ("snappy", "compress", "gzip, br"):
        refused(89, client.raw_insert, "encoded", insert_block="1\n", fmt="TSV", compression=name)
    refused(33, client.raw_insert, "encoded", insert_block="1\n", fmt="TSV", compression="gzip")
    equal(value("SELECT count() FROM encoded"), 0)


def check_session():
    client.command("CREATE TEMPORARY TABLE mine (id UInt64)")  # the driver makes a session of its own
    client.insert("mine", [[7]], column_names=["id"], column_type_names=["UInt64"])
    client.command("SET max_block_size = 11")
    equal(rows("SELECT id, getSetting('max_block_size') FROM mine"), [(7, 11)])
    equal(rows("SELECT id, getSetting('max_block_size') FROM mine", settings={"max_block_size": 22}), [(7, 22)])
    equal(rows("SELECT id, getSetting('max_block_size') FROM mine"), [(7, 11)])
    refused(60, watcher.query, "SELECT * FROM mine")
    client.command("DROP TABLE mine")
    client.command("SET max_block_size = DEFAULT")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, two = connect(session_id="py-" + DATABASE), connect(session_id="py-" + DATABASE)
        going = pool.submit(one.command, "SELECT sleep(0.5)")
        started("sleep(0.5)")
        refused(373, rows, "SELECT 1", two)
        going.result()


def check_external():
    data = ExternalData(file_name="wanted.csv", data=b'1,"a,b"\n3,"\xc3\xa9\n"\n', fmt="CSV", structure=["id UInt64", "name String"])
    data.add_file(file_name="more", data=b"3\t2026-03-29 00:59:59.999\n", fmt="TSV", types=["UInt64", "DateTime64(3, 'UTC')"])
    sql = "SELECT w.id, w.name, toString(m._2) FROM wanted w LEFT JOIN more m ON m._1 = w.id WHERE w.id IN (SELECT id FROM types_want) AND w.id != {not:UInt64} ORDER BY id"
    for c in (client, watcher, connect(form_encode_query_params=True)):
        equal(rows(sql, c, external_data=data, parameters={"not": 5}, settings={"max_threads": 1}),
              [(1, "a,b", "1970-01-01 00:00:00.000"), (3, "é\n", "2026-03-29 00:59:59.999")])
    refused(60, client.query, "SELECT * FROM wanted")
    refused(27, client.query, "SELECT * FROM bad", external_data=ExternalData(file_name="bad", data=b"x\n", fmt="TSV", structure="id UInt64"))


def check_parameters():
    odd = "tab\tline\nquote'\"back\\slash é 你 😀 {x:String} ;"
    when = dt.datetime(2026, 3, 29, 0, 59, 59, 999000, tzinfo=UTC)
    sql = "SELECT {a:UInt64}, {s:String}, {l:Array(Int32)}, {n:Nullable(String)}, {d:DateTime64(3, 'UTC')} = at3, id, {w:Array(String)} FROM {t:Identifier} WHERE id = {i:UInt64}"
    given = {"a": 41, "s": odd, "l": [1, -2], "n": None, "d_64": when, "t": "types_want", "i": 0, "w": ["it's", "a,b\\"]}
    for c in (client, connect(form_encode_query_params=True)):
        equal(rows(sql, c, parameters=given), [(41, odd, [1, -2], None, True, 0, ["it's", "a,b\\"])])
        equal(value("SELECT {n:UInt8}", c, parameters={"n": 3}, settings={"max_threads": 1}), 3)
        refused(456, c.query, "SELECT {missing:UInt8}, {x:UInt8}", parameters={"x": 1})
    equal(value("SELECT length({s:String})", connect(form_encode_query_params=True), parameters={"s": "x" * 200_000}), 200_000)
    equal(value("SELECT %(s)s", parameters={"s": odd}), odd)  # put in by the driver


def check_cancel():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        going = pool.submit(watcher.query, ENDLESS, settings={"query_id": "endless-" + DATABASE})
        started(ENDLESS)
        client.command("KILL QUERY WHERE query_id = {id:String} SYNC", parameters={"id": "endless-" + DATABASE})
        refused(394, going.result)
    hurried = connect(send_receive_timeout=1, query_retries=0)
    try:
        hurried.query(ENDLESS)
        raise AssertionError("an endless statement ended")
    except OperationalError:
        pass
    stopped(ENDLESS)


def check_errors():
    for sql, code in (("SELECT * FROM nowhere", 60), ("SELEC 1", 62), ("SELECT throwIf(1)", 395), ("SELECT 1; SELECT 2", 62), ("SELECT no_such(1)", 46), ("SELECT nothing FROM types_want", 47),
                      ("SELECT * FROM no_such_database.t", 81)):
        refused(code, client.query, sql)
    refused(115, client.query, "SELECT 1 SETTINGS no_such_setting = 1")
    refused(57, client.command, "CREATE TABLE types_want (a Int8) ENGINE = Memory")
    refused(48, client.query, "SELECT sumState(1)")


def check_late():
    sql = "SELECT throwIf(number = 3000000), number FROM numbers(5000000)"
    for method in ("lz4", "zstd", "gzip", False):
        c = connect(compress=method)
        refused(395, c.query, sql)
        try:
            n = 0
            with c.query_row_block_stream(sql) as stream:
                for block in stream:
                    n += len(block)
            raise AssertionError(f"{n} rows and no error")
        except StreamFailureError as e:
            assert "Code: 395." in str(e) and 0 < n <= 3_000_000, (method, n, str(e))
        c.close()


def check_password():
    for wrong in ({"password": "wrong"}, {"username": "default", "password": ""}):
        refused(516, connect, **wrong)


def check_readonly():
    equal(value("SELECT count() FROM types_want", settings={"readonly": 1}), 1000)
    ro = connect(settings={"readonly": 1})
    equal(value("SELECT count() FROM types_want", ro), 1000)
    refused(164, ro.command, "CREATE TABLE ro (a Int8) ENGINE = Memory")
    refused(164, ro.insert, "types_got", [[1]], column_names=["id"])
    refused(164, ro.query, "SELECT 1 SETTINGS max_threads = 1")
    refused(164, ro.command, "SET max_threads = 1")
    # Of one request only, in a session.
    refused(164, client.command, "CREATE TABLE ro (a Int8) ENGINE = Memory", settings={"readonly": 1})
    client.command("CREATE TABLE ro (a Int8) ENGINE = Memory")
    # Of a session, by SET: it holds, and cannot be taken back.
    own = connect()
    own.command("SET readonly = 1")
    refused(164, own.command, "CREATE TABLE ro2 (a Int8) ENGINE = Memory")
    refused(164, own.command, "SET readonly = 0")


def check_outside():
    for sql in ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "SELECT 1 INTO OUTFILE '/tmp/x'"):
        refused(497, client.query, sql)
    refused(497, client.command, "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)")
    refused(497, client.command, "INSERT INTO types_got FROM INFILE '/etc/passwd' FORMAT CSV")


def check_limits():
    refused(396, client.query, "SELECT number FROM numbers(1000)", settings={"max_result_rows": 10})
    refused(158, client.query, "SELECT count() FROM numbers(1000000)", settings={"max_rows_to_read": 10})
    refused(241, client.query, "SELECT groupArray(number) FROM numbers(10000000)", settings={"max_memory_usage": 10_000_000})
    refused(159, client.query, ENDLESS, settings={"max_execution_time": 1})
    equal(len(rows("SELECT number FROM numbers(1000)", connect(query_limit=10))), 10)


print(f"clickhouse-connect {clickhouse_connect.__version__ if hasattr(clickhouse_connect, '__version__') else clickhouse_connect.common.version()}, Python {sys.version.split()[0]}")
for name, check in [(n.removeprefix("check_"), f) for n, f in list(globals().items()) if n.startswith("check_")]:
    try:
        check()
        print("ok", name, flush=True)
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == __file__]
        print(f"not ok {name}: line {lines[1:]}: {type(e).__name__}: {e}".replace("\n", " | ")[:1500], flush=True)
