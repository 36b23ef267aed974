package clickhouse

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

//go:embed views/*.sql
var staticViews embed.FS

// Migrate makes the database of a cell what this version needs: the database,
// its tables, a column of windows and of pairs for each feature of the schema, and
// the views. Columns are only ever added.
//
// Every step may be repeated and interrupted; several processes may migrate at
// once.
func Migrate(ctx context.Context, cfg Config, cell string, schema Schema) error {
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
	for _, t := range schema.tables() {
		if err := addFeatures(ctx, conn, t); err != nil {
			return err
		}
	}
	return createViews(ctx, conn, schema)
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
	m, err := migrator(db)
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return err
}

func migrator(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectClickHouse, db, files)
}

func addFeatures(ctx context.Context, conn driver.Conn, t rowTable) error {
	var add []string
	for _, f := range t.schema.Fields()[t.fixed:] {
		add = append(add, "ADD COLUMN IF NOT EXISTS "+identifier(f.Name)+" Nullable(Float32) CODEC(ZSTD(1))")
	}
	if add == nil {
		return nil
	}
	if err := conn.Exec(ctx, "ALTER TABLE "+t.name+" "+strings.Join(add, ", ")); err != nil {
		return fmt.Errorf("add feature columns to %s: %w", t.name, err)
	}
	return nil
}

func createViews(ctx context.Context, conn driver.Conn, schema Schema) error {
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
	of, err := schema.views()
	if err != nil {
		return err
	}
	for _, v := range of {
		statements = append(statements, v.statements()...)
	}
	for _, sql := range statements {
		if err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create views: %w", err)
		}
	}
	return nil
}

// view is what people see of a table's rows of one length.
type view struct {
	rowTable
	name     string // ends in the length
	seconds  int64
	features []string
}

func (s Schema) views() ([]view, error) {
	tables := s.tables()
	windows, wear, pairs := tables[0], tables[1], tables[2]
	all := []view{
		{wear, "wear_60s", 60, nil},
		{pairs, "pairs_900s", 900, names(pairs.schema.Fields()[pairs.fixed:])},
	}
	for length, features := range s.Views {
		v := view{windows, "", int64(length / time.Second), features}
		v.name = fmt.Sprintf("features_%ds", v.seconds)
		for _, f := range features {
			if !s.Windows.HasField(f) {
				return nil, fmt.Errorf("view %s: the schema has no feature %q", v.name, f)
			}
		}
		all = append(all, v)
	}
	return all, nil
}

func names(fields []arrow.Field) (names []string) {
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// statements make the two views: every revision, and the last one of each identity.
// Reading in the order of the table's key makes the second one a merge that holds one
// row at a time.
func (v *view) statements() []string {
	columns := append(names(v.schema.Fields()[:v.fixed]), v.features...)
	columns = slices.DeleteFunc(columns, func(name string) bool { return name == "length_s" })
	for i := range columns {
		columns[i] = identifier(columns[i])
	}
	list, identity := strings.Join(columns, ", "), strings.Join(v.identity(), ", ")
	return []string{
		fmt.Sprintf(`CREATE OR REPLACE VIEW %s_all AS
SELECT %s, generation, partition, offset
FROM %s FINAL
WHERE length_s = %d`, v.name, list, v.rowTable.name, v.seconds),
		fmt.Sprintf(`CREATE OR REPLACE VIEW %s AS
SELECT %s
FROM
(
    SELECT * FROM %s
    WHERE length_s = %d
    ORDER BY %s, generation DESC, revision DESC, offset DESC
    LIMIT 1 BY %s
)
WHERE status != 'retracted'`, v.name, list, v.rowTable.name, v.seconds, identity, identity),
	}
}

// identifier quotes a name.
func identifier(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
