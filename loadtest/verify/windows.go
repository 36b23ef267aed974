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

// readColumns asks which columns a feature row has. Its place in the log is no
// part of it.
func (v *verifier) readColumns(ctx context.Context) error {
	if v.ClickHouse == nil {
		return nil
	}
	sql := `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'windows'
		AND name NOT IN ('generation', 'partition', 'offset') ORDER BY position`
	return v.query(ctx, "columns of windows", sql, func(rows driver.Rows) error {
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
		v.columns = append(v.columns, c)
		return nil
	})
}

// rowBytes is the SQL of a row's bytes.
func (v *verifier) rowBytes() string {
	var list []string
	for _, c := range v.columns {
		name := "`" + c.name + "`"
		if c.kind == kindText {
			name = "toString(" + name + ")" // of an enumeration the word
		}
		list = append(list, name)
	}
	return "formatRow('RowBinary', " + strings.Join(list, ", ") + ")"
}

// compareWindows holds windows against the other copies of its rows, the views
// against windows, and the last rows against the samples.
func (v *verifier) compareWindows(ctx context.Context, t *truth) error {
	logs, err := v.generations(ctx)
	if err != nil {
		return err
	}
	if err := v.readWindows(ctx, logs); err != nil {
		return err
	}
	v.judgeRows()
	generation := map[word]uint32{}
	for g, log := range logs {
		generation[unique.Make(log)] = g
	}
	for _, seconds := range lengths {
		if err := v.compareView(ctx, seconds, generation); err != nil {
			return err
		}
	}
	v.judgeWindows(t, generation)
	return nil
}

// generations are the logs of features.v1 by their number.
func (v *verifier) generations(ctx context.Context) (map[uint32]string, error) {
	logs := map[uint32]string{}
	return logs, v.query(ctx, "logs", "SELECT topic, log_id, generation FROM logs", func(rows driver.Rows) error {
		var topic, log string
		var generation uint32
		err := rows.Scan(&topic, &log, &generation)
		if topic == wire.TopicName(v.Cell, wire.TopicFeatures) {
			logs[generation] = log
		}
		return err
	})
}

// readWindows reads every row of windows. One that neither the log nor an object
// has is a finding.
func (v *verifier) readWindows(ctx context.Context, logs map[uint32]string) error {
	sql := `SELECT sensor, toUnixTimestamp64Milli(window_start), length_s, algo, revision,
		generation, partition, offset, SHA256(` + v.rowBytes() + `) FROM windows`
	return v.query(ctx, "windows", sql, func(rows driver.Rows) error {
		var k rowKey
		var o origin
		var generation uint32
		var sensor, algo, sum string
		if err := rows.Scan(&sensor, &k.start, &k.length, &algo, &k.revision, &generation, &o.partition, &o.offset, &sum); err != nil {
			return err
		}
		o.log = logs[generation]
		k.sensor, k.algo, k.log = unique.Make(sensor), unique.Make(algo), unique.Make(o.log)
		at := o.place(wire.TopicFeatures)
		p, s := v.partitions[at], v.rows[k]
		switch {
		case v.beyond(at, o.offset):
		case s != nil:
			s.table = true
			s.compare(v, k, digest([]byte(sum[:16])), "windows")
		case p != nil && p.present && o.offset >= p.start:
			v.r.unexplained("%s is in windows and neither in the log nor in feature objects", k)
		default:
			v.r.lost(1, "%s is in windows and not in feature objects, and the log no longer has it", k)
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

// compareView holds the view of a length against the last revisions in windows.
// It is read later and may know newer ones.
func (v *verifier) compareView(ctx context.Context, seconds uint32, generation map[word]uint32) error {
	view := fmt.Sprintf("features_%ds", seconds)
	last := map[byAlgo]rowKey{}
	for k, s := range v.rows {
		key := byAlgo{k.window, k.algo}
		if have, ok := last[key]; k.length == seconds && s.table && (!ok || have.before(k, generation)) {
			last[key] = k
		}
	}
	shown := map[byAlgo]bool{}
	sql := "SELECT sensor, toUnixTimestamp64Milli(window_start), algo, revision, n FROM " + view
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
		case !ok: // newer than what was read of windows, or told
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
			v.r.lost(1, "%s is in windows and not in %s", key.window, view)
		}
	}
	return nil
}

// before reports whether a row of the same window is overruled by another.
func (k rowKey) before(o rowKey, generation map[word]uint32) bool {
	return cmp.Or(cmp.Compare(generation[k.log], generation[o.log]), cmp.Compare(k.revision, o.revision)) < 0
}
