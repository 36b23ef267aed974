package clickhouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	wearAlgo = "wear@1.0.0+0123abcd"
	pairAlgo = "pair.v1@1.0.0+0123abcd"
)

// minute is a complete row of wear; tests change what they are about.
func minute(sensor string, start time.Time, revision uint32, status, state string) wire.WearRow {
	return wire.WearRow{Study: "st", Participant: "p1", Side: "left", Thing: sensor, Sensor: sensor, Start: start,
		Algo: wearAlgo, Revision: revision, Status: status, State: state, By: "capsense"}
}

// wearRecord is a record of features.v1 with these minutes.
func wearRecord(t testing.TB, rows ...wire.WearRow) stream.Record {
	t.Helper()
	w := wire.NewWearRows()
	for i := range rows {
		w.Append(&rows[i])
	}
	return recordOf(t, wire.RowsWear, w)
}

// manyMinutes is a record of n minutes of one sensor from start on.
func manyMinutes(t testing.TB, sensor string, start time.Time, n int) stream.Record {
	rows := make([]wire.WearRow, n)
	for i := range rows {
		rows[i] = minute(sensor, start.Add(time.Duration(i)*time.Minute), 1, wire.StatusFinal, "WEAR")
	}
	return wearRecord(t, rows...)
}

// quarter is a complete row of pairs; tests change what they are about.
func quarter(participant string, start time.Time, revision uint32, status string) wire.PairRow {
	return wire.PairRow{Study: "st", Participant: participant, SensorLeft: "l", SensorRight: "r", Start: start,
		Algo: pairAlgo, Revision: revision, Status: status, CoverageLeft: 1, CoverageRight: 0.75, Features: []float32{float32(revision), nan}}
}

// pairRecord is a record of participants.v1 with these quarters of an hour.
func pairRecord(t testing.TB, rows ...wire.PairRow) stream.Record {
	t.Helper()
	w := wire.NewPairRows(testPairs)
	for i := range rows {
		w.Append(&rows[i])
	}
	return recordOf(t, wire.RowsPairs, w)
}

// Every column comes back as it was given. Sides, which are no table, are passed over.
func TestWearColumns(t *testing.T) {
	_, conn := database(t)
	first := at("2022-01-31T23:58:00Z")
	var rows []wire.WearRow
	for i, state := range []string{"WEAR", "NONWEAR", "NODATA", "CHARGING", "UNKNOWN"} {
		rows = append(rows, minute("hub/left", first.Add(time.Duration(i)*time.Minute), uint32(i+1), wire.StatusFinal, state))
	}
	rows[0] = wire.WearRow{Study: "s'1\\", Participant: "p", Side: "right", Thing: "hub", Sensor: "hub/left", Start: first, Algo: wearAlgo, Revision: 7, Status: wire.StatusCorrected, State: "WEAR", By: "choi"}
	rows[4].Study, rows[4].Participant, rows[4].Side, rows[4].By, rows[4].Status = "", "", "", "", wire.StatusProvisional
	sides := wire.NewSideRows()
	sides.Append(&wire.SideRow{Study: "st", Participant: "p", Side: "left", Thing: "hub", Sensor: "hub/left", Start: first, Length: 15 * time.Minute, Revision: 1, Status: wire.StatusFinal, Epochs: []byte{1}})
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 40, tick, recordOf(t, wire.RowsSides, sides), wearRecord(t, rows...), windowRecord(t, window("a", first, 1, wire.StatusFinal)), tick))

	expect(t, conn, "SELECT * FROM wear_60s ORDER BY window_start", strings.Join([]string{
		`s'1\,p,right,hub,hub/left,2022-01-31T23:58:00Z,` + wearAlgo + ",7,corrected,WEAR,choi",
		"st,p1,left,hub/left,hub/left,2022-01-31T23:59:00Z," + wearAlgo + ",2,final,NONWEAR,capsense",
		"st,p1,left,hub/left,hub/left,2022-02-01T00:00:00Z," + wearAlgo + ",3,final,NODATA,capsense",
		"st,p1,left,hub/left,hub/left,2022-02-01T00:01:00Z," + wearAlgo + ",4,final,CHARGING,capsense",
		",,,hub/left,hub/left,2022-02-01T00:02:00Z," + wearAlgo + ",5,provisional,UNKNOWN,",
	}, "\n"))
	expect(t, conn, "SELECT length_s, generation, partition, offset, count() FROM wear GROUP BY ALL", "60,1,3,42,5")
	expect(t, conn, "SELECT decided_by, countIf(state = 'WEAR') FROM wear_60s GROUP BY decided_by ORDER BY decided_by", ",0\ncapsense,0\nchoi,1")
	expect(t, conn, "SELECT offset FROM windows", "43")
}

// Every column of pairs comes back; a feature that rows do not have is NULL, and one
// that the table does not have is refused for good.
func TestPairColumns(t *testing.T) {
	_, conn := database(t)
	row := quarter("p'1", at("2026-11-21T10:15:00Z"), 3, wire.StatusFinal)
	row.Features = []float32{-1.5, 0.25}
	fewer := wire.NewPairRows(testPairs[:1])
	fewer.Append(&wire.PairRow{Study: "st", Participant: "p2", SensorLeft: "l", SensorRight: "r", Start: at("2026-12-01T00:00:00Z"), Algo: pairAlgo, Revision: 1, Status: wire.StatusProvisional, CoverageLeft: 0.5, CoverageRight: 1, Features: []float32{2}})
	write(t, fresh(conn), cutOf(wire.TopicParticipants, log1, 5, tick, pairRecord(t, row), recordOf(t, wire.RowsPairs, fewer)))
	expect(t, conn, "SELECT * FROM pairs_900s ORDER BY window_start", strings.Join([]string{
		"st,p'1,l,r,2026-11-21T10:15:00Z," + pairAlgo + ",3,final,1,0.75,-1.5,0.25",
		"st,p2,l,r,2026-12-01T00:00:00Z," + pairAlgo + ",1,provisional,0.5,1,2,NULL",
	}, "\n"))
	expect(t, conn, "SELECT length_s, generation, partition, offset FROM pairs ORDER BY offset", "900,1,3,6\n900,1,3,7")
	more := wire.NewPairRows(append(testPairs, "bimanual"))
	row.Features = append(row.Features, 1)
	more.Append(&row)
	err := fresh(conn).Write(t.Context(), cutOf(wire.TopicParticipants, log1, 8, recordOf(t, wire.RowsPairs, more)))
	if !sink.IsPermanent(err) || !strings.Contains(err.Error(), `"bimanual"`) {
		t.Fatalf("got %v", err)
	}
}

// The plain views have the last revision of what is not retracted, of the newest log;
// _all has all.
func TestWearAndPairRevisions(t *testing.T) {
	_, conn := database(t)
	start := at("2024-05-01T00:00:00Z")
	plain := []string{"1,provisional", "2,final", "3,corrected", "", "5,corrected"}
	views := []string{"wear_60s", "pairs_900s"}
	for i, status := range []string{wire.StatusProvisional, wire.StatusFinal, wire.StatusCorrected, wire.StatusRetracted, wire.StatusCorrected} {
		write(t, fresh(conn),
			cutOf(wire.TopicFeatures, log1, int64(i), wearRecord(t, minute("a", start, uint32(i+1), status, "WEAR"))),
			cutOf(wire.TopicParticipants, log1, int64(i), pairRecord(t, quarter("p1", start, uint32(i+1), status))))
		for _, view := range views {
			expect(t, conn, "SELECT revision, status FROM "+view, plain[i])
		}
	}
	for range 2 {
		for _, view := range views {
			expect(t, conn, "SELECT revision, status FROM "+view+"_all ORDER BY revision", "1,provisional\n2,final\n3,corrected\n4,retracted\n5,corrected")
			expect(t, conn, "SELECT revision, status FROM "+view, "5,corrected")
		}
		execute(t, conn, "OPTIMIZE TABLE wear FINAL")
		execute(t, conn, "OPTIMIZE TABLE pairs FINAL")
	}
	write(t, fresh(conn), cutOf(wire.TopicParticipants, log2, 0, pairRecord(t, quarter("p1", start, 1, wire.StatusFinal))))
	write(t, fresh(conn), cutOf(wire.TopicParticipants, log1, 9, pairRecord(t, quarter("p1", start, 6, wire.StatusFinal))))
	expect(t, conn, "SELECT revision, status FROM pairs_900s", "1,final")
	expect(t, conn, "SELECT revision, status FROM wear_60s", "5,corrected") // numbers of logs are by topic
	expect(t, conn, "SELECT topic, log_id, generation FROM logs ORDER BY topic, generation", strings.Join([]string{
		"wear.test.features.v1," + string(log1) + ",1", "wear.test.participants.v1," + string(log1) + ",1", "wear.test.participants.v1," + string(log2) + ",2"}, "\n"))
}

// What names a minute is (sensor, window_start, algo); what names a pair is
// (participant, study, window_start, sensor_left, sensor_right, algo).
func TestWearAndPairIdentity(t *testing.T) {
	_, conn := database(t)
	start := at("2024-05-01T00:00:00Z")
	minutes := []wire.WearRow{minute("a", start, 1, wire.StatusFinal, "WEAR")}
	pairs := []wire.PairRow{quarter("p1", start, 1, wire.StatusFinal)}
	for _, change := range []func(*wire.WearRow){
		func(r *wire.WearRow) { r.Sensor = "b" }, func(r *wire.WearRow) { r.Algo = "wear@2" }, func(r *wire.WearRow) { r.Start = start.Add(time.Minute) },
		func(r *wire.WearRow) { r.Study, r.Participant, r.Revision = "other", "other", 2 }, // assigned otherwise: the same minute
	} {
		r := minutes[0]
		change(&r)
		minutes = append(minutes, r)
	}
	for _, change := range []func(*wire.PairRow){
		func(r *wire.PairRow) { r.Study = "other" }, func(r *wire.PairRow) { r.Participant = "p2" }, func(r *wire.PairRow) { r.SensorLeft = "x" },
		func(r *wire.PairRow) { r.SensorRight = "x" }, func(r *wire.PairRow) { r.Algo = "pair.v2" }, func(r *wire.PairRow) { r.Start = start.Add(15 * time.Minute) },
	} {
		r := pairs[0]
		change(&r)
		pairs = append(pairs, r)
	}
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 0, wearRecord(t, minutes...)), cutOf(wire.TopicParticipants, log1, 0, pairRecord(t, pairs...)))
	expect(t, conn, "SELECT count(), countIf(study = 'other' AND sensor = 'a' AND revision = 2) FROM wear_60s", "4,1")
	expect(t, conn, "SELECT count() FROM pairs_900s", "7")
}

// Cuts of several tables and months are stored once, however often and with whatever
// bounds they are written, also where ClickHouse noted tokens and lost the rows.
func TestTablesOnce(t *testing.T) {
	_, conn := database(t)
	var mixed, pairs []stream.Record
	for i := range 10 {
		start := at("2022-01-31T22:00:00Z").Add(time.Duration(i) * time.Hour)
		mixed = append(mixed, manyWindows(t, "a", start, 10, 1, wire.StatusFinal), manyMinutes(t, "a", start, 60), tick)
		pairs = append(pairs, pairRecord(t, quarter("p1", start, 1, wire.StatusFinal), quarter("p2", start, 1, wire.StatusFinal)))
	}
	whole, both := cutOf(wire.TopicFeatures, log1, 0, mixed...), cutOf(wire.TopicParticipants, log1, 0, pairs...)
	s := fresh(conn)
	write(t, s, whole, both, whole, both)
	write(t, fresh(conn), whole, both)
	const counts = "SELECT (SELECT count() FROM windows), (SELECT count() FROM wear), (SELECT count() FROM pairs)"
	expect(t, conn, counts, "100,600,20")

	// A token without rows, in one of the tables only: as after a crash between parts.
	for round := range 2 {
		execute(t, conn, "ALTER TABLE wear DELETE WHERE toYYYYMM(window_start) = 202202 SETTINGS mutations_sync = 2")
		execute(t, conn, "ALTER TABLE pairs DELETE WHERE 1 SETTINGS mutations_sync = 2")
		reg := prometheus.NewRegistry()
		write(t, New(conn, cell, testSchema, reg), whole, both)
		expect(t, conn, counts, "100,600,20")
		// One block of wear and two of pairs, each under the next token.
		if got, want := counted(t, reg), fmt.Sprintf("clickhouse_blocks_resent %d,", 3*(round+1)); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}

	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 6, mixed[6:25]...), cutOf(wire.TopicParticipants, log1, 1, pairs[1:9]...))
	for range 2 {
		expect(t, conn, "SELECT count(), uniqExact(sensor, window_start, algo) FROM wear_60s", "600,600")
		expect(t, conn, "SELECT count() FROM wear_60s_all", "600")
		expect(t, conn, "SELECT count(), uniqExact(participant, window_start) FROM pairs_900s", "20,20")
		expect(t, conn, "SELECT count() FROM pairs_900s_all", "20")
		for _, table := range []string{tableWindows, tableWear, tablePairs} {
			execute(t, conn, "OPTIMIZE TABLE "+table+" FINAL")
		}
	}
	expect(t, conn, counts, "100,600,20")
}

// A write that ends between two tables is completed by the next one, and nothing is
// there twice.
func TestTablesInPart(t *testing.T) {
	_, conn := database(t)
	start := at("2022-01-31T23:30:00Z")
	cut := cutOf(wire.TopicFeatures, log1, 0, manyWindows(t, "a", start, 720, 1, wire.StatusFinal), manyMinutes(t, "a", start, 60))
	c := fresh(conn).(*clickhouse)
	blocks, err := c.rows(cut, 1)
	if err != nil || len(blocks) != 4 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	for n := range blocks {
		cut := cut
		cut.First, cut.Next = int64(10*n), int64(10*n+2)
		for i := range cut.Records {
			cut.Records[i].Offset = cut.First + int64(i)
		}
		if blocks, err = c.rows(cut, 1); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{tableWindows, tableWear} {
			execute(t, conn, "TRUNCATE TABLE "+table)
		}
		for _, b := range blocks[:n] {
			if err := c.insert(t.Context(), cut.Range, b); err != nil {
				t.Fatal(err)
			}
		}
		write(t, fresh(conn), cut)
		expect(t, conn, "SELECT (SELECT count() FROM windows), (SELECT count() FROM wear)", "720,60")
	}
}

// Rows of a type that a later version brings are not left out in silence.
func TestUnknownRows(t *testing.T) {
	_, conn := database(t)
	for _, topic := range []string{wire.TopicFeatures, wire.TopicParticipants} {
		later := recordOf(t, "days/1", wire.NewWearRows())
		err := fresh(conn).Write(t.Context(), cutOf(topic, log1, 7, tick, later))
		if !sink.IsPermanent(err) || !strings.Contains(err.Error(), "offset 8") || !strings.Contains(err.Error(), `"days/1"`) {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

// A database of before wear and pairs keeps what it has and gets what is missing. A
// sink that meets it unmigrated says what to do.
func TestMigrateFromBefore(t *testing.T) {
	cfg, conn := empty(t)
	o, err := cfg.options(cell)
	if err != nil {
		t.Fatal(err)
	}
	if err := createDatabase(t.Context(), *o); err != nil {
		t.Fatal(err)
	}
	db := ch.OpenDB(o)
	defer db.Close()
	m, err := migrator(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := addFeatures(t.Context(), conn, testSchema.tables()[0]); err != nil {
		t.Fatal(err)
	}
	cut := cutOf(wire.TopicFeatures, log1, 0, windowRecord(t, window("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal)))
	wears := cutOf(wire.TopicFeatures, log1, 1, wearRecord(t, minute("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal, "WEAR")))
	write(t, fresh(conn), cut)
	if err := fresh(conn).Write(t.Context(), wears); err == nil || sink.IsPermanent(err) || !strings.Contains(err.Error(), "restart the sink") {
		t.Errorf("no table of wear: %v", err)
	}
	for range 2 {
		if err := Migrate(t.Context(), cfg, cell, testSchema); err != nil {
			t.Fatal(err)
		}
		write(t, fresh(conn), cut, wears) // the first is there, by its token of before
		expect(t, conn, "SELECT enmo, offset FROM features_5s_all", "0.5,0")
		expect(t, conn, "SELECT count() FROM windows", "1")
		expect(t, conn, "SELECT state FROM wear_60s", "WEAR")
		expect(t, conn, "SELECT count() FROM pairs_900s", "0")
	}
	expect(t, conn, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'pairs_900s' ORDER BY position",
		strings.Join([]string{"study", "participant", "sensor_left", "sensor_right", "window_start", "algo", "revision", "status", "coverage_left", "coverage_right", "lag_ms", "corr"}, "\n"))
}
