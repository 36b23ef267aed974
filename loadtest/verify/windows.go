package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unique"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/wearstream/wearstream/stream/wire"
)

// readColumns asks which columns rows have. Their place in the log is no part of
// them.
func (v *verifier) readColumns(ctx context.Context) error {
	if v.ClickHouse == nil {
		return nil
	}
	for _, t := range v.tables {
		if err := v.readColumnsOf(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) readColumnsOf(ctx context.Context, t *table) error {
	sql := `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '` + t.name + `'
		AND name NOT IN ('generation', 'partition', 'offset') ORDER BY position`
	return v.query(ctx, "columns of "+t.name, sql, func(rows driver.Rows) error {
		var c column
		var kind string
		if err := rows.Scan(&c.name, &kind); err != nil {
			return err
		}
		switch {
		case kind == "String", kind == "LowCardinality(String)", strings.HasPrefix(kind, "Enum8("):
			c.kind = kindText
		case strings.HasPrefix(kind, "DateTime64(3"):
			c.kind = kindTime
		case kind == "UInt32":
			c.kind = kindNumber
		case kind == "Float32":
			c.kind = kindFloat
		case kind == "Nullable(Float32)":
			c.kind = kindNullable
		default:
			return fmt.Errorf("column %q is %s, which this version does not compare", c.name, kind)
		}
		c.whose = slices.Contains(t.whose, c.name)
		t.columns = append(t.columns, c)
		return nil
	})
}

// rowBytes is the SQL of a row's bytes.
func (t *table) rowBytes() string {
	var list []string
	for _, c := range t.columns {
		name := "`" + c.name + "`"
		if c.kind == kindText {
			name = "toString(" + name + ")" // of an enumeration the word
		}
		list = append(list, name)
	}
	return "formatRow('RowBinary', " + strings.Join(list, ", ") + ")"
}

// compareRows holds the tables against the other copies of their rows, the views
// against the tables, and the last rows of windows against the samples.
func (v *verifier) compareRows(ctx context.Context, t *truth) error {
	logs, generation, err := v.generations(ctx)
	if err != nil {
		return err
	}
	for _, table := range v.tables {
		if err := v.readTable(ctx, table, logs); err != nil {
			return err
		}
	}
	v.judgeRows()
	for _, table := range v.tables {
		for _, seconds := range table.lengths {
			if err := v.compareView(ctx, table, seconds, generation); err != nil {
				return err
			}
		}
	}
	v.judgeWindows(t, generation)
	return nil
}

// numbered is a log by the number that ClickHouse has for it among those of a topic.
type numbered struct {
	topic      string // short name
	generation uint32
}

// generations are the logs by their numbers, and their numbers.
func (v *verifier) generations(ctx context.Context) (logs map[numbered]string, generation map[word]uint32, err error) {
	logs, generation = map[numbered]string{}, map[word]uint32{}
	return logs, generation, v.query(ctx, "logs", "SELECT topic, log_id, generation FROM logs", func(rows driver.Rows) error {
		var topic, log string
		var g uint32
		err := rows.Scan(&topic, &log, &g)
		logs[numbered{strings.TrimPrefix(topic, wire.TopicName(v.Cell, "")), g}] = log
		generation[unique.Make(log)] = g
		return err
	})
}

// whoseSQL is what says whose window a row is of.
func (t *table) whoseSQL() string {
	return "arrayStringConcat([toString(" + strings.Join(t.whose, "), toString(") + ")], ' ')"
}

// readTable reads every row of a table. One that neither the log nor an object has is
// a finding.
func (v *verifier) readTable(ctx context.Context, t *table, logs map[numbered]string) error {
	sql := `SELECT ` + t.whoseSQL() + `, toUnixTimestamp64Milli(window_start), length_s, algo, revision,
		generation, partition, offset, SHA256(` + t.rowBytes() + `) FROM ` + t.name
	return v.query(ctx, t.name, sql, func(rows driver.Rows) error {
		k := rowKey{table: t}
		var o origin
		var generation uint32
		var sensor, algo, sum string
		if err := rows.Scan(&sensor, &k.start, &k.length, &algo, &k.revision, &generation, &o.partition, &o.offset, &sum); err != nil {
			return err
		}
		o.log = logs[numbered{t.topic, generation}]
		k.sensor, k.algo, k.log = unique.Make(sensor), unique.Make(algo), unique.Make(o.log)
		at := o.place(t.topic)
		p, s := v.partitions[at], v.rows[k]
		switch {
		case v.beyond(at, o.offset):
		case s != nil:
			s.table = true
			s.compare(v, k, digest([]byte(sum[:16])), t.name)
		case p != nil && p.present && o.offset >= p.start:
			v.r.unexplained("%s is in %s and neither in the log nor in %s", k, t.name, t.objects())
		default:
			v.r.lost(1, "%s is in %s and not in %s, and the log no longer has it", k, t.name, t.objects())
		}
		return nil
	})
}

// byAlgo names what a view has one row of.
type byAlgo struct {
	window
	algo word
}

func (k byAlgo) compare(o byAlgo) int {
	return cmp.Or(k.window.compare(o.window), cmp.Compare(k.algo.Value(), o.algo.Value()))
}

// compareView holds the view of a length against the last revisions in its table.
// It is read later and may know newer ones.
func (v *verifier) compareView(ctx context.Context, t *table, seconds uint32, generation map[word]uint32) error {
	view, n := fmt.Sprintf("%s_%ds", t.folder, seconds), "n"
	if t.schema != wire.RowsWindows {
		n = "toUInt32(0)" // only windows count samples
	}
	last := map[byAlgo]rowKey{}
	for k, s := range v.rows {
		key := byAlgo{k.window, k.algo}
		if have, ok := last[key]; k.table == t && k.length == seconds && s.table && (!ok || have.before(k, generation)) {
			last[key] = k
		}
	}
	shown := map[byAlgo]bool{}
	sql := "SELECT " + t.whoseSQL() + ", toUnixTimestamp64Milli(window_start), algo, revision, " + n + " FROM " + view
	err := v.query(ctx, view, sql, func(rows driver.Rows) error {
		var sensor, algo string
		var start int64
		var revision, n uint32
		if err := rows.Scan(&sensor, &start, &algo, &revision, &n); err != nil {
			return err
		}
		key := byAlgo{window{unique.Make(sensor), start, seconds}, unique.Make(algo)}
		k, ok := last[key]
		switch {
		case !ok: // newer than what was read of the table, or told
		case shown[key]:
			v.r.doubled(1, "%s is more than once in %s", key.window, view)
		case revision < k.revision || revision == k.revision && n != v.rows[k].n:
			v.r.unexplained("%s is in %s with revision %d and %d samples, its last row is revision %d with %d", key.window, view, revision, n, k.revision, v.rows[k].n)
		}
		shown[key] = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(last), byAlgo.compare) {
		if !shown[key] && v.rows[last[key]].status != retracted {
			v.r.lost(1, "%s is in %s and not in %s", key.window, t.name, view)
		}
	}
	return nil
}

// before reports whether a row of the same window is overruled by another.
func (k rowKey) before(o rowKey, generation map[word]uint32) bool {
	return cmp.Or(cmp.Compare(generation[k.log], generation[o.log]), cmp.Compare(k.revision, o.revision)) < 0
}
