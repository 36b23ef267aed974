// The JDBC driver (over HTTP, its only way), with its defaults. Run by the Go test.

import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.ServerException;
import com.clickhouse.data.ClickHouseFormat;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Suite {
    static final int MILLION = 1_000_000;
    static final String ENDLESS = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1";
    static final String ADDRESS = env("HOST") + ":" + env("PORT");
    static Connection conn;

    static String env(String name) {
        return System.getenv("CLICKHOUSE_" + name);
    }

    static Connection connect(String... more) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", env("USER"));
        p.setProperty("password", env("PASSWORD"));
        for (int i = 0; i < more.length; i += 2) p.setProperty(more[i], more[i + 1]);
        return DriverManager.getConnection("jdbc:clickhouse://" + ADDRESS + "/" + env("DATABASE"), p);
    }

    /** The client that the driver is built on. */
    static Client.Builder client() {
        return new Client.Builder().addEndpoint("http://" + ADDRESS).setUsername(env("USER")).setPassword(env("PASSWORD")).setDefaultDatabase(env("DATABASE"));
    }

    interface Check { void run() throws Exception; }

    static void equal(Object got, Object want) {
        if (!Objects.deepEquals(got, want)) throw new AssertionError("got " + show(got) + ", want " + show(want));
    }

    static String show(Object v) {
        String s = v instanceof Object[] a ? Arrays.deepToString(a) : String.valueOf(v);
        return s.length() > 600 ? s.substring(0, 600) : s;
    }

    /** The call must fail with this code and a message that a person can read. */
    static void refused(int code, Check f) throws Exception {
        try {
            f.run();
        } catch (SQLException e) {
            if (e.getErrorCode() != code || !e.getMessage().contains("Code: " + code + ".")) throw new AssertionError("want code " + code + ", got " + e.getErrorCode() + ": " + e.getMessage(), e);
            return;
        } catch (ExecutionException | ServerException e) {
            for (Throwable t = e; t != null; t = t.getCause())
                if (t instanceof ServerException s && s.getCode() == code) return;
            throw new AssertionError("want code " + code + ", got " + e, e);
        }
        throw new AssertionError("not refused, want code " + code);
    }

    static void run(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
        }
    }

    static List<List<Object>> rows(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet rs = s.executeQuery(sql)) {
            List<List<Object>> all = new ArrayList<>();
            while (rs.next()) {
                List<Object> row = new ArrayList<>();
                for (int i = 1; i <= rs.getMetaData().getColumnCount(); i++) row.add(rs.getObject(i));
                all.add(row);
            }
            return all;
        }
    }

    static String value(Connection c, String sql) throws SQLException {
        return String.valueOf(rows(c, sql).get(0).get(0));
    }

    static long us(ResultSet rs, String column) throws SQLException {
        return us(rs.getObject(column, OffsetDateTime.class).toInstant());
    }

    static long us(Instant t) {
        return t.getEpochSecond() * 1_000_000 + t.getNano() / 1000;
    }

    static Instant instant(Object t) {
        if (t instanceof ZonedDateTime z) return z.toInstant();
        if (t instanceof OffsetDateTime o) return o.toInstant();
        if (t instanceof Timestamp s) return s.toInstant();
        return ((LocalDateTime) t).toInstant(ZoneOffset.UTC);
    }

    static String fixed(ResultSet rs, String column, int digits) throws SQLException {
        double v = rs.getDouble(column);
        return rs.wasNull() ? "NULL" : String.format(Locale.ROOT, "%." + digits + "f", v);
    }

    static List<Object> list(Object array) {
        return IntStream.range(0, java.lang.reflect.Array.getLength(array)).mapToObj(i -> java.lang.reflect.Array.get(array, i)).collect(Collectors.toList());
    }

    static String numbers(Collection<?> values) {
        return values.stream().map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
    }

    static long running(String sql) throws SQLException {
        try (PreparedStatement s = conn.prepareStatement("SELECT count() FROM system.processes WHERE position(query, ?) > 0 AND position(query, 'system.processes') = 0")) {
            s.setString(1, sql);
            try (ResultSet rs = s.executeQuery()) {
                rs.next();
                return rs.getLong(1);
            }
        }
    }

    static void until(Callable<Boolean> condition, String what) throws Exception {
        long end = System.nanoTime() + 10_000_000_000L;
        while (!condition.call()) {
            if (System.nanoTime() > end) throw new AssertionError(what);
            Thread.sleep(20);
        }
    }

    static void started(String sql) throws Exception {
        until(() -> running(sql) > 0, "the statement did not start");
    }

    static void stopped(String sql) throws Exception {
        until(() -> running(sql) == 0, "the statement still runs");
    }

    static void connects() throws Exception {
        equal(conn.isValid(5), true);
        equal(conn.getMetaData().getDatabaseProductName(), "ClickHouse");
        equal(conn.getMetaData().getDatabaseProductVersion().split("\\.").length >= 3, true);
        equal(conn.getSchema(), env("DATABASE"));
        List<String> tables = new ArrayList<>();
        try (ResultSet rs = conn.getMetaData().getTables(null, env("DATABASE"), "types%", null)) {
            while (rs.next()) tables.add(rs.getString("TABLE_NAME"));
        }
        equal(Set.copyOf(tables), Set.of("types_want", "types_got", "types_differ"));
        try (ResultSet rs = conn.getMetaData().getColumns(null, env("DATABASE"), "types_want", "at%")) {
            equal(rs.next() && rs.getString("COLUMN_NAME").equals("at3") && rs.getString("TYPE_NAME").equals("DateTime64(3, 'UTC')"), true);
        }
    }

    static void types() throws Exception {
        List<List<Object>> all = rows(conn, "SELECT * FROM types_want ORDER BY id");
        equal(all.size(), 1000);
        List<Object> first = new ArrayList<>(all.get(0));
        for (int i : new int[] {3, 4}) first.set(i, us(instant(first.get(i))));
        for (int i : new int[] {15, 16, 17}) first.set(i, list(((java.sql.Array) first.get(i)).getArray()));
        first.set(17, ((List<?>) first.get(17)).stream().map(t -> us(instant(t))).collect(Collectors.toList()));
        first.set(20, new TreeMap<>((Map<?, ?>) first.get(20)));
        for (int i : new int[] {0, 5, 6, 7, 8}) first.set(i, new BigInteger(first.get(i).toString()).toString());
        equal(numbers(first), numbers(Arrays.asList("0", "tab\tline\nquote'\"back\\slash é 你 😀 \0.", "left", 1774745999999000L, 1792889999000001L, 255, 65535, 4294967295L, "18446744073709551615",
            -2147483648, -9223372036854775808L, 0.1f, 0.1, null, null, List.of(-2147483648, 0, 2147483647), List.of(-9223372036854775808L, 9223372036854775807L),
            List.of(1792890000000002L), "retracted", "0123456789abcdef", new TreeMap<>(Map.of("k", "v", "", "x y")))));
        try (PreparedStatement s = conn.prepareStatement("INSERT INTO types_got VALUES (" + "?,".repeat(20) + "?)")) {
            for (List<Object> row : all) {
                for (int i = 0; i < row.size(); i++) s.setObject(i + 1, row.get(i));
                s.addBatch();
            }
            equal(s.executeBatch().length, 1000);
        }
        equal(value(conn, "SELECT count() FROM types_differ"), "0");
        equal(value(conn, "SELECT count() FROM types_got"), "1000");
        try (Statement s = conn.createStatement(); ResultSet rs = s.executeQuery("SELECT * FROM types_want WHERE id < 0")) {
            equal(rs.getMetaData().getColumnCount(), 21);
            equal(rs.getMetaData().getColumnTypeName(5), "DateTime64(6, 'UTC')");
            equal(rs.next(), false);
        }
    }

    static void tables() throws Exception {
        try (Statement s = conn.createStatement()) {
            ResultSet r = s.executeQuery("SELECT * FROM batches ORDER BY seq");
            while (r.next()) {
                List<Long> times = list(r.getArray("temp_t").getArray()).stream().map(t -> us(instant(t))).collect(Collectors.toList());
                System.out.println(String.join(" ", "row batches", r.getString("sensor"), r.getString("seq"), "" + us(r, "t0"), "" + us(r, "received_at"),
                    numbers(list(r.getArray("x").getArray())), numbers(list(r.getArray("temp").getArray())), numbers(times), r.getString("sha256")));
            }
            r = s.executeQuery("SELECT * FROM samples ORDER BY ts");
            while (r.next()) System.out.println(String.join(" ", "row samples", "" + us(r, "ts"), fixed(r, "x", 10), fixed(r, "y", 10), fixed(r, "z", 10), fixed(r, "temp", 3)));
            r = s.executeQuery("SELECT * FROM features_5s ORDER BY window_start");
            while (r.next()) System.out.println(String.join(" ", "row features_5s", "" + us(r, "window_start") / 1000, r.getString("status"), r.getString("n"), fixed(r, "x_mean", 6), fixed(r, "mad", 6), r.getString("input_digest")));
            r = s.executeQuery("SELECT * FROM quarantine");
            while (r.next()) System.out.println(String.join(" ", "row quarantine", r.getString("thing"), r.getString("reason"), r.getString("size"), "" + us(r, "received_at")));
        }
    }

    static void million() throws Exception {
        run(conn, "CREATE TABLE million (id UInt64, sensor LowCardinality(String), v Nullable(Float32)) ENGINE = MergeTree ORDER BY id");
        try (PreparedStatement s = conn.prepareStatement("INSERT INTO million (id, sensor, v) VALUES (?, ?, ?)")) {
            for (int i = 0; i < MILLION; i++) {
                s.setLong(1, i);
                s.setString(2, "s" + i % 97);
                if (i % 4 == 0) s.setNull(3, Types.FLOAT);
                else s.setFloat(3, i / 4f);
                s.addBatch();
                if (i % 100_000 == 99_999) s.executeBatch();
            }
        }
        equal(numbers(rows(conn, "SELECT count(), sum(id), sum(v), uniqExact(sensor) FROM million").get(0)), "[1000000,499999500000,9.375E10,97]");
    }

    /** A body of good lines whose source fails in the middle. */
    static InputStream breaking() {
        return new InputStream() {
            final byte[] line = "1\txxxxxxxxxxxxxxxxxxxx\n".getBytes(StandardCharsets.UTF_8);
            int at;

            @Override public int read() throws IOException {
                if (at == 50_000 * line.length) throw new IOException("the source broke off");
                return line[at++ % line.length];
            }
        };
    }

    static void broken() throws Exception {
        run(conn, "CREATE TABLE broken (id UInt64, b String) ENGINE = MergeTree ORDER BY id");
        try (Client c = client().build()) {
            try {
                c.insert("broken", breaking(), ClickHouseFormat.TSV).get(20, TimeUnit.SECONDS).close();
                throw new AssertionError("not seen");
            } catch (Exception e) {
                equal(e.toString().contains("not seen"), false);
            }
            // This client ends the body in good form before it hangs up: for the server a whole
            // insert, whose client may be gone before it is done. All of it or nothing.
            stopped("INSERT INTO broken");
            String rows = value(conn, "SELECT count() FROM broken");
            equal(List.of("0", "50000").contains(rows), true);
            run(conn, "TRUNCATE TABLE broken");
            refused(27, () -> c.insert("broken", new ByteArrayInputStream("1\ta\ntwo\tb\n".getBytes(StandardCharsets.UTF_8)), ClickHouseFormat.TSV).get().close());
        }
        refused(6, () -> {
            try (PreparedStatement s = conn.prepareStatement("INSERT INTO broken (id, b) VALUES (?, ?)")) {
                for (Object id : new Object[] {1, "two"}) {
                    s.setObject(1, id);
                    s.setString(2, "b");
                    s.addBatch();
                }
                s.executeBatch();
            }
        });
        refused(60, () -> run(conn, "INSERT INTO nowhere VALUES (1)"));
        equal(value(conn, "SELECT count() FROM broken"), "0");
    }

    static void stream() throws Exception {
        try (Statement s = conn.createStatement()) {
            ResultSet rs = s.executeQuery("SELECT number, toString(number) AS s FROM numbers(" + 3 * MILLION + ")");
            long n = 0;
            for (; rs.next(); n++) if (!rs.getString(2).equals(Long.toString(n))) throw new AssertionError("row " + n + " is " + rs.getString(2));
            equal(n, 3L * MILLION);
        }
        try (Statement s = conn.createStatement()) {
            // More than the engine's memory, had it to be made whole. Leaving reads the rest, by the driver's design.
            ResultSet rs = s.executeQuery("SELECT number, repeat('x', 200) FROM numbers(15000000)");
            rs.next();
            equal(rs.getLong(1), 0L);
        }
        stopped("numbers(15000000)");
    }

    static void compression() throws Exception {
        for (String[] p : new String[][] {{"compress", "false"}, {"compress", "true"}, {"decompress", "true"}, {"client.use_http_compression", "true", "decompress", "true"}}) {
            try (Connection c = connect(p)) {
                run(c, "CREATE OR REPLACE TABLE packed (id UInt64, b String) ENGINE = MergeTree ORDER BY id");
                try (PreparedStatement s = c.prepareStatement("INSERT INTO packed (id, b) VALUES (?, ?)")) {
                    for (int i = 0; i < 20_000; i++) {
                        s.setInt(1, i);
                        s.setString(2, "b" + i);
                        s.addBatch();
                    }
                    s.executeBatch();
                }
                List<List<Object>> got = rows(c, "SELECT b FROM packed ORDER BY id");
                equal(got.size(), 20_000);
                equal(got.get(19_999).get(0), "b19999");
                refused(60, () -> rows(c, "SELECT * FROM nowhere"));
            }
        }
    }

    static void encoding() throws Exception {
        run(conn, "CREATE TABLE encoded (id UInt64) ENGINE = MergeTree ORDER BY id");
        for (String name : List.of("bzip2", "snappy-framed")) // the driver encodes by what it is told to announce
            try (Connection c = connect("http_header_Content-Encoding", name)) {
                refused(89, () -> run(c, "INSERT INTO encoded VALUES (1)"));
            }
        equal(value(conn, "SELECT count() FROM encoded"), "0");
    }

    static void session() throws Exception {
        try (Connection c = connect("clickhouse_setting_session_id", "java-" + env("DATABASE"))) {
            run(c, "CREATE TEMPORARY TABLE mine (id UInt64)");
            run(c, "INSERT INTO mine VALUES (7)");
            run(c, "SET max_block_size = 11");
            equal(numbers(rows(c, "SELECT id, getSetting('max_block_size') FROM mine").get(0)), "[7,11]");
            refused(60, () -> rows(conn, "SELECT * FROM mine"));
            CompletableFuture<Void> going = CompletableFuture.runAsync(() -> {
                try {
                    run(c, "SELECT sleep(0.5)");
                } catch (SQLException e) {
                    throw new CompletionException(e);
                }
            });
            started("sleep(0.5)");
            refused(373, () -> rows(c, "SELECT 1"));
            going.get();
        }
    }

    static void parameters() throws Exception {
        String odd = "tab\tline\nquote'\"back\\slash é 你 😀 {x:String} ; ? ";
        try (PreparedStatement s = conn.prepareStatement("SELECT ?, ?, ?, ?, ? = at3, id FROM types_want WHERE id = ?")) {
            s.setLong(1, 41);
            s.setString(2, odd);
            s.setArray(3, conn.createArrayOf("Int32", new Integer[] {1, -2}));
            s.setNull(4, Types.VARCHAR);
            s.setObject(5, ZonedDateTime.of(2026, 3, 29, 0, 59, 59, 999_000_000, ZoneOffset.UTC));
            s.setInt(6, 0);
            try (ResultSet rs = s.executeQuery()) {
                rs.next();
                equal(List.of(rs.getLong(1), rs.getString(2), numbers(list(rs.getArray(3).getArray())), "" + rs.getString(4), rs.getInt(5), rs.getInt(6)), List.of(41L, odd, "[1,-2]", "null", 1, 0));
            }
        }
        // Bound by the server, in the URL and in the body.
        String sql = "SELECT {a:UInt64} AS a, {s:String} AS s, length({l:String}) AS l, id FROM {t:Identifier} WHERE id = {i:UInt64}";
        for (boolean body : new boolean[] {false, true})
            try (Client c = client().setOption("client.http.use_form_request_for_query", "" + body).build()) {
                var r = c.queryAll(sql, Map.of("a", 41, "s", odd, "l", "x".repeat(body ? 200_000 : 1000), "t", "types_want", "i", 1)).get(0);
                equal(List.of(r.getLong("a"), r.getString("s"), r.getLong("l"), r.getLong("id")), List.of(41L, odd, body ? 200_000L : 1000L, 1L));
            }
        refused(456, () -> rows(conn, "SELECT {missing:UInt8}"));
    }

    static void cancel() throws Exception {
        try (Statement s = conn.createStatement()) {
            CompletableFuture<Throwable> ended = CompletableFuture.supplyAsync(() -> {
                try {
                    s.executeQuery(ENDLESS);
                    return new AssertionError("an endless statement ended");
                } catch (SQLException e) {
                    return e;
                }
            });
            started(ENDLESS);
            s.cancel();
            Throwable e = ended.get(10, TimeUnit.SECONDS);
            if (!(e instanceof SQLException)) throw new AssertionError(e);
        }
        stopped(ENDLESS);
        try (Statement s = conn.createStatement()) {
            s.setQueryTimeout(1);
            try {
                s.executeQuery(ENDLESS);
                throw new AssertionError("an endless statement ended");
            } catch (SQLException e) {
                // by the server's limit or the driver's clock
            }
        }
        stopped(ENDLESS);
    }

    static void errors() throws Exception {
        Map<String, Integer> codes = new LinkedHashMap<>();
        codes.put("SELECT * FROM nowhere", 60);
        codes.put("SELECT throwIf(1)", 395);
        codes.put("SELECT no_such(1)", 46);
        codes.put("SELECT nothing FROM types_want", 47);
        codes.put("SELECT * FROM no_such_database.t", 81);
        codes.put("SELECT 1 SETTINGS no_such_setting = 1", 115);
        for (var e : codes.entrySet()) refused(e.getValue(), () -> rows(conn, e.getKey()));
        refused(62, () -> run(conn, "SELEC 1"));
        refused(57, () -> run(conn, "CREATE TABLE types_want (a Int8) ENGINE = Memory"));
    }

    static void late() throws Exception {
        String sql = "SELECT throwIf(number = 3000000), number FROM numbers(5000000)";
        // The driver knows no late exceptions: it says that it cannot read on, and not why. No result looks whole.
        for (String[] p : new String[][] {{}, {"compress", "false"}, {"client.use_http_compression", "true"}})
            try (Connection c = connect(p); Statement s = c.createStatement()) {
                long n = 0;
                try {
                    for (ResultSet rs = s.executeQuery(sql); rs.next(); ) n++;
                    throw new AssertionError(n + " rows and no error");
                } catch (SQLException e) {
                    equal(n > 0 && n <= 3 * MILLION, true);
                }
                // Readable is what comes before a megabyte of output, or is waited for.
                refused(395, () -> rows(c, "SELECT throwIf(number = 3000), number FROM numbers(5000)"));
            }
        try (Connection c = connect("custom_http_params", "wait_end_of_query=1")) {
            refused(395, () -> rows(c, sql));
        }
    }

    static void password() throws Exception {
        for (String[] wrong : new String[][] {{"password", "wrong"}, {"user", "default", "password", ""}})
            refused(516, () -> {
                try (Connection c = connect(wrong)) {
                    rows(c, "SELECT 1");
                }
            });
    }

    static void readonly() throws Exception {
        try (Connection c = connect("clickhouse_setting_readonly", "1")) {
            equal(value(c, "SELECT count() FROM types_want"), "1000");
            refused(164, () -> run(c, "CREATE TABLE ro (a Int8) ENGINE = Memory"));
            refused(164, () -> run(c, "INSERT INTO types_got (id) VALUES (1)"));
            refused(164, () -> rows(c, "SELECT 1 SETTINGS max_threads = 1"));
        }
    }

    static void outside() throws Exception {
        refused(497, () -> rows(conn, "SELECT * FROM file('/etc/passwd', 'LineAsString')"));
        refused(497, () -> rows(conn, "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"));
        refused(497, () -> run(conn, "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)"));
        refused(497, () -> run(conn, "SELECT 1 INTO OUTFILE '/tmp/x'"));
        refused(497, () -> run(conn, "INSERT INTO types_got FROM INFILE '/etc/passwd' FORMAT CSV"));
    }

    static void limits() throws Exception {
        try (Statement s = conn.createStatement()) {
            s.setMaxRows(10);
            ResultSet rs = s.executeQuery("SELECT number FROM numbers(1000)");
            int n = 0;
            while (rs.next()) n++;
            equal(n, 10);
        }
        Object[][] limits = {{396, "max_result_rows", "10", "SELECT number FROM numbers(1000)"}, {158, "max_rows_to_read", "10", "SELECT count() FROM numbers(1000000)"},
            {241, "max_memory_usage", "10000000", "SELECT groupArray(number) FROM numbers(10000000)"}};
        for (Object[] l : limits)
            try (Connection c = connect("clickhouse_setting_" + l[1], (String) l[2])) {
                refused((Integer) l[0], () -> rows(c, (String) l[3]));
            }
        try (Connection c = connect("clickhouse_setting_max_execution_time", "1")) {
            rows(c, ENDLESS);
            throw new AssertionError("an endless statement ended");
        } catch (SQLException e) { // the driver makes its own of the status, 408
            equal(e.getMessage().contains("execution time exceeded"), true);
        }
    }

    public static void main(String[] args) throws Exception {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("connect", Suite::connects);
        checks.put("types", Suite::types);
        checks.put("tables", Suite::tables);
        checks.put("million", Suite::million);
        checks.put("broken", Suite::broken);
        checks.put("stream", Suite::stream);
        checks.put("compression", Suite::compression);
        checks.put("encoding", Suite::encoding);
        checks.put("session", Suite::session);
        checks.put("parameters", Suite::parameters);
        checks.put("cancel", Suite::cancel);
        checks.put("errors", Suite::errors);
        checks.put("late", Suite::late);
        checks.put("password", Suite::password);
        checks.put("readonly", Suite::readonly);
        checks.put("outside", Suite::outside);
        checks.put("limits", Suite::limits);
        conn = connect();
        System.out.println("clickhouse-jdbc " + conn.getMetaData().getDriverVersion() + ", Java " + System.getProperty("java.version"));
        for (var c : checks.entrySet())
            try {
                c.getValue().run();
                System.out.println("ok " + c.getKey());
            } catch (Throwable e) {
                String at = Arrays.stream(e.getStackTrace()).filter(f -> f.getClassName().startsWith("Suite")).map(f -> "" + f.getLineNumber()).collect(Collectors.joining(","));
                String text = e + " at " + at;
                for (Throwable t = e.getCause(); t != null; t = t.getCause()) text += " <- " + t;
                text = text.replace('\n', ' ');
                System.out.println("not ok " + c.getKey() + ": " + text.substring(0, Math.min(text.length(), 1500)));
            }
        System.out.println("none external");
        conn.close();
        System.exit(0);
    }
}
