package participant

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/wire"
)

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	testMemory  = 14 * 24 * time.Hour
	testSources = 2
)

// row is what a test looks at in a row of pairs.
type row struct {
	participant, left, right string
	start                    time.Time
	revision                 uint32
	status                   string
	bytes                    string // coverages and all feature bits
}

func (r row) id() string {
	return fmt.Sprintf("%s %s %s~%s", r.participant, r.start.Format("02T15:04"), r.left, r.right)
}

func (r row) String() string { return fmt.Sprintf("%s %d %s", r.id(), r.revision, r.status) }

// bench is an operator over a log, and what it says.
type bench struct {
	logtest.Log
	rows  []row
	ticks []time.Time // of partition 0 of the participants topic
}

func newBench(t testing.TB) *bench {
	b := &bench{}
	b.Log = logtest.Log{
		T: t, Out: b, Partition: 3,
		New: New(Config{Cell: "main", Sources: testSources, Memory: testMemory}, prometheus.NewRegistry()),
	}
	b.Restart()
	return b
}

// Emit serves stream.Output.
func (b *bench) Emit(topic string, partition int32, _, value []byte, headers ...stream.Header) {
	r := stream.Record{Headers: headers}
	switch kind := string(r.Header(wire.HeaderKind)); {
	case topic != "wear.main.participants.v1":
		b.T.Errorf("a record for %s", topic)
	case kind == wire.KindTick:
		var tick wire.Tick
		if err := json.Unmarshal(value, &tick); err != nil || string(r.Header(wire.HeaderSource)) != "wear.main.features.v1/3" {
			b.T.Errorf("tick %q of %q: %v", value, r.Header(wire.HeaderSource), err)
		}
		if partition == 0 {
			b.ticks = append(b.ticks, time.UnixMicro(tick.UTC).UTC())
		}
	case kind == wire.KindRows && string(r.Header(wire.HeaderSchema)) == wire.RowsPairs:
		b.decode(partition, value)
	default:
		b.T.Errorf("a record of kind %q", kind)
	}
}

func (b *bench) decode(partition int32, value []byte) {
	recs, err := wire.DecodeRows(value)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, rec := range recs {
		text := func(c, i int) string { return rec.Column(c).(*array.String).Value(i) }
		for i := range int(rec.NumRows()) {
			r := row{
				participant: text(1, i), left: text(2, i), right: text(3, i),
				start:    time.UnixMilli(int64(rec.Column(4).(*array.Timestamp).Value(i))).UTC(),
				revision: rec.Column(7).(*array.Uint32).Value(i), status: text(8, i),
			}
			if at := wire.PartitionOf(text(0, i), wire.ParticipantsPartitions); at != partition || text(6, i) != pair.Algo() {
				b.T.Errorf("%v of %s is in partition %d, want %d", r, text(6, i), partition, at)
			}
			for c := 9; c < int(rec.NumCols()); c++ {
				f := rec.Column(c).(*array.Float32)
				if null := f.IsNull(i); null {
					r.bytes += "-"
				} else {
					r.bytes += fmt.Sprintf("%08x", math.Float32bits(f.Value(i)))
				}
			}
			if null := strings.Trim(r.bytes[16:], "-") == ""; null != (r.status == wire.StatusRetracted) {
				b.T.Errorf("%v: features %s", r, r.bytes)
			}
			b.rows = append(b.rows, r)
		}
		rec.Release()
	}
}

func (b *bench) say(value []byte, headers ...string) {
	r := stream.Record{Topic: "wear.main.features.v1", AppendTime: origin, Value: value}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, stream.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	b.Append(r)
}

// sides and minutes append a record of rows.
func (b *bench) sides(rows ...wire.SideRow) {
	all := wire.NewSideRows()
	for i := range rows {
		all.Append(&rows[i])
	}
	b.rowsOf(wire.RowsSides, all.Encode)
}

func (b *bench) minutes(rows ...wire.WearRow) {
	all := wire.NewWearRows()
	for i := range rows {
		all.Append(&rows[i])
	}
	b.rowsOf(wire.RowsWear, all.Encode)
}

func (b *bench) rowsOf(schema string, encode func() ([]byte, error)) {
	value, err := encode()
	if err != nil {
		b.T.Fatal(err)
	}
	b.say(value, wire.HeaderKind, wire.KindRows, wire.HeaderSchema, schema)
}

func (b *bench) tick(source int, at time.Time) {
	value, _ := json.Marshal(wire.Tick{UTC: at.UnixMicro()})
	b.say(value, wire.HeaderKind, wire.KindTick, wire.HeaderSource, fmt.Sprintf("wear.main.device.v1/%d", source))
}

// take commits and answers what was said since the last take.
func (b *bench) take() []row {
	b.Commit()
	rows := b.rows
	b.rows = nil
	return rows
}

// said checks what was said, as "<left>~<right> <revision> <status>" of the first
// quarter, and answers it.
func (b *bench) said(when string, want ...string) []row {
	b.T.Helper()
	rows := b.take()
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s~%s %d %s", r.left, r.right, r.revision, r.status))
	}
	if !slices.Equal(got, want) {
		b.T.Errorf("%s: %q, want %q", when, got, want)
	}
	return rows
}

// sensor is one that is worn by somebody on a side.
type sensor struct{ name, participant, side string }

var (
	left  = sensor{"l", "P1", "left"}
	right = sensor{"r", "P1", "right"}
)

// content is some side of a quarter; a version is another content.
func content(name string, quarter, version int) []byte {
	r := rand.New(rand.NewPCG(uint64(quarter), uint64(version)<<16|uint64(name[0])))
	s := &pair.Side{Temperature: 30 + r.Float64()}
	for i := range pair.Epochs {
		e := pair.Epoch{MAD: r.ExpFloat64() / 30, Digest: r.Uint64(), Gravity: [3]int32{r.Int32N(1e6), 0, 1}}
		for k := range e.Apart {
			e.Apart[k] = r.ExpFloat64() / 30
		}
		if r.IntN(30) > 0 {
			s.Put(i, e)
		}
	}
	return s.Append(nil)
}

// quarter is the row of a side.
func (s sensor) quarter(quarter, version int, status string) wire.SideRow {
	r := wire.SideRow{
		Study: "S1", Participant: s.participant, Side: s.side, Thing: s.name, Sensor: s.name,
		Start: origin.Add(time.Duration(quarter) * pair.Length), Length: pair.Length, Revision: 1, Status: status, Coverage: 0.9,
	}
	if status != wire.StatusRetracted {
		r.Epochs = content(s.name, quarter, version)
	}
	return r
}

// worn are rows of minutes of a quarter: w worn, o off, n no data, space none.
func (s sensor) worn(quarter int, status, minutes string) (rows []wire.WearRow) {
	states := map[rune]string{'w': "WEAR", 'o': "NONWEAR", 'n': "NODATA"}
	for k, c := range minutes {
		if c != ' ' {
			rows = append(rows, wire.WearRow{
				Study: "S1", Participant: s.participant, Side: s.side, Thing: s.name, Sensor: s.name,
				Start: origin.Add(time.Duration(quarter)*pair.Length + time.Duration(k)*time.Minute), Algo: "wear@1", Revision: 1, Status: status, State: states[c],
			})
		}
	}
	return rows
}

const (
	provisional = wire.StatusProvisional
	final       = wire.StatusFinal
	corrected   = wire.StatusCorrected
	retracted   = wire.StatusRetracted

	allWorn = "wwwwwwwwwwwwwww"
)
