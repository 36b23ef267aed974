package verify_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/loadtest/verify"
	"github.com/wearstream/wearstream/stream/wire"
)

// rows is a record of rows as a processor writes it.
func (w *world) rows(schema string, of interface{ Encode() ([]byte, error) }) *kgo.Record {
	w.t.Helper()
	value, err := of.Encode()
	must(w.t, err)
	return &kgo.Record{Value: value, Headers: headersOf(wire.HeaderKind, wire.KindRows, wire.HeaderSchema, schema)}
}

// derive puts minutes of wear and pairs into the log, some of which overrule others: of
// w1 two minutes, the first in two revisions, and one that is retracted; of p1 two
// quarters of an hour, the second retracted.
func (w *world) derive() {
	w.t.Helper()
	minutes, pairs, sides := wire.NewWearRows(), wire.NewPairRows([]string{"lag_ms"}), wire.NewSideRows()
	minute := func(at int, revision uint32, status, state string) {
		minutes.Append(&wire.WearRow{Study: "S1", Participant: "p1", Side: "left", Thing: "w1", Sensor: "w1", Start: recorded.Truncate(time.Minute).Add(time.Duration(at) * time.Minute),
			Algo: "wear@1.0.0+0123abcd", Revision: revision, Status: status, State: state})
	}
	minute(0, 1, wire.StatusProvisional, "NODATA")
	minute(0, 2, wire.StatusFinal, "WEAR")
	minute(1, 1, wire.StatusFinal, "NONWEAR")
	minute(2, 1, wire.StatusFinal, "WEAR")
	minute(2, 2, wire.StatusRetracted, "UNKNOWN")
	quarter := func(at int, revision uint32, status string, lag float32) {
		pairs.Append(&wire.PairRow{Study: "S1", Participant: "p1", SensorLeft: "w1", SensorRight: "w2/left", Start: recorded.Truncate(15 * time.Minute).Add(time.Duration(at) * 15 * time.Minute),
			Algo: "pair.v1@1.0.0+0123abcd", Revision: revision, Status: status, CoverageLeft: 1, CoverageRight: 0.5, Features: []float32{lag}})
	}
	quarter(0, 1, wire.StatusFinal, 12)
	quarter(1, 1, wire.StatusFinal, 13)
	quarter(1, 2, wire.StatusRetracted, float32(math.NaN()))
	sides.Append(&wire.SideRow{Study: "S1", Participant: "p1", Side: "left", Thing: "w1", Sensor: "w1", Start: recorded, Length: 15 * time.Minute, Revision: 1, Status: wire.StatusFinal, Epochs: []byte{1}})
	w.put(wire.TopicFeatures, w.rows(wire.RowsSides, sides), w.rows(wire.RowsWear, minutes), w.tick())
	w.put(wire.TopicParticipants, w.rows(wire.RowsPairs, pairs), w.tick())
}

// objectOf is the path of the one object of a table.
func (w *world) objectOf(table string) string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.objects, cell, table, "v1", "study=S1", "date=2026-03-01", "*.parquet"))
	must(w.t, err)
	if len(paths) != 1 {
		w.t.Fatalf("%d objects of %s", len(paths), table)
	}
	return paths[0]
}

// TestWearAndPairs: rows of wear and pairs are held together as windows are.
func TestWearAndPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	w.derive()
	w.sink()
	r := w.verify()
	w.wants(r, 0, 0, 0, "")
	w.explains(r, clean)
	if r.Minutes != 5 || r.Pairs != 3 || r.Rows != 20 || r.Windows != 19 {
		t.Errorf("%d minutes, %d pairs, %d rows of %d windows", r.Minutes, r.Pairs, r.Rows, r.Windows)
	}
	all := []tampering{
		{"a state changed", func(w *world) {
			w.exec("ALTER TABLE wear UPDATE state = 'CHARGING' WHERE state = 'NONWEAR' SETTINGS mutations_sync = 1")
		}, 0, 0, 1, "other bytes in wear"},
		{"a feature of a pair changed", func(w *world) {
			w.exec("ALTER TABLE pairs UPDATE lag_ms = NULL WHERE lag_ms = 12 SETTINGS mutations_sync = 1")
		}, 0, 0, 1, "other bytes in pairs"},
		{"the last revision missing in the table", func(w *world) { w.exec("DELETE FROM wear WHERE status = 'retracted'") }, 1, 0, 0, "is not in wear"},
		{"a minute of nowhere", func(w *world) {
			w.exec("INSERT INTO wear SELECT * REPLACE ('w9' AS sensor) FROM wear AS t WHERE t.state = 'NONWEAR'")
		}, 0, 0, 1, "of w9 is in wear and neither in the log nor in wear objects"},
		{"a pair of another right wrist", func(w *world) {
			w.exec("INSERT INTO pairs SELECT * REPLACE ('w9' AS sensor_right) FROM pairs AS t WHERE t.lag_ms = 12")
		}, 0, 0, 1, "of S1 p1 w1 w9 is in pairs and neither in the log nor in pair objects"},
	}
	for _, table := range []struct {
		name, view, objects string
		rows, shown         int
	}{{"wear", "wear_60s", "wear objects", 5, 2}, {"pairs", "pairs_900s", "pair objects", 3, 1}} {
		all = append(all,
			tampering{table.name + " empty", func(w *world) { w.exec("TRUNCATE TABLE %s", table.name) }, table.rows, 0, 0, "is not in " + table.name},
			tampering{table.view + " shows twice", func(w *world) {
				w.exec("CREATE OR REPLACE VIEW %s AS SELECT * FROM (SELECT * FROM %[2]s ORDER BY revision DESC LIMIT 1 BY window_start) ARRAY JOIN [1, 2] AS twice WHERE status != 'retracted'", table.view, table.name)
			}, 0, table.shown, 0, "more than once in " + table.view},
			tampering{table.view + " shows less", func(w *world) {
				w.exec("CREATE OR REPLACE VIEW %s AS SELECT * FROM %s WHERE status = 'retracted'", table.view, table.name)
			}, table.shown, 0, 0, fmt.Sprintf("is in %s and not in %s", table.name, table.view)},
			tampering{table.name + " object missing", func(w *world) { w.remove(w.objectOf(table.name)) }, table.rows, 0, 0, "is not in " + table.objects},
			tampering{table.name + " object copied", func(w *world) {
				at := w.objectOf(table.name)
				w.copy(at, filepath.Join(filepath.Dir(at), strings.Replace(filepath.Base(at), "-0000-", "-0001-", 1)))
			}, 0, table.rows, 0, "is a copy of"},
			tampering{table.name + " object in another date", func(w *world) {
				w.copy(w.objectOf(table.name), strings.Replace(w.objectOf(table.name), "date=2026-03-01", "date=2026-03-02", 1))
			}, 0, 0, table.rows, "do not look"},
		)
	}
	all = append(all, tampering{"wear among pairs", func(w *world) {
		w.copy(w.objectOf("wear"), strings.Replace(w.objectOf("wear"), "/wear/v1/", "/pairs/v1/", 1))
	}, 0, 0, 1, "it says that it is of features.v1"})
	w.suffers(t, all)
}

// TestWearAndPairsAgain: an embedded log that repeats rows is explained, by each of them.
func TestWearAndPairsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	w.derive()
	w.derive()
	w.sink()
	r := w.verify()
	w.wants(r, 0, 0, 0, "")
	if got := r.Explained[verify.ClassEmbeddedRepeat]; got != 5+3 {
		t.Errorf("%d repeats, want 8", got)
	}
}
