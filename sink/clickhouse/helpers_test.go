package clickhouse

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

const (
	cell = "test"
	log1 = stream.LogID("11111111111111111111111111111111")
	log2 = stream.LogID("22222222222222222222222222222222")
	algo = "core.v1@1.0.0+0123abcd"
)

var (
	testFeatures = []string{"x_mean", "enmo", "mad"}
	testPairs    = []string{"lag_ms", "corr"}
	testSchema   = Schema{
		Windows: wire.WindowSchema(testFeatures),
		Views: map[time.Duration][]string{
			5 * time.Second:   {"x_mean", "enmo", "mad"},
			60 * time.Second:  {"x_mean", "enmo"},
			900 * time.Second: {"x_mean", "enmo"},
		},
		Pairs: wire.PairSchema(testPairs),
	}
)

var nan = float32(math.NaN())

// database is a migrated database of the test's own.
func database(t testing.TB) (Config, driver.Conn) {
	t.Helper()
	cfg, conn := empty(t)
	if err := Migrate(t.Context(), cfg, cell, testSchema); err != nil {
		t.Fatal(err)
	}
	return cfg, conn
}

// empty is a database of the test's own, its password in a file.
func empty(t testing.TB) (Config, driver.Conn) {
	t.Helper()
	u, err := url.Parse(enginetest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	cfg := Config{DSN: u.String(), PasswordFile: passwordFile(t, password)}
	return cfg, connect(t, cfg)
}

func passwordFile(t testing.TB, password string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func connect(t testing.TB, cfg Config) driver.Conn {
	t.Helper()
	conn, err := Open(cfg, cell)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// fresh is a sink that remembers nothing, as after a start.
func fresh(conn driver.Conn) stream.Sink {
	return New(conn, cell, testSchema, prometheus.NewRegistry())
}

func write(t testing.TB, s stream.Sink, cuts ...stream.Cut) {
	t.Helper()
	for _, cut := range cuts {
		if err := s.Write(context.Background(), cut); err != nil {
			t.Fatal(err)
		}
	}
}

// cutOf is a cut of one topic with these records at offsets from first on.
func cutOf(topic string, log stream.LogID, first int64, records ...stream.Record) stream.Cut {
	full := wire.TopicName(cell, topic)
	cut := stream.Cut{Range: stream.Range{Log: log, Topic: full, Partition: 3, First: first, Next: first + int64(len(records))}}
	for i, r := range records {
		r.Topic, r.Partition, r.Offset = full, 3, first+int64(i)
		cut.Records = append(cut.Records, r)
	}
	return cut
}

func headers(pairs ...string) []stream.Header {
	var h []stream.Header
	for i := 0; i < len(pairs); i += 2 {
		h = append(h, stream.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return h
}

var tick = stream.Record{Headers: headers(wire.HeaderKind, wire.KindTick), Value: []byte(`{"utc_us":1}`)}

// windowRecord is a record of features.v1 with these rows.
func windowRecord(t testing.TB, rows ...wire.WindowRow) stream.Record {
	t.Helper()
	w := wire.NewWindowRows(testSchema.Windows)
	for i := range rows {
		w.Append(&rows[i])
	}
	return recordOf(t, wire.RowsWindows, w)
}

// recordOf is a record with rows of this type.
func recordOf(t testing.TB, schema string, rows interface{ Encode() ([]byte, error) }) stream.Record {
	t.Helper()
	value, err := rows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return stream.Record{Headers: headers(wire.HeaderKind, wire.KindRows, wire.HeaderSchema, schema), Value: value}
}

// window is a complete row; tests change what they are about.
func window(sensor string, start time.Time, revision uint32, status string) wire.WindowRow {
	return wire.WindowRow{
		Study: "st", Participant: "p1", Side: "left", Thing: sensor, Sensor: sensor,
		Start: start, Length: 5 * time.Second, Algo: algo, Revision: revision,
		Status: status, FinalReason: wire.FinalComplete, Lane: wire.LaneLive,
		N: 160, NExpected: 160, Coverage: 1, InputDigest: "0123456789abcdef",
		Features: []float32{float32(revision), 0.5, float32(math.NaN())},
	}
}

// batchRecord is a record of device.v1 with this batch.
func batchRecord(thing string, b *wire.SampleBatch, more ...string) stream.Record {
	h := append([]string{wire.HeaderKind, wire.KindSamples, wire.HeaderThing, thing, wire.HeaderVia, "mqtt",
		wire.HeaderReceived, strconv.FormatInt(1_700_000_100_000_001, 10)}, more...)
	return stream.Record{Key: []byte(wire.SensorOf(thing, b.Sensor)), Value: b.Append(nil), Headers: headers(h...)}
}

func batch(boot, seq uint64, n int) *wire.SampleBatch {
	b := &wire.SampleBatch{Boot: boot, Seq: seq, T0us: 1_700_000_000_000_000 + int64(seq)*1_000_000, RateMHz: 32_000, Encoding: wire.Int16Counts, LSBPerG: 1024, N: uint32(n)}
	for i := range 3 * n {
		v := int16(i*37 + int(seq))
		b.XYZ = append(b.XYZ, byte(v), byte(uint16(v)>>8))
	}
	return b
}

// table runs a query and answers its rows as lines of comma-separated values.
func table(t testing.TB, conn driver.Conn, sql string) string {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		values := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			values[i] = newOf(c)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		lines = append(lines, line(values))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}

func expect(t testing.TB, conn driver.Conn, sql, want string) {
	t.Helper()
	if got := table(t, conn, sql); got != want {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", sql, got, want)
	}
}

func at(s string) time.Time {
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(fmt.Sprint("test time ", s))
	}
	return v
}
