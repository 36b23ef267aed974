package clickhouse

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Every column comes back as it was given, from one cut with ticks, three window
// lengths, and months that are far apart.
func TestWindowColumns(t *testing.T) {
	_, conn := database(t)
	full := wire.WindowRow{
		Study: "s'1\\", Participant: "p", Side: "right", Thing: "hub", Sensor: "hub/left",
		Start: at("2022-03-04T05:06:07.125Z"), Length: 5 * time.Second, Algo: algo, Revision: 7,
		Status: wire.StatusCorrected, FinalReason: wire.FinalDeclared, Lane: wire.LaneRecompute,
		N: math.MaxUint32, NExpected: 2, Coverage: 0.7, DupN: 3, ClipN: 4, Flags: 17, CalID: "cal-9", InputDigest: "fedcba9876543210",
		Features: []float32{math.Float32frombits(1), float32(math.NaN()), -1.5},
	}
	minute := window("b", at("2026-11-21T10:00:00Z"), 1, wire.StatusProvisional)
	minute.Length, minute.Study, minute.Participant, minute.Side, minute.FinalReason = time.Minute, "", "", "", ""
	quarter := window("b", at("2035-01-01T00:00:00Z"), 1, wire.StatusFinal)
	quarter.Length, quarter.Lane = 15*time.Minute, wire.LaneBacklog
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 40, tick, windowRecord(t, full, minute), tick, windowRecord(t, quarter), tick))

	expect(t, conn, "SELECT * FROM features_5s",
		`s'1\,p,right,hub,hub/left,2022-03-04T05:06:07.125Z,`+algo+",7,corrected,declared,recompute,4294967295,2,0.7,3,4,17,NULL,cal-9,fedcba9876543210,1e-45,NULL,-1.5")
	expect(t, conn, "SELECT * FROM features_60s", ",,,b,b,2026-11-21T10:00:00Z,"+algo+",1,provisional,,live,160,160,1,0,0,0,NULL,,0123456789abcdef,1,0.5")
	expect(t, conn, "SELECT window_start, status, lane, enmo FROM features_900s", "2035-01-01T00:00:00Z,final,backlog,0.5")
	expect(t, conn, "SELECT length_s, generation, partition, offset FROM windows ORDER BY length_s", "5,1,3,41\n60,1,3,41\n900,1,3,43")
	expect(t, conn, "SELECT sensor, count(), avg(enmo) FROM features_5s GROUP BY sensor", "hub/left,1,NULL")
}

// The plain view has the last revision of what is not retracted; _all has all.
func TestRevisions(t *testing.T) {
	_, conn := database(t)
	s := fresh(conn)
	start := at("2024-05-01T00:00:00Z")
	statuses := []string{wire.StatusProvisional, wire.StatusFinal, wire.StatusCorrected, wire.StatusRetracted, wire.StatusCorrected}
	plain := []string{"1,provisional", "2,final", "3,corrected", "", "5,corrected"}
	for i, status := range statuses {
		write(t, s, cutOf(wire.TopicFeatures, log1, int64(i), windowRecord(t, window("a", start, uint32(i+1), status))))
		expect(t, conn, "SELECT revision, status FROM features_5s", plain[i])
	}
	all := "1,provisional\n2,final\n3,corrected\n4,retracted\n5,corrected"
	expect(t, conn, "SELECT revision, status FROM features_5s_all ORDER BY revision", all)
	if err := conn.Exec(t.Context(), "OPTIMIZE TABLE windows FINAL"); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, "SELECT revision, status FROM features_5s_all ORDER BY revision", all)
	expect(t, conn, "SELECT revision, status FROM features_5s", "5,corrected")
}

// Two algorithms and two sensors at one time are different windows.
func TestIdentity(t *testing.T) {
	_, conn := database(t)
	start := at("2024-05-01T00:00:00Z")
	other := window("a", start, 1, wire.StatusFinal)
	other.Algo = "core.v1@1.1.0+0123abcd"
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 0, windowRecord(t,
		window("a", start, 1, wire.StatusFinal), other, window("b", start, 1, wire.StatusFinal), window("a", start.Add(5*time.Second), 1, wire.StatusFinal))))
	expect(t, conn, "SELECT count() FROM features_5s", "4")
}

// A new log overrules the old one with any revision, whoever speaks last.
func TestGenerations(t *testing.T) {
	_, conn := database(t)
	start := at("2024-05-01T00:00:00Z")
	old := func(offset int64, revision uint32) stream.Cut {
		return cutOf(wire.TopicFeatures, log1, offset, windowRecord(t, window("a", start, revision, wire.StatusCorrected)))
	}
	write(t, fresh(conn), old(0, 9), cutOf(wire.TopicFeatures, log2, 0, windowRecord(t, window("a", start, 1, wire.StatusProvisional))))
	expect(t, conn, "SELECT revision, status FROM features_5s", "1,provisional")
	write(t, fresh(conn), old(1, 10))
	expect(t, conn, "SELECT revision, status FROM features_5s", "1,provisional")
	expect(t, conn, "SELECT generation, revision FROM features_5s_all ORDER BY generation, revision", "1,9\n1,10\n2,1")
	expect(t, conn, "SELECT topic, log_id, generation FROM logs ORDER BY generation", "wear.test.features.v1,"+string(log1)+",1\nwear.test.features.v1,"+string(log2)+",2")
}

// Rows of a version that knows other features: fewer are NULL, more are refused
// for good, since they would be lost.
func TestOtherFeatures(t *testing.T) {
	_, conn := database(t)
	record := func(features ...string) stream.Record {
		w := wire.NewWindowRows(wire.WindowSchema(features))
		row := window("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal)
		row.Features = make([]float32, len(features))
		w.Append(&row)
		value, err := w.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return stream.Record{Headers: headers(wire.HeaderKind, wire.KindRows, wire.HeaderSchema, wire.RowsWindows), Value: value}
	}
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 0, record("enmo")))
	expect(t, conn, "SELECT x_mean, enmo FROM features_5s", "NULL,0")
	err := fresh(conn).Write(t.Context(), cutOf(wire.TopicFeatures, log1, 1, record("enmo", "jerk")))
	if !sink.IsPermanent(err) || !strings.Contains(err.Error(), `"jerk"`) {
		t.Fatalf("got %v", err)
	}
	err = fresh(conn).Write(t.Context(), cutOf(wire.TopicFeatures, log1, 1, stream.Record{Headers: headers(wire.HeaderKind, wire.KindRows, wire.HeaderSchema, wire.RowsWindows), Value: []byte("no")}))
	if !sink.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	expect(t, conn, "SELECT count() FROM windows", "1")
}

func TestChunks(t *testing.T) {
	runs := []run{{from: 0, to: 3}, {from: 2, to: 9}, {from: 0, to: 1}}
	var got []string
	for _, group := range chunks(runs, 4) {
		rows := 0
		for _, r := range group {
			rows += r.len()
		}
		got = append(got, string(rune('0'+rows)))
	}
	if s := strings.Join(got, ""); s != "443" {
		t.Errorf("groups of %s rows, want 443", s)
	}
}
