package clients_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

const endless = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1"

// TestSQL is clickhouse-go through database/sql, as tools that know only that use it.
func TestSQL(t *testing.T) {
	dsn := enginetest.DSN(t)
	s := &sqlSuite{dsn: dsn, expected: world(t, dsn), db: openSQL(t, dsn)}
	for name, check := range map[string]func(*testing.T){
		"connect": s.connect, "types": s.types, "tables": s.tables, "million": s.million, "broken": s.broken, "stream": s.stream,
		"compression": s.compression, "encoding": s.encoding, "session": s.session, "external": s.external, "parameters": s.parameters,
		"cancel": s.cancel, "errors": s.errors, "late": s.late, "password": s.password, "readonly": s.readonly, "outside": s.outside, "limits": s.limits,
	} {
		if checks[name] == "" {
			t.Errorf("%s is not one of the checks", name)
		}
		t.Run(name, func(t *testing.T) {
			if why := frontOnly[name]; why != "" {
				enginetest.Front(t, why)
			}
			check(t)
		})
	}
}

type sqlSuite struct {
	dsn      string
	expected []string
	db       *sql.DB
}

// openSQL opens a database with more parameters ("a=1&b=2") in its DSN.
func openSQL(t *testing.T, dsn string, params ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("clickhouse", dsn+"?"+strings.Join(params, "&"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run1(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// row1 scans the only row into values and compares them.
func row1(t *testing.T, ctx context.Context, db *sql.DB, query string, args []any, want ...any) {
	t.Helper()
	got := make([]any, len(want))
	for i := range want {
		got[i] = reflect.New(reflect.TypeOf(want[i])).Interface()
	}
	if err := db.QueryRowContext(ctx, query, args...).Scan(got...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for i := range want {
		if v := reflect.ValueOf(got[i]).Elem().Interface(); !reflect.DeepEqual(v, want[i]) {
			t.Errorf("%s: column %d is %v, want %v", query, i, v, want[i])
		}
	}
}

// all reads a result to its end.
func all(ctx context.Context, db *sql.DB, query string, args ...any) (n int, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

func refused(t *testing.T, code int32, err error) {
	t.Helper()
	if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != code {
		t.Errorf("%v, want code %d", err, code)
	}
}

func (s *sqlSuite) connect(t *testing.T) {
	if err := s.db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	var version string
	if err := s.db.QueryRowContext(t.Context(), "SELECT version()").Scan(&version); err != nil || !strings.Contains(version, ".") {
		t.Errorf("version %q, %v", version, err)
	}
}

func (s *sqlSuite) types(t *testing.T) {
	rows, err := s.db.QueryContext(t.Context(), "SELECT * FROM types_want ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil || len(columns) != 21 || columns[4].DatabaseTypeName() != "DateTime64(6, 'UTC')" {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.PrepareContext(t.Context(), "INSERT INTO types_got")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; rows.Next(); n++ {
		values := make([]any, len(columns))
		for i, c := range columns {
			values[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for i := range values {
			values[i] = reflect.ValueOf(values[i]).Elem().Interface()
		}
		if n == 0 {
			odd(t, values)
		}
		if _, err := insert.ExecContext(t.Context(), values...); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(rows.Err(), tx.Commit()); err != nil {
		t.Fatal(err)
	}
	row1(t, t.Context(), s.db, "SELECT (SELECT count() FROM types_got), (SELECT count() FROM types_differ)", nil, uint64(1000), uint64(0))
	if n, err := all(t.Context(), s.db, "SELECT * FROM types_want WHERE id > 1000"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// odd compares the row of oddRow with what it is in Go.
func odd(t *testing.T, got []any) {
	t.Helper()
	want := []any{uint64(0), "tab\tline\nquote'\"back\\slash é 你 😀 \x00.", "left",
		time.Date(2026, 3, 29, 0, 59, 59, 999_000_000, time.UTC), time.Date(2026, 10, 25, 0, 59, 59, 1000, time.UTC),
		uint8(math.MaxUint8), uint16(math.MaxUint16), uint32(math.MaxUint32), uint64(math.MaxUint64), int32(math.MinInt32), int64(math.MinInt64), float32(0.1), 0.1,
		(*float32)(nil), (*string)(nil), []int32{math.MinInt32, 0, math.MaxInt32}, []int64{math.MinInt64, math.MaxInt64},
		[]time.Time{time.Date(2026, 10, 25, 1, 0, 0, 2000, time.UTC)}, "retracted", "0123456789abcdef", map[string]string{"k": "v", "": "x y"}}
	for i := range want {
		if v, ok := got[i].(driver.Valuer); ok {
			got[i], _ = v.Value()
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("column %d: %#v, want %#v", i, got[i], want[i])
		}
	}
}

func (s *sqlSuite) tables(t *testing.T) {
	var got []string
	add := func(query string, scan func(*sql.Rows) (string, error)) {
		rows, err := s.db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			line, err := scan(rows)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			got = append(got, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var (
		thing, text, digest string
		at, received        time.Time
		seq, size           uint64
		n                   uint32
		xs, temps           []int32
		times               []time.Time
	)
	list := func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ",") }
	null := func(v sql.NullFloat64, format string) string {
		if !v.Valid {
			return "NULL"
		}
		return fmt.Sprintf(format, v.Float64)
	}
	add("SELECT sensor, seq, t0, received_at, x, temp, temp_t, sha256 FROM batches ORDER BY seq", func(r *sql.Rows) (string, error) {
		err := r.Scan(&thing, &seq, &at, &received, &xs, &temps, &times, &digest)
		var micros []int64
		for _, t := range times {
			micros = append(micros, t.UnixMicro())
		}
		return fmt.Sprintf("batches %s %d %d %d %s %s %s %s", thing, seq, at.UnixMicro(), received.UnixMicro(), list(xs), list(temps), list(micros), digest), err
	})
	var x, y, z float64
	var temp, mean, mad sql.NullFloat64
	add("SELECT ts, x, y, z, temp FROM samples ORDER BY ts", func(r *sql.Rows) (string, error) {
		err := r.Scan(&at, &x, &y, &z, &temp)
		return fmt.Sprintf("samples %d %.10f %.10f %.10f %s", at.UnixMicro(), x, y, z, null(temp, "%.3f")), err
	})
	add("SELECT window_start, status, n, toFloat64(x_mean), toFloat64(mad), input_digest FROM features_5s ORDER BY window_start", func(r *sql.Rows) (string, error) {
		err := r.Scan(&at, &text, &n, &mean, &mad, &digest)
		return fmt.Sprintf("features_5s %d %s %d %s %s %s", at.UnixMilli(), text, n, null(mean, "%.6f"), null(mad, "%.6f"), digest), err
	})
	add("SELECT thing, reason, size, received_at FROM quarantine", func(r *sql.Rows) (string, error) {
		err := r.Scan(&thing, &text, &size, &received)
		return fmt.Sprintf("quarantine %s %s %d %d", thing, text, size, received.UnixMicro()), err
	})
	compare(t, got, s.expected)
}

func (s *sqlSuite) million(t *testing.T) {
	run1(t, s.db, "CREATE TABLE million (id UInt64, sensor LowCardinality(String), v Nullable(Float32)) ENGINE = MergeTree ORDER BY id")
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.PrepareContext(t.Context(), "INSERT INTO million (id, sensor, v)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1_000_000 {
		var v *float32
		if i%4 != 0 {
			f := float32(i) / 4
			v = &f
		}
		if _, err := insert.ExecContext(t.Context(), uint64(i), fmt.Sprint("s", i%97), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	row1(t, t.Context(), s.db, "SELECT count(), sum(id), sum(v), uniqExact(sensor) FROM million", nil, uint64(1_000_000), uint64(499_999_500_000), 93_750_000_000.0, uint64(97))
}

func (s *sqlSuite) broken(t *testing.T) {
	run1(t, s.db, "CREATE TABLE broken (id UInt64, b String) ENGINE = MergeTree ORDER BY id")
	for name, spoil := range map[string]func(context.CancelFunc, *sql.Tx, *sql.Stmt) error{
		"rolled back": func(_ context.CancelFunc, tx *sql.Tx, _ *sql.Stmt) error {
			return errors.Join(errors.New("by hand"), tx.Rollback())
		},
		"left": func(leave context.CancelFunc, tx *sql.Tx, _ *sql.Stmt) error { leave(); return tx.Commit() },
		"bad value": func(_ context.CancelFunc, tx *sql.Tx, insert *sql.Stmt) error {
			_, err := insert.Exec("two", []int{1})
			return errors.Join(err, tx.Rollback())
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		insert, err := tx.PrepareContext(ctx, "INSERT INTO broken")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50_000 {
			if _, err := insert.Exec(uint64(i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if err := spoil(cancel, tx, insert); err == nil {
			t.Errorf("%s: not seen", name)
		}
		cancel()
	}
	_, err := s.db.ExecContext(t.Context(), "INSERT INTO broken VALUES (1, 'a'), ('two', 'b')")
	refused(t, 6, err)
	_, err = s.db.ExecContext(t.Context(), "INSERT INTO nowhere VALUES (1)")
	refused(t, 60, err)
	row1(t, t.Context(), s.db, "SELECT count() FROM broken", nil, uint64(0))
}

func (s *sqlSuite) stream(t *testing.T) {
	if n, err := all(t.Context(), s.db, "SELECT number, toString(number) FROM numbers(3000000)"); n != 3_000_000 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	rows, err := s.db.QueryContext(ctx, "SELECT number FROM system.numbers")
	if err != nil || !rows.Next() {
		t.Fatal("no row", err)
	}
	leave() // Close alone would read the rest, by the driver's design
	rows.Close()
	s.running(t, 0, "SELECT number FROM system.numbers")
}

func (s *sqlSuite) compression(t *testing.T) {
	for _, method := range []string{"none", "lz4", "zstd", "gzip", "deflate", "br"} {
		db := openSQL(t, s.dsn, "compress="+method)
		run1(t, db, "CREATE OR REPLACE TABLE packed (id UInt64, b String) ENGINE = MergeTree ORDER BY id")
		run1(t, db, "INSERT INTO packed SELECT number, concat('b', toString(number)) FROM numbers(50000)")
		row1(t, t.Context(), db, "SELECT count(), groupBitXor(cityHash64(id, b)) FROM packed", nil, uint64(50_000), uint64(hashOfPacked(t, s.db)))
		if n, err := all(t.Context(), db, "SELECT * FROM packed"); n != 50_000 || err != nil {
			t.Errorf("%s: %d rows, %v", method, n, err)
		}
		_, err := all(t.Context(), db, "SELECT * FROM nowhere")
		refused(t, 60, err)
	}
}

func hashOfPacked(t *testing.T, db *sql.DB) (sum uint64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT groupBitXor(cityHash64(number, concat('b', toString(number)))) FROM numbers(50000)").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

func (s *sqlSuite) encoding(t *testing.T) {
	run1(t, s.db, "CREATE TABLE encoded (id UInt64) ENGINE = MergeTree ORDER BY id")
	for _, name := range []string{"snappy", "compress"} {
		options := s.options(t)
		options.HttpHeaders = map[string]string{"Content-Encoding": name}
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionNone}
		db := clickhouse.OpenDB(options)
		defer db.Close()
		_, err := db.ExecContext(t.Context(), "INSERT INTO encoded VALUES (1)")
		refused(t, 89, err)
	}
	row1(t, t.Context(), s.db, "SELECT count() FROM encoded", nil, uint64(0))
}

func (s *sqlSuite) options(t *testing.T) *clickhouse.Options {
	t.Helper()
	options, err := clickhouse.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func (s *sqlSuite) session(t *testing.T) {
	db := openSQL(t, s.dsn, "session_id=go-"+strings.ToLower(t.Name()[:7]))
	run1(t, db, "CREATE TEMPORARY TABLE mine (id UInt64)")
	run1(t, db, "INSERT INTO mine VALUES (7)")
	run1(t, db, "SET max_block_size = 11")
	own := "SELECT id, toUInt64(getSetting('max_block_size')) FROM mine"
	row1(t, t.Context(), db, own, nil, uint64(7), uint64(11))
	row1(t, clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 22})), db, own, nil, uint64(7), uint64(22))
	row1(t, t.Context(), db, own, nil, uint64(7), uint64(11))
	_, err := all(t.Context(), s.db, "SELECT * FROM mine")
	refused(t, 60, err)
	ended := make(chan error)
	go func() {
		_, err := all(t.Context(), db, "SELECT sleep(0.5)")
		ended <- err
	}()
	s.running(t, 1, "SELECT sleep(0.5)")
	_, err = all(t.Context(), db, "SELECT 1")
	refused(t, 373, err)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func (s *sqlSuite) external(t *testing.T) {
	wanted, err := ext.NewTable("wanted", ext.Column("id", "UInt64"), ext.Column("at", "DateTime64(3, 'UTC')"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 29, 0, 59, 59, 999_000_000, time.UTC)
	for _, id := range []uint64{0, 3, 100_000} {
		if err := wanted.Append(id, at); err != nil {
			t.Fatal(err)
		}
	}
	ctx := clickhouse.Context(t.Context(), clickhouse.WithExternalTable(wanted), clickhouse.WithParameters(clickhouse.Parameters{"not": "3"}))
	row1(t, ctx, s.db, "SELECT w.id, low FROM types_want t JOIN wanted w ON w.id = t.id AND w.at = t.at3 WHERE w.id != {not:UInt64}", nil, uint64(0), "left")
	_, err = all(t.Context(), s.db, "SELECT * FROM wanted")
	refused(t, 60, err)
}

func (s *sqlSuite) parameters(t *testing.T) {
	text := "tab\tline\nquote'\"back\\slash é 你 😀 {x:String} ; ? "
	at := time.Date(2026, 3, 29, 0, 59, 59, 999_000_000, time.UTC)
	row1(t, t.Context(), s.db, "SELECT ?, ?, id FROM types_want WHERE id = ?", []any{41, text, 0}, uint8(41), text, uint64(0))
	row1(t, t.Context(), s.db, "SELECT @a, @s, @l", []any{clickhouse.Named("a", 41), clickhouse.Named("s", text), clickhouse.Named("l", []int{1, 2})}, uint8(41), text, []uint8{1, 2})
	row1(t, t.Context(), s.db, "SELECT {a:UInt64}, {s:String}, {at:DateTime64(3, 'UTC')} = at3, id, length({l:String}) FROM {t:Identifier} WHERE id = {i:UInt64}",
		[]any{clickhouse.Named("a", "41"), clickhouse.Named("s", text), clickhouse.DateNamed("at", at, clickhouse.MilliSeconds), clickhouse.Named("t", "types_want"),
			clickhouse.Named("i", "0"), clickhouse.Named("l", strings.Repeat("x", 200_000))},
		uint64(41), text, uint8(1), uint64(0), uint64(200_000))
	_, err := all(t.Context(), s.db, "SELECT {missing:UInt8}")
	refused(t, 456, err)
}
