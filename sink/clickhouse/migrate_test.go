package clickhouse

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/stream/wire"
)

// A cell's database is made where there is none, by several at once, and again.
func TestMigrateConcurrently(t *testing.T) {
	u := enginetest.Server(t)
	cfg, cell := Config{DSN: u.String()}, "eu-1."+strings.ToLower(rand.Text())
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = Migrate(t.Context(), cfg, cell, testSchema) })
	}
	wg.Wait()
	conn, err := Open(cfg, cell)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Cleanup(func() {
		o, err := ch.ParseDSN(cfg.DSN)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := ch.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		if err := admin.Exec(context.Background(), "DROP DATABASE "+identifier(Database(cell))+" SYNC"); err != nil {
			t.Error(err)
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if err := Migrate(t.Context(), cfg, cell, testSchema); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE '%goose%' ORDER BY name", strings.Join([]string{
		"batches", "batches_all", "device_status", "device_status_all", "features_5s", "features_5s_all", "features_60s", "features_60s_all", "features_900s", "features_900s_all",
		"logs", "pairs", "pairs_900s", "pairs_900s_all", "quarantine", "quarantine_all", "samples", "score_calls", "scored_windows", "scores", "scores_all", "wear", "wear_60s", "wear_60s_all", "windows",
	}, "\n"))
	expect(t, conn, "SELECT max(version_id) FROM goose_db_version", "4")
}

// A feature set that grows adds columns; rows of before have NULL there.
func TestMigrateAddsFeatures(t *testing.T) {
	cfg, conn := database(t)
	write(t, fresh(conn), cutOf(wire.TopicFeatures, log1, 0, windowRecord(t, window("a", at("2024-05-01T00:00:00Z"), 1, wire.StatusFinal))))
	more := Schema{
		Windows: wire.WindowSchema(append(testFeatures, "jerk `mean")),
		Views:   map[time.Duration][]string{5 * time.Second: {"enmo", "jerk `mean"}},
		Pairs:   wire.PairSchema(append(testPairs, "bimanual")),
	}
	if err := Migrate(t.Context(), cfg, cell, more); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, "SELECT enmo, `jerk \\`mean` FROM features_5s", "0.5,NULL")
	expect(t, conn, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'features_5s' ORDER BY position", strings.Join([]string{
		"study,LowCardinality(String)", "participant,LowCardinality(String)", "side,LowCardinality(String)", "thing,LowCardinality(String)", "sensor,LowCardinality(String)",
		"window_start,DateTime64(3, 'UTC')", "algo,LowCardinality(String)", "revision,UInt32",
		"status,Enum8('provisional' = 1, 'final' = 2, 'corrected' = 3, 'retracted' = 4)", "final_reason,LowCardinality(String)",
		"lane,Enum8('live' = 1, 'backlog' = 2, 'recompute' = 3)", "n,UInt32", "n_expected,UInt32", "coverage,Float32", "dup_n,UInt32", "clip_n,UInt32", "flags,UInt32",
		"clock_offset_ms,Nullable(Float32)", "cal_id,LowCardinality(String)", "input_digest,String", "enmo,Nullable(Float32)", "jerk `mean,Nullable(Float32)",
	}, "\n"))
}

func TestMigrateRefusesUnknownFeature(t *testing.T) {
	cfg, _ := database(t)
	schema := testSchema
	schema.Views = map[time.Duration][]string{5 * time.Second: {"jerk"}}
	err := Migrate(t.Context(), cfg, cell, schema)
	if err == nil || !strings.Contains(err.Error(), `"jerk"`) {
		t.Fatalf("got %v", err)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct{ dsn, file, want string }{
		{"", "", "clickhouse.dsn"},
		{"clickhouse://h:9000", "", "scheme"},
		{"http://u:p@h:8123", "f", "clickhouse.password_file"},
		{"http://u@h:8123", "f", ""},
	} {
		err := Config{DSN: c.dsn, PasswordFile: c.file}.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
