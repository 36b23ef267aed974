package verify

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/stream/wire"
)

// window names a window of a sensor, or of a participant's two.
type window struct {
	sensor word
	start  int64  // ms
	length uint32 // s
}

func (w window) String() string {
	return fmt.Sprintf("window of %d s at %s of %s", w.length, time.UnixMilli(w.start).UTC().Format(time.RFC3339), w.sensor.Value())
}

func (w window) compare(o window) int {
	return cmp.Or(cmp.Compare(w.sensor.Value(), o.sensor.Value()), cmp.Compare(w.length, o.length), cmp.Compare(w.start, o.start))
}

// table is a kind of rows that a processor makes.
type table struct {
	name    string   // in ClickHouse
	folder  string   // of its objects; its views begin so
	schema  string   // HeaderSchema of its records
	topic   string   // of these
	whose   []string // columns that say whose window a row is of
	lengths []uint32 // of its views, in seconds
	columns []column
}

func newTables() []*table {
	return []*table{
		{name: "windows", folder: "features", schema: wire.RowsWindows, topic: wire.TopicFeatures, whose: []string{"sensor"}, lengths: lengths},
		{name: "wear", folder: "wear", schema: wire.RowsWear, topic: wire.TopicFeatures, whose: []string{"sensor"}, lengths: []uint32{60}},
		{name: "pairs", folder: "pairs", schema: wire.RowsPairs, topic: wire.TopicParticipants, whose: []string{"study", "participant", "sensor_left", "sensor_right"}, lengths: []uint32{900}},
	}
}

// rowTopics are the topics of tables.
var rowTopics = []string{wire.TopicParticipants, wire.TopicFeatures}

// objects is what messages call them.
func (t *table) objects() string { return strings.TrimSuffix(t.folder, "s") + " objects" }

// rowKey names a row: a revision of a window by one algorithm, in one log.
type rowKey struct {
	table *table
	window
	revision  uint32
	algo, log word // the log of its topic
}

func (k rowKey) String() string { return fmt.Sprintf("revision %d of %s", k.revision, k.window) }

func (k rowKey) compare(o rowKey) int {
	return cmp.Or(cmp.Compare(k.table.topic, o.table.topic), cmp.Compare(k.table.name, o.table.name), k.window.compare(o.window), cmp.Compare(k.algo.Value(), o.algo.Value()),
		cmp.Compare(k.log.Value(), o.log.Value()), cmp.Compare(k.revision, o.revision))
}

// row is where a row was found.
type row struct {
	sum     digest     // of its bytes: all columns, as ClickHouse writes them in RowBinary
	first   *record    // that holds it in the present log
	at      *partition // of its objects, the first of which
	from    int64      // begins at this offset
	logged  uint16     // copies in the present log,
	objects uint16     // in objects,
	table   bool       // and whether it is in the table
	told    bool       // that its copies differ
	status  byte       // first letter
	n       uint32     // samples, of windows
}

// see takes a copy of a row.
func (v *verifier) see(b *builder, where string) *row {
	k, sum := b.key, digestOf(b.buf)
	s := v.rows[k]
	if s == nil {
		s = &row{sum: sum, n: b.n, status: b.status}
		v.rows[k] = s
	}
	s.compare(v, k, sum, where)
	return s
}

func (s *row) compare(v *verifier, k rowKey, sum digest, where string) {
	if s.sum != sum && !s.told {
		s.told = true
		v.r.unexplained("%s has other bytes in %s than elsewhere", k, where)
	}
}

// judgeRows holds together what was found of the rows.
func (v *verifier) judgeRows() {
	counts := map[string]*int{wire.RowsWindows: &v.r.Rows, wire.RowsWear: &v.r.Minutes, wire.RowsPairs: &v.r.Pairs}
	for _, k := range slices.SortedFunc(maps.Keys(v.rows), rowKey.compare) {
		s := v.rows[k]
		*counts[k.table.schema]++
		copies := int(max(s.logged, s.objects))
		if s.objects > 0 && s.at.present && s.from >= s.at.start {
			switch { // all of its copies must be in the log as well
			case s.logged == 0:
				v.r.unexplained("%s is in %s and not in the log", k, k.table.objects())
			case s.objects > s.logged:
				v.r.doubled(int(s.objects-s.logged), "%s is %d times in %s and %d times in the log", k, s.objects, k.table.objects(), s.logged)
				copies = int(s.logged)
			}
		}
		switch {
		case v.embedded:
			v.r.explain(ClassEmbeddedRepeat, copies-1)
		case copies > 1:
			v.r.doubled(copies-1, "%s is %d times in the log", k, copies)
		}
		v.arrived(k, s, s.objects > 0, k.table.objects(), v.Due.Landing)
		v.arrived(k, s, s.table, k.table.name, v.Due.Tables)
	}
}

// arrived judges whether a row that is in the log, or in the other store, should
// be in this one.
func (v *verifier) arrived(k rowKey, s *row, there bool, where string, due time.Duration) {
	switch {
	case there:
	case s.logged > 0 && s.first.age < due:
		v.r.explain(ClassNotDue, 1)
	default:
		v.r.lost(1, "%s is not in %s", k, where)
	}
}

// column is a column of a table, of which a row is made.
type column struct {
	name  string
	kind  kind
	whose bool // it says whose window a row is of
}

type kind byte

const (
	kindText     kind = iota
	kindTime          // milliseconds
	kindNumber        // uint32
	kindFloat         //
	kindNullable      // float or NULL
)

// physical is how Parquet stores a kind.
var physical = map[kind]parquet.Kind{
	kindText: parquet.ByteArray, kindTime: parquet.Int64, kindNumber: parquet.Int32, kindFloat: parquet.Float, kindNullable: parquet.Float,
}

// builder makes a row, column by column.
type builder struct {
	key    rowKey
	n      uint32
	status byte
	buf    []byte
}

// add appends a value in the format RowBinary.
func (b *builder) add(c column, v parquet.Value) error {
	if v.IsNull() && c.kind != kindNullable || !v.IsNull() && v.Kind() != physical[c.kind] {
		return fmt.Errorf("column %q holds a value of kind %s", c.name, v.Kind())
	}
	le := binary.LittleEndian
	switch c.kind {
	case kindText:
		b.buf = appendText(b.buf, string(v.ByteArray()))
	case kindTime:
		b.buf = le.AppendUint64(b.buf, v.Uint64())
	case kindNumber:
		b.buf = le.AppendUint32(b.buf, v.Uint32())
	case kindFloat:
		b.buf = le.AppendUint32(b.buf, math.Float32bits(v.Float()))
	case kindNullable:
		if v.IsNull() {
			b.buf = append(b.buf, 1)
		} else {
			b.buf = le.AppendUint32(append(b.buf, 0), math.Float32bits(v.Float()))
		}
	}
	b.name(c, v)
	return nil
}

// name notes what names the row, and what it says of its window.
func (b *builder) name(c column, v parquet.Value) {
	if c.whose {
		whose := string(v.ByteArray())
		if b.key.sensor != (word{}) {
			whose = b.key.sensor.Value() + " " + whose
		}
		b.key.sensor = unique.Make(whose)
	}
	switch c.name {
	case "algo":
		b.key.algo = unique.Make(string(v.ByteArray()))
	case "window_start":
		b.key.start = v.Int64()
	case "length_s":
		b.key.length = v.Uint32()
	case "revision":
		b.key.revision = v.Uint32()
	case "n":
		b.n = v.Uint32()
	case "status":
		if s := v.ByteArray(); len(s) > 0 {
			b.status = s[0]
		}
	}
}
