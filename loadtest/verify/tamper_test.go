package verify_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/loadtest/verify"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// clean is what a filled world explains.
var clean = map[string]int{
	verify.ClassControl: 1, // the marker in quarantine
	verify.ClassRepeat:  1, verify.ClassConflict: 1, verify.ClassImpossible: 1, verify.ClassQuarantined: 3,
}

func TestClean(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	r := w.verify(w.acked(
		ackOf("w1", 1, 0, payload("", 1, 0, recorded)), ackOf("w2/left", 1, 0, payload("w2/left", 1, 0, recorded))))
	w.wants(r, 0, 0, 0, "")
	w.explains(r, clean)
	got := []int{r.Records, r.Batches, r.Acked, r.Landed, r.Objects, r.Rows, r.Windows}
	// 18 + 3 records; windows of 5, 60 and 900 s: 12 + 1 + 1 of w1, 3 + 1 + 1 of w2,
	// of which one has a second row: a batch of its boot overlaps it, the clock was set back.
	if want := []int{21, 9, 2, 21, 4, 20, 19}; !slices.Equal(got, want) {
		t.Errorf("records, batches, acked, landed, objects, rows, windows: %v, want %v", got, want)
	}
}

// tampering is one change to a filled world and the verdict that it must get.
type tampering struct {
	name                       string
	do                         func(w *world)
	lost, doubled, unexplained int
	finding                    string
}

// run does each to the same world, which it puts back afterwards.
func run(t *testing.T, all []tampering) {
	w := newWorld(t)
	w.fill()
	w.suffers(t, all)
}

func (w *world) suffers(t *testing.T, all []tampering) {
	objects := w.objects
	for _, table := range tables {
		w.exec("CREATE TABLE kept_%s AS %s", table, table)
		w.exec("INSERT INTO kept_%s SELECT * FROM %s", table, table)
	}
	for _, tt := range all {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.t, w.changed, w.viewless = t, false, false
			w.branch(objects)
			tt.do(&w)
			r := w.verify()
			w.wants(r, tt.lost, tt.doubled, tt.unexplained, tt.finding)
			w.explains(r, clean)
			if w.changed {
				w.restore()
			}
		})
	}
}

var tables = []string{"batches_all", "quarantine_all", "windows", "wear", "pairs"}

// restore puts the tables back.
func (w *world) restore() {
	w.t.Helper()
	for _, table := range tables {
		w.exec("TRUNCATE TABLE %s", table)
		w.exec("INSERT INTO %s SELECT * FROM kept_%s SETTINGS insert_deduplicate = 0", table, table)
	}
	if w.viewless {
		w.migrate()
	}
}

// branch goes on with a copy of the objects.
func (w *world) branch(objects string) {
	w.t.Helper()
	w.objects = w.t.TempDir()
	must(w.t, os.CopyFS(w.objects, os.DirFS(objects)))
	store, err := object.Open(w.objects)
	must(w.t, err)
	w.folder, w.Objects = object.New(store, cell, "test"), w.objects
}

func (w *world) remove(path string) {
	w.t.Helper()
	must(w.t, os.Remove(path))
}

func (w *world) copy(from, to string) {
	w.t.Helper()
	body, err := os.ReadFile(from)
	must(w.t, err)
	must(w.t, os.MkdirAll(filepath.Dir(to), 0o700))
	must(w.t, os.WriteFile(to, body, 0o600))
}

// edit changes bytes of a file.
func (w *world) edit(path string, change func([]byte) []byte) {
	w.t.Helper()
	body, err := os.ReadFile(path)
	must(w.t, err)
	must(w.t, os.WriteFile(path, change(body), 0o600))
}

// reland writes the first landing object of device.v1 again with one record changed.
func (w *world) reland(offset int, change func(*stream.Record)) {
	w.t.Helper()
	cut := w.written[wire.TopicDevice][0]
	cut.Records = slices.Clone(cut.Records)
	change(&cut.Records[offset])
	w.remove(w.object(wire.TopicDevice, 0))
	w.write(w.folder, cut)
}

func TestLanding(t *testing.T) {
	t.Parallel()
	run(t, []tampering{
		{"object deleted", func(w *world) { w.remove(w.object(wire.TopicDevice, 7)) }, 7, 0, 0, "offset 7 of device.v1/0"},
		{"last object deleted", func(w *world) { w.remove(w.object(wire.TopicDevice, 14)) }, 4, 0, 0, "is not in landing after"},
		{"object of quarantine deleted", func(w *world) { w.remove(w.object(wire.TopicQuarantine, 0)) }, 3, 0, 0, "quarantine.v1"},
		{"payload changed", func(w *world) {
			w.reland(2, func(r *stream.Record) { r.Value = append(slices.Clone(r.Value), 0) })
		}, 0, 0, 1, "has another record at offset 2"},
		{"key changed", func(w *world) { w.reland(2, func(r *stream.Record) { r.Key = []byte("w3") }) }, 0, 0, 1, "has another record at offset 2"},
		{"header changed", func(w *world) {
			w.reland(2, func(r *stream.Record) {
				r.Headers = append(slices.Clone(r.Headers), stream.Header{Key: wire.HeaderFlags, Value: []byte("64")})
			})
		}, 0, 0, 1, "has another record at offset 2"},
		{"time changed", func(w *world) {
			w.reland(2, func(r *stream.Record) { r.AppendTime = r.AppendTime.Add(time.Microsecond) })
		}, 0, 0, 1, "has another record at offset 2"},
		{"object cannot be read", func(w *world) {
			w.edit(w.object(wire.TopicDevice, 7), func(b []byte) []byte { return b[:len(b)-1] })
		}, 7, 0, 1, "cannot read landing/v1/topic=device.v1"},
		{"page damaged", func(w *world) {
			w.edit(w.object(wire.TopicDevice, 7), func(b []byte) []byte { clear(b[40:80]); return b })
		}, 7, 0, 1, "cannot read landing/v1/topic=device.v1"},
		{"object of other rows than it says", func(w *world) {
			w.edit(w.object(wire.TopicDevice, 7), func(b []byte) []byte {
				at := bytes.Index(b, []byte("wearstream.row_sha256")) + len("wearstream.row_sha256") + 10
				b[at] ^= 1
				return b
			})
		}, 0, 0, 1, "not those that it was written with"},
		{"object copied", func(w *world) { w.copy(w.object(wire.TopicDevice, 7), w.object(wire.TopicDevice, 9)) }, 0, 7, 0, "is a copy of"},
		{"object renamed", func(w *world) {
			must(w.t, os.Rename(w.object(wire.TopicDevice, 7), w.object(wire.TopicDevice, 9)))
		}, 0, 0, 1, "says that it is"},
		{"ranges overlap", func(w *world) {
			cut := w.written[wire.TopicDevice][0]
			cut.First, cut.Records = 5, cut.Records[5:]
			w.write(w.folder, cut)
		}, 0, 2, 0, "offset 5 of device.v1/0"},
		{"ranges overlap without a row", func(w *world) {
			cut := w.written[wire.TopicDevice][0]
			cut.First, cut.Records = 5, nil
			w.write(w.folder, cut)
		}, 0, 0, 1, "overlap in offsets 5..7"},
		{"record of nowhere", func(w *world) {
			cut := w.written[wire.TopicDevice][2]
			cut.First, cut.Next = 18, 19
			cut.Records = []stream.Record{cut.Records[0]}
			cut.Records[0].Offset = 18
			w.write(w.folder, cut)
		}, 0, 0, 1, "is in landing and not readable in the log"},
	})
}

func TestTables(t *testing.T) {
	t.Parallel()
	run(t, []tampering{
		{"batch missing", func(w *world) { w.exec("DELETE FROM batches_all WHERE sensor = 'w1' AND seq = 3") }, 1, 0, 0, "batch w1 1/3, at offset 3"},
		{"repeat of a batch missing", func(w *world) { w.exec("DELETE FROM batches_all WHERE offset = %d", atRepeat) }, 1, 0, 0, "is not in batches_all"},
		{"sample changed", func(w *world) {
			w.exec("ALTER TABLE batches_all UPDATE x = arrayMap((v, i) -> v + (i = 7), x, arrayEnumerate(x)) WHERE sensor = 'w1' AND seq = 3 SETTINGS mutations_sync = 1")
		}, 0, 0, 1, "batch w1 1/3 in batches_all has other values"},
		{"reading changed", func(w *world) {
			w.exec("ALTER TABLE batches_all UPDATE temp = arrayMap(v -> v + 1, temp) WHERE sensor = 'w1' AND seq = 3 SETTINGS mutations_sync = 1")
		}, 0, 0, 1, "batch w1 1/3 in batches_all has other values"},
		{"batch of nowhere", func(w *world) {
			w.exec("INSERT INTO batches_all SELECT * REPLACE (77 AS seq, %d AS offset) FROM batches_all AS b WHERE b.sensor = 'w1' AND b.seq = 3", atEnd)
		}, 0, 0, 1, "batch w1 1/77"},
		{"batch of beyond the log", func(w *world) {
			w.exec("INSERT INTO batches_all SELECT * REPLACE (77 AS seq, 99 AS offset) FROM batches_all AS b WHERE b.sensor = 'w1' AND b.seq = 3")
		}, 0, 0, 1, "ClickHouse has a row from offset 99"},
		{"batches shows the last copy", func(w *world) {
			w.exec("CREATE OR REPLACE VIEW batches AS SELECT * FROM batches_all ORDER BY sensor, boot, seq, offset DESC LIMIT 1 BY sensor, boot, seq")
		}, 0, 0, 1, "batch w2/left 1/0 in batches is of offset 10"},
		{"batches shows all copies", func(w *world) { w.exec("CREATE OR REPLACE VIEW batches AS SELECT * FROM batches_all") }, 0, 2, 0, "batch w2/left 1/0 is 3 times in batches"},
		{"batches shows less", func(w *world) {
			w.exec("CREATE OR REPLACE VIEW batches AS SELECT * FROM batches_all WHERE sensor = 'w1'")
		}, 3, 0, 0, "is in batches_all and not in batches"},
		{"refusal missing", func(w *world) { w.exec("DELETE FROM quarantine_all WHERE reason = 'conflict'") }, 1, 0, 0, "a refusal, at offset 1 of quarantine.v1/0"},
		{"refusal changed", func(w *world) {
			w.exec("ALTER TABLE quarantine_all UPDATE size = 1 WHERE reason = 'conflict' SETTINGS mutations_sync = 1")
		}, 0, 0, 1, "has other values in quarantine"},
	})
}

// alike is a feature object of w1's window of 900 s.
func (w *world) longest() string {
	w.t.Helper()
	// w1 and w2 are in partitions of their own, and w1's is named in the key.
	p := wire.PartitionOf(wire.FeaturesKey("", "w1"), wire.FeaturesPartitions)
	for _, path := range w.featureObjects() {
		if strings.Contains(path, "window=900s") && strings.Contains(path, fmt.Sprintf("-%04d-", p)) {
			return path
		}
	}
	w.t.Fatal("no feature object of w1's 900 s")
	return ""
}

func TestWindows(t *testing.T) {
	t.Parallel()
	feature := features.Core.ColumnsAt(time.Minute)[0]
	set := func(what string) func(*world) {
		return func(w *world) {
			w.exec("ALTER TABLE windows UPDATE %s WHERE sensor = 'w1' AND length_s = 60 SETTINGS mutations_sync = 1", what)
		}
	}
	run(t, []tampering{
		{"row missing in the table", func(w *world) { w.exec("DELETE FROM windows WHERE sensor = 'w1' AND length_s = 60") }, 1, 0, 0, "is not in windows"},
		{"feature changed in the table", set(feature + " = " + feature + " + 1"), 0, 0, 1, "revision 1 of window of 60 s"},
		{"feature lost in the table", set(feature + " = NULL"), 0, 0, 1, "other bytes in windows"},
		{"n changed in the table", set("n = n + 1"), 0, 0, 2, "features_60s with revision 1 and 1921 samples"},
		{"row of nowhere in the table", func(w *world) {
			w.exec("INSERT INTO windows SELECT * REPLACE ('w9' AS sensor) FROM windows AS w WHERE w.sensor = 'w1' AND w.length_s = 900")
		}, 0, 0, 1, "of w9 is in windows and neither in the log nor"},
		{"view shows less", func(w *world) {
			w.exec("CREATE OR REPLACE VIEW features_60s AS SELECT * FROM windows WHERE length_s = 60 AND sensor = 'w1'")
		}, 1, 0, 0, "is in windows and not in features_60s"},
		{"view shows twice", func(w *world) {
			w.exec("CREATE OR REPLACE VIEW features_60s AS SELECT * FROM windows ARRAY JOIN [1, 2] AS twice WHERE length_s = 60")
		}, 0, 2, 0, "more than once in features_60s"},
		{"object missing", func(w *world) { w.remove(w.longest()) }, 1, 0, 0, "is not in feature objects"},
		{"object cannot be read", func(w *world) {
			w.edit(w.longest(), func(b []byte) []byte { return b[:len(b)/2] })
		}, 1, 0, 1, "cannot read features/v1/window=900s"},
		{"object copied", func(w *world) {
			w.copy(w.longest(), strings.Replace(w.longest(), "000.parquet", "001.parquet", 1))
		}, 0, 1, 0, "is a copy of"},
		{"object in another date", func(w *world) {
			to := strings.Replace(w.longest(), "date=2026-03-01", "date=2026-03-02", 1)
			w.copy(w.longest(), to)
		}, 0, 0, 1, "where readers of its window and date do not look"},
		{"row with other bytes in an object", func(w *world) {
			w.swap(w.longest(), w.altered(atFirst+3, func(b *wire.SampleBatch) { b.XYZ[0]++ }))
		}, 0, 0, 1, "other bytes in the log than elsewhere"},
	})
}

// swap puts the object at a path that the operator's output of other records gives.
func (w *world) swap(path string, records []stream.Record) {
	w.t.Helper()
	dir := w.t.TempDir()
	store, err := object.Open(dir)
	must(w.t, err)
	other := w.apply(records)
	for _, cut := range w.written[wire.TopicFeatures] {
		cut.Records = slices.Clone(cut.Records)
		for i, r := range cut.Records {
			for _, o := range other {
				if o.Topic == r.Topic && o.Partition == r.Partition && string(o.Headers[0].Value) == string(r.Headers[0].Value) {
					cut.Records[i].Value = o.Value
				}
			}
		}
		w.write(object.New(store, cell, "test"), cut)
	}
	rel, err := filepath.Rel(w.objects, path)
	must(w.t, err)
	w.copy(filepath.Join(dir, rel), path)
}

func TestAcked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	w1 := func(seq int) []byte { return payload("", 1, seq, recorded.Add(time.Duration(seq)*10*time.Second)) }
	for _, tt := range []struct {
		name              string
		lines             []string
		acked             int
		lost, unexplained int
		finding           string
	}{
		{"nowhere", []string{ackOf("w1", 1, 0, w1(0)), ackOf("w1", 2, 0, w1(0))}, 2, 1, 0, "batch w1 2/0 was acknowledged and is neither"},
		{"with other bytes", []string{ackOf("w1", 1, 0, w1(1))}, 1, 1, 0, "which is nowhere"},
		{"the conflict's bytes", []string{ackOf("w2/left", 1, 0, w.read(wire.TopicDevice, 0)[atConflict].Value)}, 1, 0, 0, ""},
		{"half lines", []string{ackOf("w1", 1, 0, w1(0))[:70], ackOf("w1", 1, 1, w1(1)), `{"sensor":"w1","boo`}, 1, 0, 0, "note: line 3"},
		{"no acknowledgement", []string{`{"sensor":"w1","boot":one,"seq":1}`, ackOf("w1", 1, 1, w1(1))}, 1, 0, 1, "line 1 of"},
	} {
		r := w.verify(w.acked(tt.lines...))
		w.wants(r, tt.lost, 0, tt.unexplained, tt.finding)
		if r.Acked != tt.acked {
			t.Errorf("%s: %d acknowledged, want %d", tt.name, r.Acked, tt.acked)
		}
	}
	if _, err := verify.Run(t.Context(), verify.Config{Acked: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a list that is not there is no error")
	}
}
