// The official Node client, with its defaults. Run by the Go test.
"use strict";
const { createClient, ClickHouseError } = require("@clickhouse/client");
const { Readable } = require("node:stream");
const assert = require("node:assert/strict");

const env = (name) => process.env["CLICKHOUSE_" + name];
const config = {
  url: `http://${env("HOST")}:${env("PORT")}`,
  username: env("USER"),
  password: env("PASSWORD"),
  database: env("DATABASE"),
  log: { level: 127 }, // off
};
const client = createClient(config);
const million = 1_000_000;

const rows = async (query, more) => (await client.query({ query, format: "JSONEachRow", ...more })).json();
const value = async (query, more) => Object.values((await rows(query, more))[0])[0];
const run = (query, more) => client.command({ query, ...more });

// refused wants ClickHouse's own error with this code.
async function refused(code, promise) {
  await assert.rejects(promise, (err) => {
    assert.ok(err instanceof ClickHouseError, `not a ClickHouseError: ${err}`);
    assert.equal(err.code, String(code), err.message);
    assert.ok(err.type && err.message, "no name or text");
    return true;
  });
}

// us is the microseconds since 1970 of a DateTime64 as text.
function us(text) {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(Date.parse(whole.replace(" ", "T") + "Z")) * 1000n + BigInt(fraction.padEnd(6, "0"));
}
const fixed = (v, digits) => (v === null ? "NULL" : v.toFixed(digits));
const float32 = (v) => fixed(v === null ? null : Math.fround(v), 6);

const checks = {
  async connect() {
    assert.equal((await client.ping()).success, true);
    assert.equal((await client.ping({ select: true })).success, true);
    assert.match(await value("SELECT version()"), /^\d+\.\d+/);
    const { response_headers: h, query_id } = await client.query({ query: "SELECT 1", query_id: "mine-1" });
    assert.equal(query_id, "mine-1");
    assert.ok(h["x-clickhouse-timezone"], "no time zone");
  },

  async types() {
    const settings = { clickhouse_settings: { output_format_json_quote_64bit_integers: 1 } };
    const all = await rows("SELECT * FROM types_want ORDER BY id", settings);
    assert.equal(all.length, 1000);
    assert.deepEqual(all[0], {
      id: "0", text: "tab\tline\nquote'\"back\\slash é 你 😀 \0.", low: "left", at3: "2026-03-29 00:59:59.999", at6: "2026-10-25 00:59:59.000001",
      u8: 255, u16: 65535, u32: 4294967295, u64: "18446744073709551615", i32: -2147483648, i64: "-9223372036854775808", f32: 0.1, f64: 0.1,
      maybe: null, word: null, a32: [-2147483648, 0, 2147483647], a64: ["-9223372036854775808", "9223372036854775807"],
      times: ["2026-10-25 01:00:00.000002"], status: "retracted", fixed: "0123456789abcdef", labels: { k: "v", "": "x y" },
    });
    await client.insert({ table: "types_got", values: all, format: "JSONEachRow" });
    assert.equal(Number(await value("SELECT count() FROM types_differ")), 0);
    assert.equal(Number(await value("SELECT count() FROM types_got")), 1000);
    // The default format of query is JSON, that of insert JSONCompactEachRow.
    await run("CREATE TABLE compact AS types_got");
    const { data, meta } = await (await client.query({ query: "SELECT * FROM types_want ORDER BY id LIMIT 20", ...settings })).json();
    assert.equal(meta.find((m) => m.name === "at6").type, "DateTime64(6, 'UTC')");
    await client.insert({ table: "compact", values: data.map((row) => Object.values(row)) });
    assert.equal(Number(await value("SELECT count() FROM (SELECT * FROM compact INTERSECT SELECT * FROM types_want)")), 20);
    // Dates go in as Date too.
    await client.insert({ table: "compact", values: [{ id: 99, at3: new Date(1774745999999) }], format: "JSONEachRow", clickhouse_settings: { date_time_input_format: "best_effort" } });
    assert.equal(await value("SELECT at3 FROM compact WHERE id = 99"), "2026-03-29 00:59:59.999");
  },

  async tables() {
    for (const r of await rows("SELECT * FROM batches ORDER BY seq"))
      console.log(`row batches ${r.sensor} ${r.seq} ${us(r.t0)} ${us(r.received_at)} [${r.x}] [${r.temp}] [${r.temp_t.map(us)}] ${r.sha256}`);
    for (const r of await rows("SELECT * FROM samples ORDER BY ts"))
      console.log(`row samples ${us(r.ts)} ${fixed(r.x, 10)} ${fixed(r.y, 10)} ${fixed(r.z, 10)} ${fixed(r.temp, 3)}`);
    for (const r of await rows("SELECT * FROM features_5s ORDER BY window_start"))
      console.log(`row features_5s ${us(r.window_start) / 1000n} ${r.status} ${r.n} ${float32(r.x_mean)} ${float32(r.mad)} ${r.input_digest}`);
    for (const r of await rows("SELECT * FROM quarantine"))
      console.log(`row quarantine ${r.thing} ${r.reason} ${r.size} ${us(r.received_at)}`);
  },

  async million() {
    await run("CREATE TABLE million (id UInt64, sensor LowCardinality(String), v Nullable(Float32)) ENGINE = MergeTree ORDER BY id");
    const made = function* () {
      for (let i = 0; i < million; i++) yield [i, "s" + (i % 97), i % 4 ? i / 4 : null];
    };
    const { summary } = await client.insert({ table: "million", values: Readable.from(made()) });
    assert.equal(Number(summary.written_rows), million);
    assert.deepEqual(await rows("SELECT count() AS n, sum(id) AS s, sum(v) AS v, uniqExact(sensor) AS u FROM million"),
      [{ n: 1000000, s: 499999500000, v: 93750000000, u: 97 }]);
  },

  async broken() {
    await run("CREATE TABLE broken (id UInt64, b String) ENGINE = MergeTree ORDER BY id");
    const breaking = function* () {
      for (let i = 0; i < 50_000; i++) yield { id: i, b: "x".repeat(20) };
      throw new Error("the source broke off");
    };
    await assert.rejects(client.insert({ table: "broken", values: Readable.from(breaking()), format: "JSONEachRow" }), /broke off|socket|aborted/);
    await refused(27, client.insert({ table: "broken", values: [...Array(1000).fill({ id: 1 }), { id: "one" }], format: "JSONEachRow" }));
    await refused(60, client.insert({ table: "nowhere", values: [{ id: 1 }], format: "JSONEachRow" }));
    assert.equal(Number(await value("SELECT count() FROM broken")), 0);
  },

  async stream() {
    const result = await client.query({ query: `SELECT number, toString(number) AS s FROM numbers(${3 * million})`, format: "JSONCompactEachRow" });
    let n = 0, last;
    for await (const chunk of result.stream()) {
      n += chunk.length;
      last = chunk.at(-1).json();
    }
    assert.equal(n, 3 * million);
    assert.deepEqual(last, [2999999, "2999999"]);
    // Only the beginning of an endless one.
    const endless = await client.query({ query: "SELECT number FROM system.numbers", format: "JSONEachRow" });
    for await (const chunk of endless.stream()) {
      assert.equal(Number(chunk[0].json().number), 0);
      break;
    }
    endless.close();
    await stopped("system.numbers");
  },

  async compression() {
    // Node 22 and later have zstd.
    for (const codec of require("node:zlib").createZstdCompress ? ["gzip", "zstd"] : ["gzip"]) {
      const c = createClient({ ...config, compression: { request: { codec }, response: { codec } } });
      try {
        await c.command({ query: "CREATE OR REPLACE TABLE packed (id UInt64, b String) ENGINE = MergeTree ORDER BY id" });
        const made = Array.from({ length: 50_000 }, (_, i) => ({ id: i, b: "b" + i }));
        await c.insert({ table: "packed", values: Readable.from(made), format: "JSONEachRow" });
        const result = await c.query({ query: "SELECT * FROM packed ORDER BY id", format: "JSONEachRow" });
        assert.equal(result.response_headers["content-encoding"], codec);
        assert.deepEqual((await result.json()).map((r) => r.b), made.map((r) => r.b));
        await refused(60, c.query({ query: "SELECT * FROM nowhere" }));
      } finally {
        await c.close();
      }
    }
  },

  async encoding() {
    await run("CREATE TABLE encoded (id UInt64) ENGINE = MergeTree ORDER BY id");
    for (const name of ["snappy", "compress", "gzip, br"])
      await refused(89, client.insert({ table: "encoded", values: [{ id: 1 }], format: "JSONEachRow", http_headers: { "Content-Encoding": name } }));
    await refused(33, client.insert({ table: "encoded", values: [{ id: 1 }], format: "JSONEachRow", http_headers: { "Content-Encoding": "gzip" } }));
    assert.equal(Number(await value("SELECT count() FROM encoded")), 0);
  },

  async session() {
    const c = createClient({ ...config, session_id: "node-" + env("DATABASE") });
    try {
      await c.command({ query: "CREATE TEMPORARY TABLE mine (id UInt64)" });
      await c.insert({ table: "mine", values: [{ id: 7 }], format: "JSONEachRow" });
      await c.command({ query: "SET max_block_size = 11" });
      const own = await (await c.query({ query: "SELECT id, getSetting('max_block_size') AS m FROM mine", format: "JSONEachRow" })).json();
      assert.deepEqual(own.map((r) => [Number(r.id), Number(r.m)]), [[7, 11]]);
      await refused(60, rows("SELECT * FROM mine"));
      // Two at once in one session.
      const results = await Promise.allSettled([1, 2].map(() => c.command({ query: "SELECT sleep(0.3)" })));
      const failed = results.filter((r) => r.status === "rejected");
      assert.equal(failed.length, 1);
      assert.equal(failed[0].reason.code, "373");
    } finally {
      await c.close();
    }
  },

  async parameters() {
    const odd = "tab\tline\nquote'\"back\\slash é 你 😀 {x:String} ;";
    const long = "x".repeat(200_000);
    const sql = "SELECT {a:UInt64} AS a, {s:String} AS s, {l:Array(Int32)} AS l, {n:Nullable(String)} AS n, {d:DateTime64(3)} AS d, {t:Identifier}.id AS id, {m:Map(String, Int32)} AS m, {w:Array(String)} AS w FROM {t:Identifier} WHERE id = 1";
    const query_params = { a: 41, s: odd, l: [1, -2], n: null, d: new Date(1774745999999), t: "types_want", m: { k: 1 }, w: ["it's", "a,b\\"] };
    const want = { a: 41, s: odd, l: [1, -2], n: null, d: "2026-03-29 00:59:59.999", id: 1, m: { k: 1 }, w: ["it's", "a,b\\"] };
    for (const use_multipart_params of [false, true]) {
      const [got] = await rows(sql, { query_params, use_multipart_params });
      assert.deepEqual({ ...got, a: Number(got.a), id: Number(got.id) }, want);
    }
    assert.equal(Number(await value("SELECT length({s:String})", { query_params: { s: long }, use_multipart_params_auto: true })), 200_000);
    await refused(456, rows("SELECT {missing:UInt8}"));
  },

  async cancel() {
    const endless = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1";
    const abort = new AbortController();
    const going = client.query({ query: endless, abort_signal: abort.signal });
    await started(endless);
    abort.abort();
    await assert.rejects(going, /abort/i);
    await stopped(endless);
    // As the client's documentation does it: by id.
    const killed = client.query({ query: endless, query_id: "endless-" + env("DATABASE") });
    killed.catch(() => {});
    await started(endless);
    await run(`KILL QUERY WHERE query_id = 'endless-${env("DATABASE")}' SYNC`);
    await refused(394, killed);
    await stopped(endless);
    const hurried = createClient({ ...config, request_timeout: 400 });
    await assert.rejects(hurried.query({ query: endless }), /timeout/i);
    await stopped(endless);
    await hurried.close();
  },

  async errors() {
    for (const [sql, code] of [["SELECT * FROM nowhere", 60], ["SELEC 1", 62], ["SELECT throwIf(1)", 395], ["SELECT 1; SELECT 2", 62], ["SELECT no_such(1)", 46], ["SELECT nothing FROM types_want", 47], ["SELECT 'a' + 1", 43]])
      await refused(code, rows(sql));
    await refused(115, rows("SELECT 1", { clickhouse_settings: { no_such_setting: 1 } }));
    await refused(81, rows("SELECT * FROM no_such_database.t"));
    await refused(57, run("CREATE TABLE types_want (a Int8) ENGINE = Memory"));
  },

  async late() {
    // A reader that keeps up reads the code. The tenth part of a second a block makes sure of that.
    const slow = "SELECT number, sleepEachRow(0.001), throwIf(number = 950), repeat('x', 2000) AS s FROM numbers(2000) SETTINGS max_block_size = 100, function_sleep_max_microseconds_per_block = 0";
    const fast = "SELECT throwIf(number = 3000000) AS x, number FROM numbers(5000000)";
    for (const compression of [undefined, { response: true }]) {
      const c = createClient({ ...config, compression });
      const read = async (query) => {
        let n = 0;
        for await (const chunk of (await c.query({ query, format: "JSONEachRow" })).stream()) n += chunk.length;
        assert.fail(`${n} rows and no error`);
      };
      try {
        await refused(395, read(slow));
        // One that does not may find the frame cut in two, which this client cannot read; that it broke off it sees.
        await assert.rejects(read(fast), (err) => err.code === "395" || /error in the stream/.test(err.message));
      } finally {
        await c.close();
      }
    }
  },

  async password() {
    for (const other of [{ password: "wrong" }, { username: "default", password: "" }]) {
      const c = createClient({ ...config, ...other });
      await refused(516, c.query({ query: "SELECT 1" }));
      const ping = await c.ping({ select: true });
      assert.ok(!ping.success && ping.error.code === "516");
      await c.close();
    }
  },

  async readonly() {
    const readonly = { clickhouse_settings: { readonly: 1 } };
    assert.equal(Number(await value("SELECT count() FROM types_want", readonly)), 1000);
    await refused(164, run("CREATE TABLE ro (a Int8) ENGINE = Memory", readonly));
    await refused(164, client.insert({ table: "types_got", values: [{ id: 1 }], format: "JSONEachRow", ...readonly }));
    await refused(164, rows("SELECT 1 SETTINGS max_threads = 1", readonly));
  },

  async outside() {
    await refused(497, rows("SELECT * FROM file('/etc/passwd', 'LineAsString')"));
    await refused(497, rows("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"));
    await refused(497, run("INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)"));
    await refused(497, run("SELECT 1 INTO OUTFILE '/tmp/x'"));
    await refused(497, run("INSERT INTO types_got FROM INFILE '/etc/passwd' FORMAT CSV"));
  },

  async limits() {
    await refused(396, rows("SELECT number FROM numbers(1000)", { clickhouse_settings: { max_result_rows: "10" } }));
    await refused(158, rows("SELECT count() FROM numbers(1000000)", { clickhouse_settings: { max_rows_to_read: "10" } }));
    await refused(241, rows("SELECT groupArray(number) FROM numbers(10000000)", { clickhouse_settings: { max_memory_usage: "10000000" } }));
    await refused(159, rows("SELECT count() FROM system.numbers WHERE sipHash64(number) = 1", { clickhouse_settings: { max_execution_time: 1 } }));
  },
};

const running = async (sql) => Number(await value("SELECT count() FROM system.processes WHERE position(query, {sql:String}) > 0 AND position(query, 'system.processes') = 0", { query_params: { sql } }));

async function until(condition, what) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, what);
    await new Promise((r) => setTimeout(r, 20));
  }
}
const started = (sql) => until(async () => (await running(sql)) > 0, "the statement did not start");
const stopped = (sql) => until(async () => (await running(sql)) === 0, "the statement still runs");

(async () => {
  console.log(`@clickhouse/client ${require("@clickhouse/client/package.json").version}, Node ${process.version}`);
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (err) {
      console.log(`not ok ${name}: ${String(err.stack || err).replaceAll("\n", " | ").slice(0, 1500)}`);
    }
  }
  console.log("none external");
  await client.close();
})();
