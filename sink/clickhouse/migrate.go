package clickhouse

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/pressly/goose/v3"

	"github.com/wearstream/wearstream/stream/wire"
)

//go:embed migrations/*.sql
var migrations embed.FS

//go:embed views/*.sql
var staticViews embed.FS

// Migrate makes the database of a cell what this version needs: the database,
// its tables, a column of windows for each feature of the schema, and the views.
// features_<length> has the given feature columns. Columns are only ever added.
//
// Every step may be repeated and interrupted; several processes may migrate at
// once.
func Migrate(ctx context.Context, cfg Config, cell string, schema *arrow.Schema, views map[time.Duration][]string) error {
	o, err := cfg.options(cell)
	if err != nil {
		return err
	}
	if err := createDatabase(ctx, *o); err != nil {
		return err
	}
	if err := migrateTables(ctx, o); err != nil {
		return fmt.Errorf("migrate tables: %w", err)
	}
	conn, err := ch.Open(o)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := addFeatures(ctx, conn, schema); err != nil {
		return err
	}
	return createViews(ctx, conn, schema, views)
}

// createDatabase connects without the database, which may not be there.
func createDatabase(ctx context.Context, o ch.Options) error {
	name := o.Auth.Database
	o.Auth.Database = ""
	conn, err := ch.Open(&o)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+identifier(name)); err != nil {
		return fmt.Errorf("create database %q: %w", name, err)
	}
	return nil
}

// migrateTables runs what is missing of migrations. ClickHouse has no
// transactions and goose no lock for it: each migration must be one that may run
// twice, also at once (IF NOT EXISTS). A crash in the middle of one, or before it
// is noted, runs it again.
func migrateTables(ctx context.Context, o *ch.Options) error {
	db := ch.OpenDB(o)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectClickHouse, db, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func addFeatures(ctx context.Context, conn driver.Conn, schema *arrow.Schema) error {
	var add []string
	for _, f := range schema.Fields()[wire.FirstFeature:] {
		add = append(add, "ADD COLUMN IF NOT EXISTS "+identifier(f.Name)+" Nullable(Float32) CODEC(ZSTD(1))")
	}
	if add == nil {
		return nil
	}
	if err := conn.Exec(ctx, "ALTER TABLE windows "+strings.Join(add, ", ")); err != nil {
		return fmt.Errorf("add feature columns to windows: %w", err)
	}
	return nil
}

func createViews(ctx context.Context, conn driver.Conn, schema *arrow.Schema, views map[time.Duration][]string) error {
	files, err := fs.Glob(staticViews, "views/*.sql") // sorted: a view comes after what it reads
	if err != nil {
		return err
	}
	var statements []string
	for _, f := range files {
		sql, err := staticViews.ReadFile(f)
		if err != nil {
			return err
		}
		statements = append(statements, string(sql))
	}
	for length, features := range views {
		for _, f := range features {
			if !schema.HasField(f) {
				return fmt.Errorf("view %s: the schema has no feature %q", viewName(length), f)
			}
		}
		statements = append(statements, featureViews(length, features)...)
	}
	for _, sql := range statements {
		if err := conn.Exec(ctx, sql); err != nil {
			return errors.Join(fmt.Errorf("create views: %w", err))
		}
	}
	return nil
}

// windowColumns are the columns that every features view begins with.
var windowColumns = []string{
	"study", "participant", "side", "thing", "sensor", "window_start", "algo", "revision", "status", "final_reason", "lane",
	"n", "n_expected", "coverage", "dup_n", "clip_n", "flags", "clock_offset_ms", "cal_id", "input_digest",
}

func viewName(length time.Duration) string {
	return fmt.Sprintf("features_%ds", int64(length/time.Second))
}

// featureViews are the views of one window length: every revision, and the last
// one of each window. Reading in the order of the table's key makes the second
// one a merge that holds one row at a time.
func featureViews(length time.Duration, features []string) []string {
	columns := slices.Clone(windowColumns)
	for _, f := range features {
		columns = append(columns, identifier(f))
	}
	list, name, seconds := strings.Join(columns, ", "), viewName(length), int64(length/time.Second)
	return []string{
		fmt.Sprintf(`CREATE OR REPLACE VIEW %s_all AS
SELECT %s, generation, partition, offset
FROM windows FINAL
WHERE length_s = %d`, name, list, seconds),
		fmt.Sprintf(`CREATE OR REPLACE VIEW %s AS
SELECT %s
FROM
(
    SELECT * FROM windows
    WHERE length_s = %d
    ORDER BY length_s, sensor, algo, window_start, generation DESC, revision DESC, offset DESC
    LIMIT 1 BY length_s, sensor, algo, window_start
)
WHERE status != 'retracted'`, name, list, seconds),
	}
}

// identifier quotes a name.
func identifier(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
