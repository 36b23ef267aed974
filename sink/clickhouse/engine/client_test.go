package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

var codecs = map[string]clickhouse.CompressionMethod{
	"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
	"gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate, "br": clickhouse.CompressionBrotli,
}

// connect opens the product's client on a database of the test's own.
func connect(t *testing.T, codec string) driver.Conn {
	t.Helper()
	return connectTo(t, enginetest.DSN(t), codec)
}

func connectTo(t *testing.T, dsn, codec string) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	options.Compression = &clickhouse.Compression{Method: codecs[codec], Level: 1}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func execute(t *testing.T, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, conn driver.Conn, table string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wide has the column types of the product's tables.
const wide = `(
	id UInt64, sensor String, algo LowCardinality(String), ts DateTime64(6, 'UTC'), received DateTime64(3, 'UTC'),
	u8 UInt8, u16 UInt16, u32 UInt32, i32 Int32, i64 Int64, f32 Float32, f64 Float64, feature Nullable(Float32),
	x Array(Int32), at Array(Int64), status Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3), digest FixedString(16),
	labels Map(String, String), zone LowCardinality(Nullable(String)), flag Bool, kinds Array(LowCardinality(String)),
	pair Tuple(a Int32, b Nullable(String)), day Date, decimal Decimal(12, 3), id2 UUID
) ENGINE = MergeTree ORDER BY id`

type wideRow struct {
	ID       uint64            `ch:"id"`
	Sensor   string            `ch:"sensor"`
	Algo     string            `ch:"algo"`
	TS       time.Time         `ch:"ts"`
	Received time.Time         `ch:"received"`
	U8       uint8             `ch:"u8"`
	U16      uint16            `ch:"u16"`
	U32      uint32            `ch:"u32"`
	I32      int32             `ch:"i32"`
	I64      int64             `ch:"i64"`
	F32      float32           `ch:"f32"`
	F64      float64           `ch:"f64"`
	Feature  *float32          `ch:"feature"`
	X        []int32           `ch:"x"`
	At       []int64           `ch:"at"`
	Status   string            `ch:"status"`
	Digest   string            `ch:"digest"`
	Labels   map[string]string `ch:"labels"`
	Zone     *string           `ch:"zone"`
	Flag     bool              `ch:"flag"`
	Kinds    []string          `ch:"kinds"`
}

const wideColumns = "id, sensor, algo, ts, received, u8, u16, u32, i32, i64, f32, f64, feature, x, at, status, digest, labels, zone, flag, kinds"

func makeRow(i int) wideRow {
	start := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	row := wideRow{
		ID: uint64(i), Sensor: fmt.Sprintf("thing-%d/left", i%97), Algo: fmt.Sprintf("core.v1@1.0.%d", i%3),
		TS: start.Add(time.Duration(i) * 20 * time.Microsecond), Received: start.Add(time.Duration(i) * time.Millisecond),
		U8: uint8(i), U16: uint16(i * 7), U32: uint32(i) * 2654435761, I32: int32(i) - 50_000, I64: -int64(i) << 20,
		F32: float32(i) / 3, F64: math.Sqrt(float64(i)), X: make([]int32, i%5), At: make([]int64, i%3),
		Status: []string{"provisional", "final", "corrected"}[i%3], Digest: fmt.Sprintf("%016x", i),
		Labels: map[string]string{}, Flag: i%2 == 0, Kinds: []string{},
	}
	for j := range row.X {
		row.X[j] = int32(i * (j - 2))
	}
	for j := range row.At {
		row.At[j] = int64(i) * int64(j-1) << 30
	}
	if i%4 != 0 {
		v := float32(i) * 0.25
		row.Feature = &v
	}
	if i%3 == 0 {
		row.Labels["k"] = row.Sensor
		zone := "Europe/Berlin"
		row.Zone = &zone
		row.Kinds = []string{"a", row.Algo}
	}
	return row
}

func TestBatchesComeBackEqual(t *testing.T) {
	const rows = 100_000
	for _, codec := range []string{"none", "lz4", "zstd", "gzip"} {
		t.Run(codec, func(t *testing.T) {
			conn := connect(t, codec)
			execute(t, conn, "CREATE TABLE wide "+wide)
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO wide ("+wideColumns+")")
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				row := makeRow(i)
				if err := batch.AppendStruct(&row); err != nil {
					t.Fatal(err)
				}
			}
			begin := time.Now()
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rows of 21 columns sent in %v", rows, time.Since(begin))
			if n := count(t, conn, "wide"); n != rows {
				t.Fatalf("%d rows, want %d", n, rows)
			}
			got, err := conn.Query(t.Context(), "SELECT "+wideColumns+" FROM wide ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			if names := strings.Join(got.Columns(), ", "); names != wideColumns {
				t.Errorf("columns %s", names)
			}
			n := 0
			for ; got.Next(); n++ {
				var row wideRow
				if err := got.ScanStruct(&row); err != nil {
					t.Fatal(err)
				}
				if want := makeRow(n); !reflect.DeepEqual(row, want) {
					t.Fatalf("row %d:\n got %+v\nwant %+v", n, row, want)
				}
			}
			if err := got.Err(); err != nil || n != rows {
				t.Fatalf("%d rows, %v", n, err)
			}
		})
	}
}

func TestClientBasics(t *testing.T) {
	for codec := range codecs {
		t.Run(codec, func(t *testing.T) {
			conn := connect(t, codec)
			if err := conn.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			execute(t, conn, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
			execute(t, conn, "INSERT INTO t VALUES (1, 'one; -- (two'), (2, 'it''s')")
			if err := conn.Exec(t.Context(), "INSERT INTO t VALUES (?, ?)", 3, "drei"); err != nil {
				t.Fatal(err)
			}
			var b string
			ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"x": "2"}))
			if err := conn.QueryRow(ctx, "SELECT b FROM t WHERE a = {x:UInt64}").Scan(&b); err != nil || b != "it's" {
				t.Errorf("parameter: %q, %v", b, err)
			}
			var threads uint64
			ctx = clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 77, "max_threads": 1}))
			if err := conn.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size'))").Scan(&threads); err != nil || threads != 77 {
				t.Errorf("setting: %d, %v", threads, err)
			}
			if err := conn.QueryRow(t.Context(), "SELECT toUInt64(getSetting('max_block_size'))").Scan(&threads); err != nil || threads == 77 {
				t.Errorf("a setting leaked into the next request: %d, %v", threads, err)
			}
			rows, err := conn.Query(t.Context(), "SELECT a FROM t WHERE a > 10")
			if err != nil {
				t.Fatal(err)
			}
			if rows.Next() || rows.Err() != nil {
				t.Errorf("rows in an empty result, or %v", rows.Err())
			}
			rows.Close()
		})
	}
}

func TestTypedErrors(t *testing.T) {
	for codec := range codecs {
		t.Run(codec, func(t *testing.T) {
			conn := connect(t, codec)
			for sql, code := range map[string]int32{
				"SELECT * FROM nowhere":      60,
				"SELEC 1":                    62,
				"SELECT throwIf(1)":          395,
				"SELECT 1; SELECT 2":         62,
				"SELECT no_such_function(1)": 46,
				"SELECT throwIf(number = 5000000) FROM numbers(10000000) FORMAT Native": 395, // late: after output began
			} {
				refused(t, conn, sql, code)
			}
			err := conn.Exec(clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1})), "SELECT 1")
			if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 115 || e.CodeName != "UNKNOWN_SETTING" {
				t.Errorf("unknown setting: %v", err)
			}
		})
	}
}

func refused(t *testing.T, conn driver.Conn, sql string, code int32) {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		rows.Close()
	}
	if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != code {
		t.Errorf("%s: %v, want code %d", sql, err, code)
	}
}

func TestErrorsOfTheFront(t *testing.T) {
	enginetest.Front(t, "files are not for its user, and it cannot send states of aggregation to this client")
	for codec := range codecs {
		conn := connect(t, codec)
		refused(t, conn, "SELECT * FROM file('/etc/passwd', 'CSV')", 497)
		refused(t, conn, "SELECT 1 INTO/**/OUTFILE '/tmp/x'", 497)
		refused(t, conn, "SELECT toTypeName(sumState(1)), sumState(1)", 48)
	}
}

func TestTypesOfResults(t *testing.T) {
	conn := connect(t, "lz4")
	for _, sql := range []string{
		"SELECT toIntervalDay(3)", "SELECT NULL", "SELECT [NULL, 1]", "SELECT []", "SELECT map()", "SELECT tuple(1, 'a', [tuple(2, NULL)])",
		"SELECT toDecimal256('1.5', 10), toDecimal128(2, 2), toDecimal32(3, 1)", "SELECT toIPv4('1.2.3.4'), toIPv6('::1'), generateUUIDv4()",
		"SELECT (1., 2.)::Point, [(1., 2.)]::Ring", "SELECT toLowCardinality('x'), [toLowCardinality('y')], emptyArrayString()::Array(LowCardinality(String))",
		"SELECT map('a', [toLowCardinality('q')]), map('k', map('l', 1))", "SELECT toLowCardinality(materialize(NULL::Nullable(String)))",
		"SELECT toInt256(-1), toUInt128(7), toDate32('1950-01-01'), toDateTime('2026-01-01 00:00:00', 'UTC'), true",
		"SELECT CAST('b c', 'Enum16(''a, (x'' = 1, ''b c'' = 300)')", "SELECT CAST((1, 'x'), 'Tuple(`ab` UInt8, cd String)')",
		"SELECT number, toLowCardinality(toString(number)) FROM numbers(200000)", "SELECT anyLastSimpleState(1)",
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Err() != nil || n == 0 {
			t.Errorf("%s: %d rows, %v", sql, n, rows.Err())
		}
		rows.Close()
	}
}

func TestCancelFreesTheEngine(t *testing.T) {
	conn := connect(t, "lz4")
	for name, sql := range map[string]string{
		"aggregation": "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1",
		"stream":      "SELECT number FROM system.numbers",
		"insert":      "INSERT INTO FUNCTION null('a UInt64') SELECT number FROM system.numbers",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			start := time.Now()
			rows, err := conn.Query(ctx, sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			if err == nil {
				t.Fatal("an endless statement ended")
			}
			for {
				var running uint64
				if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers%' AND query NOT LIKE '%processes%'").Scan(&running); err != nil {
					t.Fatal(err)
				}
				if running == 0 {
					break
				}
				if time.Since(start) > 10*time.Second {
					t.Fatalf("%d statements still run", running)
				}
				time.Sleep(20 * time.Millisecond) // the engine is another process
			}
			t.Logf("free again %v after the deadline", time.Since(start)-400*time.Millisecond)
		})
	}
}

func TestExternalTables(t *testing.T) {
	conn := connect(t, "lz4")
	table, err := ext.NewTable("wanted", ext.Column("id", "UInt64"), ext.Column("name", "String"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := table.Append(uint64(i*10), fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
	}
	var n, sum uint64
	ctx := clickhouse.Context(t.Context(), clickhouse.WithExternalTable(table))
	if err := conn.QueryRow(ctx, "SELECT count(), sum(id) FROM wanted WHERE name != 'n0'").Scan(&n, &sum); err != nil || n != 2 || sum != 30 {
		t.Errorf("%d rows, sum %d, %v", n, sum, err)
	}
}

func TestDurabilityIsOn(t *testing.T) {
	enginetest.Front(t, "whether a server syncs its files is its administrator's to decide")
	conn := connect(t, "none")
	rows, err := conn.Query(t.Context(), "SELECT name, value FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory') UNION ALL SELECT name, toString(1 - toUInt8(value)) FROM system.settings WHERE name = 'async_insert'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil || value != "1" {
			t.Errorf("%s: %s, %v", name, value, err)
		}
	}
	if n != 3 {
		t.Errorf("%d of 3 settings", n)
	}
}
