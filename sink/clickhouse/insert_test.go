package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/clickhouse/engine"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// manyWindows is a record of n windows of one sensor from start on.
func manyWindows(t testing.TB, sensor string, start time.Time, n int, revision uint32, status string) stream.Record {
	rows := make([]wire.WindowRow, n)
	for i := range rows {
		rows[i] = window(sensor, start.Add(time.Duration(i)*5*time.Second), revision, status)
	}
	return windowRecord(t, rows...)
}

// The same cut is stored once, whoever writes it, and however often at once.
func TestSameCut(t *testing.T) {
	cfg, conn := database(t)
	windows := cutOf(wire.TopicFeatures, log1, 0,
		manyWindows(t, "a", at("2022-01-31T23:00:00Z"), 1000, 1, wire.StatusFinal), tick, manyWindows(t, "b", at("2024-05-01T00:00:00Z"), 500, 1, wire.StatusFinal))
	batches := cutOf(wire.TopicDevice, log1, 0, batchRecord("a", batch(1, 0, 10)), batchRecord("a", batch(1, 1, 10)))
	s := fresh(conn)
	write(t, s, windows, batches, windows, batches)
	write(t, fresh(connect(t, cfg)), windows, batches)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { write(t, fresh(conn), windows, batches) })
	}
	wg.Wait()
	expect(t, conn, "SELECT toYYYYMM(window_start) AS month, count() FROM windows GROUP BY month ORDER BY month", "202201,720\n202202,280\n202405,500")
	expect(t, conn, "SELECT count() FROM batches_all", "2")
}

// Inserts of several partitions at once are the first that happens on a client, so
// connections are dialed within inserts.
func TestFirstInserts(t *testing.T) {
	cfg, conn := database(t)
	const partitions, records, samples = 24, 50, 320
	s := fresh(connect(t, cfg)).(*clickhouse)
	s.generations[logKey{wire.TopicName(cell, wire.TopicDevice), log1}] = 1 // else a query comes first
	var wg sync.WaitGroup
	for p := range partitions {
		cut := cutOf(wire.TopicDevice, log1, 0, make([]stream.Record, records)...)
		cut.Partition = int32(p)
		for i := range cut.Records {
			cut.Records[i] = batchRecord(fmt.Sprint("s", p), batch(1, uint64(i), samples))
			cut.Records[i].Partition, cut.Records[i].Offset = int32(p), int64(i)
		}
		wg.Go(func() {
			if err := s.Write(context.Background(), cut); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	expect(t, conn, "SELECT count(), uniqExact(partition), sum(length(x)) FROM batches_all",
		fmt.Sprintf("%d,%d,%d", partitions*records, partitions, partitions*records*samples))
}

// A cut with other bounds over the same records repeats rows; the views, and
// merges, show them once.
func TestOverlappingCuts(t *testing.T) {
	_, conn := database(t)
	var records, devices []stream.Record
	for i := range 10 {
		records = append(records, manyWindows(t, fmt.Sprint("s", i), at("2024-05-01T00:00:00Z"), 100, 1, wire.StatusFinal))
		devices = append(devices, batchRecord("a", batch(1, uint64(i), 4)))
	}
	for _, bounds := range [][2]int{{0, 4}, {4, 6}, {0, 10}, {2, 9}} {
		write(t, fresh(conn),
			cutOf(wire.TopicFeatures, log1, int64(bounds[0]), records[bounds[0]:bounds[1]]...),
			cutOf(wire.TopicDevice, log1, int64(bounds[0]), devices[bounds[0]:bounds[1]]...))
	}
	for range 2 {
		expect(t, conn, "SELECT count(), uniqExact(sensor, window_start) FROM features_5s", "1000,1000")
		expect(t, conn, "SELECT count() FROM features_5s_all", "1000")
		expect(t, conn, "SELECT count() FROM batches", "10")
		expect(t, conn, "SELECT count() FROM samples", "40")
		for _, table := range []string{"windows", "batches_all"} {
			if err := conn.Exec(t.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, conn, "SELECT count() FROM windows", "1000")
	expect(t, conn, "SELECT count() FROM batches_all", "10")
}

// ClickHouse may die after it noted a token and before it shows the rows. Deleted
// rows leave the same behind: a token without them.
func TestTokenWithoutRows(t *testing.T) {
	_, conn := database(t)
	windows := cutOf(wire.TopicFeatures, log1, 0, manyWindows(t, "a", at("2024-05-01T00:00:00Z"), 1000, 1, wire.StatusFinal))
	batches := cutOf(wire.TopicDevice, log1, 0, batchRecord("a", batch(1, 0, 10)))
	write(t, fresh(conn), windows, batches)
	for round := range 2 { // the second round finds two tokens noted
		for _, table := range []string{tableWindows, tableBatches} {
			if err := conn.Exec(t.Context(), "ALTER TABLE "+table+" DELETE WHERE 1 SETTINGS mutations_sync = 2"); err != nil {
				t.Fatal(err)
			}
			expect(t, conn, "SELECT count() FROM "+table, "0")
		}
		reg := prometheus.NewRegistry()
		write(t, New(conn, cell, testSchema, reg), windows, batches, windows, batches)
		expect(t, conn, "SELECT count() FROM windows", "1000")
		expect(t, conn, "SELECT count() FROM batches_all", "1")
		// Each write of a cut whose first tokens are spent walks over them again.
		if got, want := counted(t, reg), fmt.Sprintf("clickhouse_blocks_resent %d,", 2*(round+1)); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A log gets one number, whoever meets it first, and a number one log.
func TestGenerationRace(t *testing.T) {
	_, conn := database(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := make(map[stream.LogID]map[uint32]bool)
	for i := range 12 {
		log := stream.LogID(fmt.Sprintf("%032d", i%3))
		wg.Go(func() {
			c := fresh(conn).(*clickhouse)
			g, err := c.generation(context.Background(), "topic", log)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if got[log] == nil {
				got[log] = make(map[uint32]bool)
			}
			got[log][g] = true
		})
	}
	wg.Wait()
	for log, numbers := range got {
		if len(numbers) != 1 {
			t.Errorf("log %s has numbers %v", log, numbers)
		}
	}
	expect(t, conn, "SELECT generation, count() FROM logs GROUP BY generation ORDER BY generation", "1,1\n2,1\n3,1")
}

// A number whose token was noted without a row is claimed again.
func TestGenerationWithoutRow(t *testing.T) {
	_, conn := database(t)
	if err := conn.Exec(t.Context(), "INSERT INTO logs SETTINGS insert_deduplication_token = 'topic|1|0', async_insert = 0 VALUES ('topic', 'x', 1)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE logs DELETE WHERE 1 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	g, err := fresh(conn).(*clickhouse).generation(t.Context(), "topic", log1)
	if g != 1 || err != nil {
		t.Fatalf("got %d, %v", g, err)
	}
	expect(t, conn, "SELECT log_id, generation FROM logs", string(log1)+",1")
}

// The engine is killed at a dozen moments of a write, from its beginning to its
// end; the caller tries the same cut again. All of it is there, once.
func TestKilledEngine(t *testing.T) {
	ctx, o := t.Context(), enginetest.Options(t)
	var child *engine.Child
	var cfg Config
	start := func() {
		var err error
		if child, err = engine.Start(ctx, o); err != nil {
			t.Fatal(err)
		}
		cfg = Config{DSN: "http://" + enginetest.User + "@" + child.Addr, PasswordFile: o.PasswordFile}
	}
	const kills, rows, minutes = 12, 20_000, 2_000
	cut := func(i int) stream.Cut { // two months of two tables, so four inserts
		sensor, start := fmt.Sprint("s", i), at("2024-04-30T12:00:00Z")
		return cutOf(wire.TopicFeatures, log1, int64(3*i), manyWindows(t, sensor, start, rows, 1, wire.StatusFinal), manyMinutes(t, sensor, start, minutes), tick)
	}
	start()
	if err := Migrate(ctx, cfg, cell, testSchema); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, cfg)
	write(t, fresh(conn), cut(0))
	begun := time.Now()
	write(t, fresh(conn), cut(1))
	whole := time.Since(begun)

	hit, left := 0, make(map[string]int)
	for i := range kills {
		next, pid := cut(2+i), child.PID()
		timer := time.AfterFunc(whole*time.Duration(i)/(kills-1), func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		if err := fresh(connect(t, cfg)).Write(ctx, next); err != nil {
			hit++
		}
		if child.Wait() == nil {
			t.Fatal("a killed engine ended well")
		}
		timer.Stop()
		start()
		conn = connect(t, cfg)
		left[table(t, conn, fmt.Sprintf("SELECT (SELECT count() FROM windows WHERE sensor = 's%d') AS w, (SELECT count() FROM wear WHERE sensor = 's%[1]d') AS m", 2+i))]++
		write(t, fresh(conn), next)
	}
	t.Logf("%d of %d writes failed; windows and minutes of the cut that the killed engine kept: %v", hit, kills, left)
	if hit == 0 {
		t.Error("no write was hit")
	}
	expect(t, conn, "SELECT count(), uniqExact(sensor, window_start) FROM windows", fmt.Sprintf("%d,%[1]d", (2+kills)*rows))
	expect(t, conn, "SELECT count() FROM features_5s", fmt.Sprint((2+kills)*rows))
	expect(t, conn, "SELECT count(), uniqExact(sensor, window_start) FROM wear", fmt.Sprintf("%d,%[1]d", (2+kills)*minutes))
	if err := child.Stop(); err != nil {
		t.Error(err)
	}
}

// An error says what was to be stored, and is for the caller to try again.
func TestUnreachable(t *testing.T) {
	conn := connect(t, Config{DSN: "http://u@127.0.0.1:1"})
	err := fresh(conn).Write(t.Context(), cutOf(wire.TopicFeatures, log1, 5, windowRecord(t, window("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal))))
	if err == nil || !strings.Contains(err.Error(), "store offsets 5 to 6 of wear.test.features.v1/3") || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("got %v", err)
	}
}

// What only a person can change is said; it is tried again all the same.
func TestExplained(t *testing.T) {
	cfg, conn := database(t)
	cut := cutOf(wire.TopicFeatures, log1, 0, windowRecord(t, window("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal)))
	for _, change := range []string{"ALTER TABLE windows DROP COLUMN flags", "DROP TABLE windows SYNC", "DROP TABLE logs SYNC"} {
		if err := conn.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		err := fresh(conn).Write(t.Context(), cut)
		if err == nil || sink.IsPermanent(err) || !strings.Contains(err.Error(), "restart the sink") {
			t.Errorf("%s: got %v", change, err)
		}
	}
	cfg.PasswordFile = passwordFile(t, "wrong")
	err := fresh(connect(t, cfg)).Write(t.Context(), cut)
	if err == nil || !strings.Contains(err.Error(), "clickhouse.password_file") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: got %v", err)
	}
}

func TestPasswordFileMissing(t *testing.T) {
	_, err := Open(Config{DSN: "http://u@127.0.0.1:1", PasswordFile: t.TempDir() + "/none"}, cell)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "clickhouse.password_file") {
		t.Fatalf("got %v", err)
	}
}
