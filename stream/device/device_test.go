package device

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/wire"
)

// row is what a test looks at in a window row.
type row struct {
	ref                  bool // else core.v1
	length               int
	start                time.Time
	revision             uint32
	status, reason, lane string
	n, dup, flags        uint32
	coverage             float32
	digest, participant  string
	bytes                string // all feature bits
}

func (r row) id() string {
	if r.ref {
		r.ref = false
		return "ref " + r.id()
	}
	if r.start.Before(origin) || r.start.Sub(origin) > 12*time.Hour {
		return fmt.Sprintf("%03d %s", r.length, r.start.Format(time.DateTime))
	}
	return fmt.Sprintf("%03d %s", r.length, r.start.Format("15:04:05"))
}

// bench is an operator over a log, and what it says.
type bench struct {
	logtest.Log
	rows        []row
	wear        []wornRow
	sides       []sideRow
	refused     []string // reasons
	ticks       int
	appended    time.Time
	kept        int // rows and
	refusedKept int // reasons at the last commit
}

// newBench computes windows by some sets, core.v1 where none is named.
func newBench(t testing.TB, sets ...*features.Set) *bench {
	if len(sets) == 0 {
		sets = []*features.Set{features.Core}
	}
	b := &bench{appended: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Log = logtest.Log{T: t, Out: b, New: New(Config{Cell: "main", Sets: sets, Memory: DefaultMemory}, prometheus.NewRegistry())}
	b.Restart()
	return b
}

// Emit serves stream.Output.
func (b *bench) Emit(topic string, _ int32, _, value []byte, headers ...stream.Header) {
	r := stream.Record{Headers: headers}
	switch {
	case strings.HasSuffix(topic, wire.TopicQuarantine):
		b.refused = append(b.refused, string(r.Header(wire.HeaderReason)))
	case string(r.Header(wire.HeaderKind)) == wire.KindTick:
		b.ticks++
	case string(r.Header(wire.HeaderSchema)) == wire.RowsWear:
		b.decodeWear(value)
	case string(r.Header(wire.HeaderSchema)) == wire.RowsSides:
		b.decodeSides(value)
	default:
		b.decode(value)
	}
}

func (b *bench) decode(value []byte) {
	recs, err := wire.DecodeRows(value)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, rec := range recs {
		text := func(c, i int) string { return rec.Column(c).(*array.String).Value(i) }
		num := func(c, i int) uint32 { return rec.Column(c).(*array.Uint32).Value(i) }
		for i := range int(rec.NumRows()) {
			r := row{
				ref: text(7, i) == features.Ref.Algo(), length: int(num(6, i)), revision: num(8, i), status: text(9, i), reason: text(10, i), lane: text(11, i),
				start: time.UnixMilli(int64(rec.Column(5).(*array.Timestamp).Value(i))).UTC(),
				n:     num(12, i), dup: num(15, i), flags: num(17, i), coverage: rec.Column(14).(*array.Float32).Value(i),
				digest: text(20, i), participant: text(1, i),
			}
			for c := wire.FirstFeature; c < int(rec.NumCols()); c++ {
				if f := rec.Column(c).(*array.Float32); f.IsNull(i) {
					r.bytes += "-"
				} else {
					r.bytes += fmt.Sprintf("%08x", math.Float32bits(f.Value(i)))
				}
			}
			b.rows = append(b.rows, r)
		}
		rec.Release()
	}
}

func (b *bench) say(kind, key string, value []byte, headers ...stream.Header) {
	b.appended = b.appended.Add(time.Second)
	b.Append(stream.Record{
		Topic: "wear.main.device.v1", AppendTime: b.appended, Key: []byte(key), Value: value,
		Headers: append(headers, stream.Header{Key: wire.HeaderKind, Value: []byte(kind)}, stream.Header{Key: wire.HeaderThing, Value: []byte("w1")}),
	})
}

func (b *bench) tick(at time.Time) {
	v, _ := json.Marshal(wire.Tick{UTC: at.UnixMicro()})
	b.appended = at
	b.say(wire.KindTick, "", v)
}

func (b *bench) end(boot uint64, last uint64) {
	b.say(wire.KindStatus, "w1", fmt.Appendf(nil, `{"kind":"end","boot":%d,"last_seq":%d}`, boot, last))
}

func (b *bench) take() []row {
	b.Commit()
	rows := b.rows
	b.rows = nil
	return rows
}

// latest is the last revision of every window, and checks that revisions count up. Those
// of ref.v1 are of 15 min, of which a window may stay as it is.
func latest(t testing.TB, rows []row) map[string]row {
	got := map[string]row{}
	for _, r := range rows {
		if was := got[r.id()]; r.revision != was.revision+1 && !(r.ref && r.revision > was.revision) {
			t.Errorf("window %s: revision %d after %d", r.id(), r.revision, was.revision)
		}
		got[r.id()] = r
	}
	return got
}

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// recording is a signal at 32 Hz with a reading a second, cut into batches of
// size samples.
func recording(boot uint64, from time.Time, seconds, size int) []*wire.SampleBatch {
	rng := rand.New(rand.NewPCG(7, uint64(from.Unix())))
	var all []*wire.SampleBatch
	total := seconds * 32
	xyz := make([]byte, 0, total*6)
	for range total {
		for _, mean := range []float64{-10, 20, 58} {
			xyz = binary.LittleEndian.AppendUint16(xyz, uint16(int16(mean+5*rng.NormFloat64())))
		}
	}
	for at := 0; at < total; at += size {
		n := min(size, total-at)
		b := &wire.SampleBatch{
			Boot: boot, Seq: uint64(len(all)), T0us: from.UnixMicro() + int64(at)*31_250, RateMHz: 32_000,
			Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: uint32(n), XYZ: xyz[at*6 : (at+n)*6],
		}
		for s := (at + 31) / 32; s*32 < at+n; s++ {
			if len(b.TempMdegC) == 0 {
				b.TempT0us, b.TempRateMHz = from.UnixMicro()+int64(s)*1e6, 1000
			}
			b.TempMdegC = append(b.TempMdegC, 30_000+int32(s%40)*20)
		}
		all = append(all, b)
	}
	return all
}

func (b *bench) send(batches ...*wire.SampleBatch) {
	for _, s := range batches {
		b.say(wire.KindSamples, "w1", s.Append(nil))
	}
}

func TestInOrderEveryWindowIsFinalOnce(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 1000, 320)
	b.send(batches...)
	b.end(1, uint64(len(batches)-1))
	got := latest(t, b.take())
	if len(got) != 200+17+2 {
		t.Errorf("%d windows, want 219", len(got))
	}
	for id, r := range got {
		if r.revision != 1 || r.status != wire.StatusFinal {
			t.Errorf("window %s: revision %d %s, want 1 final", id, r.revision, r.status)
		}
	}
	last := got["060 12:16:00"]
	if last.n != 40*32 || last.reason != wire.FinalEnd || last.flags != wire.FlagPartial || last.coverage < 0.66 || last.coverage > 0.67 {
		t.Errorf("the last, partial window is %+v", last)
	}
	if r := got["005 12:00:00"]; r.n != 160 || r.coverage != 1 || r.reason != wire.FinalComplete || r.lane != wire.LaneLive {
		t.Errorf("the first window is %+v", r)
	}
}

func TestHoleMakesProvisionalThenFinal(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 300, 320) // 30 batches of 10 s
	b.send(batches[:5]...)
	b.send(batches[6:]...) // 50 s..60 s is missing
	got := latest(t, b.take())
	if r := got["005 12:00:45"]; r.status != wire.StatusFinal {
		t.Errorf("before the hole: %+v", r)
	}
	if _, ok := got["005 12:00:50"]; ok {
		t.Error("a window without samples was handed out")
	}
	if r := got["005 12:01:00"]; r.status != wire.StatusProvisional || r.reason != "" {
		t.Errorf("after the hole: %+v", r)
	}
	if r := got["060 12:00:00"]; r.status != wire.StatusProvisional || r.coverage > 0.84 || r.coverage < 0.83 {
		t.Errorf("around the hole: %+v", r)
	}
	if _, ok := got["005 12:04:30"]; ok {
		t.Error("provisional before 60 s of event time had passed")
	}
	rows := b.rows
	b.send(batches[5])
	again := latest(t, append(allOf(got), append(rows, b.take()...)...))
	for id, r := range again {
		if r.status != wire.StatusFinal || r.reason != wire.FinalComplete {
			t.Errorf("window %s after the hole was filled: %+v", id, r)
		}
		if r.revision > 2 {
			t.Errorf("window %s has %d revisions", id, r.revision)
		}
	}
	if len(again) != 60+5 {
		t.Errorf("%d windows, want 65", len(again))
	}
}

func allOf(m map[string]row) []row {
	var rows []row
	for _, r := range m {
		for rev := uint32(1); rev < r.revision; rev++ {
			old := r
			old.revision = rev
			rows = append(rows, old)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestDeclaredLossAndItsReturn(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 300, 320)
	batches[20].OldestSeqHeld = wire.Some(uint64(10))
	b.send(batches[:5]...)
	b.send(batches[6:21]...)
	got := latest(t, b.take())
	if r := got["060 12:00:00"]; r.status != wire.StatusFinal || r.reason != wire.FinalDeclared {
		t.Errorf("window with the declared hole: %+v", r)
	}
	if r := got["060 12:02:00"]; r.status != wire.StatusFinal || r.reason != wire.FinalComplete {
		t.Errorf("window after the declared hole: %+v", r)
	}
	b.send(batches[5])
	if rows := b.take(); len(rows) != 2 { // its own 5 s windows are new; the minute waits for the upload to move on
		t.Errorf("%d rows with the late batch, want 2", len(rows))
	}
	b.send(batches[21])
	var found bool
	for _, r := range b.take() {
		if r.id() == "060 12:00:00" {
			found = true
			if r.status != wire.StatusCorrected || r.revision != got["060 12:00:00"].revision+1 || r.coverage != 1 {
				t.Errorf("corrected window: %+v", r)
			}
		}
	}
	if !found {
		t.Error("the late batch corrected nothing")
	}
}

func TestHoleIsAssumedLostAfterTheDevicesMemory(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 120, 320)
	b.tick(origin)
	b.send(batches[:2]...)
	b.send(batches[3:]...)
	b.take()
	b.tick(origin.Add(DefaultMemory - time.Hour))
	for _, r := range b.take() {
		if r.status != wire.StatusProvisional {
			t.Errorf("before the horizon: %+v", r)
		}
	}
	b.tick(origin.Add(DefaultMemory + time.Hour))
	assumed := 0
	for _, r := range b.take() {
		if r.status != wire.StatusFinal {
			t.Errorf("after the horizon: %+v", r)
		}
		if r.reason == wire.FinalAssumed {
			assumed++
		}
	}
	if assumed == 0 {
		t.Error("no window says assumed")
	}
}

func TestOpenTailIsProvisionalAfterFifteenMinutesOfTicks(t *testing.T) {
	b := newBench(t)
	b.tick(origin)
	b.send(recording(1, origin, 8, 320)...)
	b.take()
	b.tick(origin.Add(14 * time.Minute))
	if rows := b.take(); len(rows) != 0 {
		t.Errorf("too early: %+v", rows)
	}
	b.tick(origin.Add(15*time.Minute + time.Second))
	rows := b.take()
	if len(rows) != 3 {
		t.Fatalf("%d rows, want the open 5 s, 60 s and 900 s window", len(rows))
	}
	for _, r := range rows {
		if r.status != wire.StatusProvisional {
			t.Errorf("%+v", r)
		}
	}
}

func TestRepeatsAndConflicts(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 60, 320)
	b.send(batches...)
	b.end(1, 5)
	first := latest(t, b.take())
	b.send(batches...) // exact repeats
	if rows := b.take(); len(rows) != 0 {
		t.Errorf("repeats made %d rows", len(rows))
	}
	other := *batches[2]
	other.XYZ = slices.Clone(other.XYZ)
	other.XYZ[0]++
	b.send(&other)
	if rows := b.take(); len(rows) != 0 || !slices.Equal(b.refused, []string{wire.ReasonConflict}) {
		t.Errorf("conflict: %d rows, refused %v", len(rows), b.refused)
	}
	again := recording(2, origin, 60, 320) // the same recording as another boot
	again[0].PrevBootLastSeq = wire.Some(uint64(5))
	b.send(again...)
	b.end(2, 5)
	if rows := b.take(); len(rows) != 0 {
		t.Errorf("the same recording again made %d rows: %+v", len(rows), rows[0])
	}
	if len(first) != 12+1+1 {
		t.Errorf("%d windows", len(first))
	}
}

func TestAssignmentRestatesWhatWasHandedOut(t *testing.T) {
	b := newBench(t)
	b.send(recording(1, origin, 120, 320)...)
	b.end(1, 11)
	before := latest(t, b.take())
	b.say(wire.KindAssignment, "w1", fmt.Appendf(nil, `{"sensor":"w1","study":"ST","participant":"P1","side":"left","from":%q}`,
		origin.Add(time.Minute).Format(time.RFC3339)))
	rows := b.take()
	if len(rows) != 12+1 {
		t.Errorf("%d rows restated, want the 13 that start in the second minute", len(rows))
	}
	for _, r := range rows {
		if r.participant != "P1" || r.status != wire.StatusCorrected || r.revision != 2 || r.bytes != before[r.id()].bytes {
			t.Errorf("restated: %+v", r)
		}
	}
}

// TestAnyOrderAnyBatchingAnyCrash is the promise: permutations, batch sizes,
// repeats, rollbacks and restarts give the same final windows, byte for byte.
func TestAnyOrderAnyBatchingAnyCrash(t *testing.T) {
	want := map[string]row{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t)
		batches := recording(1, origin, 1000, []int{320, 160, 7 * 32, 999}[seed%4])
		order := make([]*wire.SampleBatch, 0, 2*len(batches))
		order = append(order, batches...)
		if seed >= 4 {
			for range len(batches) / 3 {
				order = append(order, batches[rng.IntN(len(batches))])
			}
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for i, s := range order {
			if seed >= 8 && i == len(order)/2 {
				b.end(1, uint64(len(batches)-1))
			}
			b.send(s)
			switch {
			case seed >= 8 && rng.IntN(10) == 0: // the transaction fails; the same records come again
				b.Commit()
				kept, state := len(b.rows), maps.Clone(b.State)
				from := len(b.Records)
				b.send(order[(i+1)%len(order)])
				b.Op.Rollback()
				b.rows, b.Records = b.rows[:kept], b.Records[:from]
				b.State = state
			case seed >= 8 && rng.IntN(10) == 0:
				b.Commit()
				b.Restart()
			}
		}
		b.end(1, uint64(len(batches)-1))
		got := latest(t, b.take())
		for id, r := range got {
			r.revision, r.status, r.lane, r.dup, r.reason = 0, map[bool]string{true: "final"}[r.status != wire.StatusProvisional], "", 0, ""
			if seed == 0 {
				want[id] = r
			} else if r != want[id] {
				t.Fatalf("seed %d, window %s:\n got %+v\nwant %+v", seed, id, r, want[id])
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d windows, want %d", seed, len(got), len(want))
		}
	}
}

func TestDigestIsOverSamplesAndReadings(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 5, 320)
	b.send(batches...)
	b.end(1, 0)
	h := sha256.New()
	x, y, z := batches[0].AppendMicroG(nil, nil, nil)
	for i := range x {
		binary.Write(h, binary.LittleEndian, batches[0].SampleTime(i))
		binary.Write(h, binary.LittleEndian, []int32{x[i], y[i], z[i]})
	}
	for i, v := range batches[0].TempMdegC {
		binary.Write(h, binary.LittleEndian, batches[0].ReadingTime(i))
		binary.Write(h, binary.LittleEndian, v)
	}
	want := fmt.Sprintf("%x", h.Sum(nil)[:8])
	if r := latest(t, b.take())["005 12:00:00"]; r.digest != want {
		t.Errorf("digest %s, want %s", r.digest, want)
	}
}

// BenchmarkOperator is what an hour of 32 Hz costs from the record to the Arrow
// batch and the changed state, with a commit every 10 batches.
//
//	go test -run - -bench Operator ./stream/device
func BenchmarkOperator(b *testing.B) {
	for _, with := range []struct {
		name string
		sets []*features.Set
		wear *wear.Config
	}{
		{"core.v1", []*features.Set{features.Core}, nil},
		{"core.v1 and wear", []*features.Set{features.Core}, &wearConfig},
		{"core.v1, ref.v1 and wear", []*features.Set{features.Core, features.Ref}, &wearConfig},
	} {
		b.Run(with.name, func(b *testing.B) {
			benchmarkOperator(b, Config{Cell: "main", Sets: with.sets, Wear: with.wear, Memory: DefaultMemory})
		})
	}
}

func benchmarkOperator(b *testing.B, cfg Config) {
	var records []stream.Record
	for _, s := range recording(1, origin, 3600, 320) {
		records = append(records, sampleRecord("w1", int64(len(records)), origin, s))
	}
	newOp := New(cfg, prometheus.NewRegistry())
	samples, began := 0, cpu()
	for b.Loop() {
		op, _ := newOp(0, nil, nil)
		for i, r := range records {
			if err := op.Apply(b.Context(), r, nowhere{}); err != nil {
				b.Fatal(err)
			}
			if i%10 == 9 {
				_ = op.Flush(nowhere{})
				_ = op.Changes(func(_, _ []byte) error { return nil })
				op.Commit()
			}
		}
		samples += 3600 * 32
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(samples), "cpu-ns/sample")
}

// nowhere takes output and keeps none.
type nowhere struct{}

func (nowhere) Emit(string, int32, []byte, []byte, ...stream.Header) {}

func sampleRecord(sensor string, offset int64, appended time.Time, s *wire.SampleBatch) stream.Record {
	return stream.Record{
		Topic: "wear.main.device.v1", Offset: offset, AppendTime: appended, Key: []byte(sensor), Value: s.Append(nil),
		Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindSamples)}, {Key: wire.HeaderThing, Value: []byte(sensor)}},
	}
}

// TestFarBounds: a bound that ns since 1970 cannot say is none.
func TestFarBounds(t *testing.T) {
	for _, bounds := range []string{`"to":"9999-12-31T00:00:00Z"`, `"from":"0001-01-02T00:00:00Z","to":"2300-01-01T00:00:00Z"`, `"from":"1600-01-01T00:00:00Z"`} {
		b := newBench(t)
		b.say(wire.KindAssignment, "w1", fmt.Appendf(nil, `{"sensor":"w1","study":"ST","participant":"P1","side":"left",%s}`, bounds))
		b.send(recording(1, origin, 120, 320)...)
		b.end(1, 11)
		for _, r := range b.take() {
			if r.participant != "P1" {
				t.Fatalf("%s: %+v", bounds, r)
			}
		}
	}
}
