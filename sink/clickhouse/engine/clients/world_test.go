package clients_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	cell  = "main"
	logID = stream.LogID("0123456789abcdef0123456789abcdef")
)

var (
	features = []string{"x_mean", "enmo", "mad"}
	schema   = clickhouse.Schema{
		Windows: wire.WindowSchema(features),
		Views:   map[time.Duration][]string{5 * time.Second: features, 60 * time.Second: features, 900 * time.Second: features},
		Pairs:   wire.PairSchema([]string{"lag_ms"}),
	}
	start = time.Date(2026, 10, 25, 0, 59, 55, 0, time.UTC)
)

// world fills the database with what the sink writes and a table of every type
// (types_want; types_got is empty, types_differ says what is in one of them only),
// and returns the rows that a script is to read through the views.
func world(t *testing.T, dsn string) (rows []string) {
	t.Helper()
	conn := migrated(t, dsn)
	sink := clickhouse.New(conn, cell, schema, prometheus.NewRegistry())
	device, want := deviceCut(3, 64)
	windows, wantWindows := featuresCut(t, 40)
	refused, wantRefused := quarantineCut()
	for _, cut := range []stream.Cut{device, windows, refused} {
		if err := sink.Write(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"types_want", "types_got"} {
		execute(t, conn, "CREATE TABLE "+table+everyType)
	}
	const left, right = "SELECT * REPLACE mapSort(labels) AS labels FROM types_want", "SELECT * REPLACE mapSort(labels) AS labels FROM types_got" // maps of most languages have no order
	execute(t, conn, "CREATE VIEW types_differ AS ("+left+" EXCEPT "+right+") UNION ALL ("+right+" EXCEPT "+left+")")
	execute(t, conn, "INSERT INTO types_want "+oddRow)
	execute(t, conn, "INSERT INTO types_want "+manyRows)
	return slices.Concat(want, wantWindows, wantRefused)
}

func migrated(t *testing.T, dsn string) driver.Conn {
	t.Helper()
	cfg := clickhouse.Config{DSN: dsn}
	if err := clickhouse.Migrate(t.Context(), cfg, cell, schema); err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(cfg, cell)
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

// everyType has the types of the product's columns, each with its extremes in
// oddRow.
const everyType = ` (
	id UInt64, text String, low LowCardinality(String), at3 DateTime64(3, 'UTC'), at6 DateTime64(6, 'UTC'),
	u8 UInt8, u16 UInt16, u32 UInt32, u64 UInt64, i32 Int32, i64 Int64, f32 Float32, f64 Float64,
	maybe Nullable(Float32), word Nullable(String), a32 Array(Int32), a64 Array(Int64), times Array(DateTime64(6, 'UTC')),
	status Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3, 'retracted' = 4), fixed FixedString(16), labels Map(String, String)
) ENGINE = MergeTree ORDER BY id`

const oddRow = `SELECT 0, 'tab\tline\nquote\'"back\\slash é 你 😀 \0.', 'left', '2026-03-29 00:59:59.999', '2026-10-25 00:59:59.000001',
	255, 65535, 4294967295, 18446744073709551615, -2147483648, -9223372036854775808, toFloat32(0.1), 0.1,
	NULL, NULL, [-2147483648, 0, 2147483647], [-9223372036854775808, 9223372036854775807], ['2026-10-25 01:00:00.000002'],
	'retracted', '0123456789abcdef', map('k', 'v', '', 'x y')`

const manyRows = `SELECT number + 1, concat('thing-', toString(number % 97), '/left'), concat('core.v1@1.0.', toString(number % 3)),
	toDateTime64('2026-03-29 00:59:59.000', 3, 'UTC') + toIntervalMillisecond(number * 7), toDateTime64('2026-10-25 00:59:59.000000', 6, 'UTC') + toIntervalMicrosecond(number * 20001),
	number, number * 7, number * 2654435761, bitXor(number * 2654435761, number), number * 2654435761, -number * 4611686018427387, toFloat32(number) / 3, sqrt(number),
	if(number % 4 = 0, NULL, toFloat32(number) / 4), if(number % 5 = 0, NULL, toString(number)), arrayMap(i -> toInt32(i * number), range(number % 5)), arrayMap(i -> toInt64(i * number) - 1, range(number % 3)),
	arrayMap(i -> toDateTime64('2026-10-25 00:59:59.000000', 6, 'UTC') + toIntervalMicrosecond(i), range(number % 4)),
	(number % 4) + 1, hex(number), if(number % 3 = 0, map(), map('k', toString(number)))
	FROM numbers(999)`

func header(pairs ...string) (h []stream.Header) {
	for i := 0; i < len(pairs); i += 2 {
		h = append(h, stream.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return h
}

func cutOf(topic string, records ...stream.Record) stream.Cut {
	full := wire.TopicName(cell, topic)
	for i := range records {
		r := &records[i]
		r.Topic, r.Partition, r.Offset = full, 3, 100+int64(i)
		r.AppendTime = start.Add(time.Duration(i) * 1001 * time.Microsecond)
	}
	return stream.Cut{Range: stream.Range{Log: logID, Topic: full, Partition: 3, First: 100, Next: 100 + int64(len(records))}, Records: records}
}

// deviceCut has batches of n samples and two readings, a tick and a record
// without a value, and the rows of batches and samples that come of it.
func deviceCut(batches, n int) (cut stream.Cut, rows []string) {
	var records []stream.Record
	var samples []string
	for seq := range batches {
		b := &wire.SampleBatch{
			Boot: 1, Seq: uint64(seq), T0us: start.UnixMicro() + int64(seq)*2_000_000, RateMHz: 32_000, Encoding: wire.Int16Counts, LSBPerG: 1024, N: uint32(n),
			TempT0us: start.UnixMicro() + int64(seq)*2_000_000, TempRateMHz: 1000, TempMdegC: []int32{31_000 + int32(seq), -250},
		}
		var x []string
		for i := range n {
			counts := [3]int16{int16(i*37 - seq), int16(-i), 1024}
			for _, v := range counts {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(v))
			}
			x = append(x, strconv.Itoa(int(counts[0])))
			temp := "NULL"
			if at := slices.Index([]int{0, 32}, i); at >= 0 {
				temp = fmt.Sprintf("%.3f", float64(b.TempMdegC[at])/1000)
			}
			samples = append(samples, fmt.Sprintf("samples %d %.10f %.10f %.10f %s", b.T0us+int64(i)*31_250,
				float64(counts[0])/1024, float64(counts[1])/1024, float64(counts[2])/1024, temp))
		}
		payload := b.Append(nil)
		received := start.UnixMicro() + int64(seq)*1_000_001
		records = append(records, stream.Record{
			Key: []byte("watch-7"), Value: payload,
			Headers: header(wire.HeaderKind, wire.KindSamples, wire.HeaderThing, "watch-7", wire.HeaderVia, "mqtt", wire.HeaderReceived, strconv.FormatInt(received, 10)),
		})
		rows = append(rows, fmt.Sprintf("batches watch-7 %d %d %d [%s] [%d,%d] [%d,%d] %x", seq, b.T0us, received, strings.Join(x, ","),
			b.TempMdegC[0], b.TempMdegC[1], b.TempT0us, b.TempT0us+1_000_000, sha256.Sum256(payload)))
	}
	records = append(records,
		stream.Record{Headers: header(wire.HeaderKind, wire.KindTick), Value: []byte(`{"utc_us":1}`)},
		stream.Record{Key: []byte("é 你\t'\"\\"), Headers: header(wire.HeaderKind, wire.KindEvent, "odd", "a\n=b,{}")})
	return cutOf(wire.TopicDevice, records...), slices.Concat(rows, samples)
}

// featuresCut has n windows of 5 s over two days, and one of 60 s.
func featuresCut(t *testing.T, n int) (cut stream.Cut, rows []string) {
	w := wire.NewWindowRows(schema.Windows)
	status := []string{wire.StatusProvisional, wire.StatusFinal, wire.StatusCorrected}
	for i := range n {
		row := wire.WindowRow{
			Study: []string{"st-1", "", "01"}[i%3], Participant: "p-1", Side: "left", Thing: "watch-7", Sensor: "watch-7",
			Start: start.Truncate(5 * time.Second).Add(time.Duration(i) * 40 * time.Minute), Length: 5 * time.Second, Algo: "core.v1@1.0.0+0123abcd",
			Revision: uint32(1 + i%2), Status: status[i%3], FinalReason: wire.FinalComplete, Lane: wire.LaneLive, N: 160 - uint32(i), NExpected: 160,
			Coverage: 1 - float32(i)/160, Flags: uint32(i), InputDigest: fmt.Sprintf("%016x", i), Features: []float32{0.1 * float32(i), -1.5e-7, float32(math.NaN())},
		}
		mad := "NULL"
		if i%4 != 0 {
			row.Features[2] = float32(i) / 7
			mad = fmt.Sprintf("%.6f", row.Features[2])
		}
		w.Append(&row)
		rows = append(rows, fmt.Sprintf("features_5s %d %s %d %.6f %s %s", row.Start.UnixMilli(), row.Status, row.N, row.Features[0], mad, row.InputDigest))
		if i == 0 {
			row.Length = 60 * time.Second
			w.Append(&row)
		}
	}
	tick := stream.Record{Headers: header(wire.HeaderKind, wire.KindTick), Value: []byte(`{"utc_us":1}`)}
	return cutOf(wire.TopicFeatures, tick, recordOf(t, wire.RowsWindows, w)), rows
}

// recordOf is a record of rows of a type.
func recordOf(t *testing.T, schema string, rows interface{ Encode() ([]byte, error) }) stream.Record {
	t.Helper()
	value, err := rows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return stream.Record{Key: []byte("p-1"), Value: value, Headers: header(wire.HeaderKind, wire.KindRows, wire.HeaderSchema, schema)}
}

// wearCut has n minutes of wear over some days.
func wearCut(t *testing.T, n int) stream.Cut {
	w := wire.NewWearRows()
	for i := range n {
		w.Append(&wire.WearRow{
			Study: []string{"st-1", "", "01"}[i%3], Participant: "p-1", Side: "left", Thing: "watch-7", Sensor: "watch-7", Start: start.Truncate(time.Minute).Add(time.Duration(i) * 20 * time.Minute),
			Algo: "wear@1.0.0+0123abcd", Revision: uint32(1 + i%2), Status: wire.StatusFinal, State: []string{"WEAR", "NONWEAR", "NODATA", "CHARGING", "UNKNOWN"}[i%5], By: []string{"", "choi"}[i%2],
		})
	}
	return cutOf(wire.TopicFeatures, recordOf(t, wire.RowsWear, w))
}

// pairsCut has n quarters of an hour of two wrists, some of them retracted.
func pairsCut(t *testing.T, n int) stream.Cut {
	w := wire.NewPairRows([]string{"lag_ms"})
	for i := range n {
		row := wire.PairRow{
			Study: []string{"st-1", "01"}[i%2], Participant: "p-1", SensorLeft: "watch-7", SensorRight: "watch-8", Start: start.Truncate(15 * time.Minute).Add(time.Duration(i) * 15 * time.Minute),
			Algo: "pair.v1@1.0.0+0123abcd", Revision: 1, Status: wire.StatusFinal, CoverageLeft: 1, CoverageRight: 1 - float32(i)/900, Features: []float32{float32(i) / 7},
		}
		if i%4 == 0 {
			row.Status, row.Features[0] = wire.StatusRetracted, float32(math.NaN())
		}
		w.Append(&row)
	}
	return cutOf(wire.TopicParticipants, recordOf(t, wire.RowsPairs, w))
}

func quarantineCut() (stream.Cut, []string) {
	return cutOf(wire.TopicQuarantine, stream.Record{Key: []byte("watch-7"), Value: []byte{0xff, 0, 1},
			Headers: header(wire.HeaderThing, "watch-7", wire.HeaderReason, wire.ReasonParse, wire.HeaderSize, "300000", wire.HeaderReceived, strconv.FormatInt(start.UnixMicro(), 10))}),
		[]string{fmt.Sprintf("quarantine watch-7 %s 300000 %d", wire.ReasonParse, start.UnixMicro())}
}
