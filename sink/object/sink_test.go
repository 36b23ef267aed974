package object_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

func init() { object.StoretestMain = storetest.Main }

func sumOf(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

const logID = "0123456789abcdef0123456789abcdef"

func cutOf(topic string, records ...stream.Record) stream.Cut {
	for i := range records {
		records[i].Topic = topic
		records[i].Partition = 3
	}
	first := records[0].Offset
	return stream.Cut{Range: stream.Range{Log: logID, Topic: topic, Partition: 3, First: first, Next: records[len(records)-1].Offset + 1}, Records: records}
}

func newStore(t *testing.T) object.Store {
	t.Helper()
	s, err := object.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, s stream.Sink, cut stream.Cut) {
	t.Helper()
	if err := s.Write(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, s object.Store) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		body, err := s.Get(t.Context(), info.Key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		all[info.Key] = body
	}
	return all
}

var deviceTopic = wire.TopicName("main", wire.TopicDevice)

func deviceCut() stream.Cut {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	return cutOf(deviceTopic,
		stream.Record{Offset: 40, AppendTime: at, Key: []byte("ward/left"), Value: []byte{0, 1, 0xff, 0xfe}, Headers: []stream.Header{{Key: "kind", Value: []byte("samples")}, {Key: "thing", Value: []byte("ward")}}},
		stream.Record{Offset: 41, AppendTime: at.Add(time.Second), Value: []byte{}, Headers: []stream.Header{{Key: "kind", Value: []byte("tick")}}},
		stream.Record{Offset: 45, AppendTime: at.Add(2 * time.Second), Key: []byte("bad\xff"), Headers: []stream.Header{{Key: "a", Value: []byte{0xc0}}, {Key: "a", Value: []byte("second")}, {Key: "empty"}}},
		stream.Record{Offset: 46, AppendTime: at, Key: []byte{}, Value: bytes.Repeat([]byte{7}, 300_000)},
	)
}

const deviceKey = "main/landing/v1/topic=device.v1/log=" + logID + "/partition=3/00000000000000000040.parquet"

type landingRow struct {
	Offset     int64             `parquet:"offset"`
	AppendTime time.Time         `parquet:"append_time,timestamp(microsecond)"`
	Key        *string           `parquet:"key"`
	Headers    map[string]string `parquet:"headers"`
	Payload    []byte            `parquet:"payload,optional"`
	KeyID      string            `parquet:"key_id"`
}

// Landing read by another library than wrote it.
func TestLanding(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := newStore(t)
	cut := deviceCut()
	write(t, object.NewTest(store, mem, "v1", nil), cut)

	all := stored(t, store)
	body, ok := all[deviceKey]
	if !ok || len(all) != 1 {
		t.Fatalf("stored: %v", all)
	}
	got, err := parquet.Read[landingRow](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) *string { return &s }
	want := []landingRow{
		{40, cut.Records[0].AppendTime, text("ward/left"), map[string]string{"kind": "samples", "thing": "ward"}, cut.Records[0].Value, ""},
		{41, cut.Records[1].AppendTime, nil, map[string]string{"kind": "tick"}, []byte{}, ""},
		{45, cut.Records[2].AppendTime, text("bad\uFFFD"), map[string]string{"a": "\uFFFD", "empty": ""}, nil, ""},
		{46, cut.Records[3].AppendTime, text(""), map[string]string{}, cut.Records[3].Value, ""},
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows", len(got))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Offset != w.Offset || !g.AppendTime.Equal(w.AppendTime) || (g.Key == nil) != (w.Key == nil) || g.Key != nil && *g.Key != *w.Key ||
			fmt.Sprint(g.Headers) != fmt.Sprint(w.Headers) || !bytes.Equal(g.Payload, w.Payload) || g.KeyID != w.KeyID {
			t.Errorf("row %d: %+v, want %+v", i, g, w)
		}
	}

	f, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, kv := range f.Metadata().KeyValueMetadata {
		values[strings.TrimPrefix(kv.Key, "wearstream.")] = kv.Value
	}
	meta, err := object.ParseMeta(values)
	if err != nil || meta.Range != cut.Range || meta.Rows != 4 || meta.Schema != object.SchemaLanding || meta.Build != "v1" {
		t.Errorf("metadata of the file: %+v, %v", meta, err)
	}
	info, err := store.Head(t.Context(), deviceKey)
	if copied, err2 := object.ParseMeta(info.Meta); err != nil || err2 != nil || copied != meta {
		t.Errorf("metadata of the object: %+v, %v, %v", copied, err, err2)
	}
	if len(f.RowGroups()) != 1 {
		t.Errorf("%d row groups", len(f.RowGroups()))
	}
	for i, c := range f.Metadata().RowGroups[0].Columns {
		name := strings.Join(c.MetaData.PathInSchema, ".")
		stats := c.MetaData.Statistics
		hasStats := len(stats.MinValue) > 0 || len(stats.Min) > 0
		if number := name == "offset" || name == "append_time"; hasStats != number {
			t.Errorf("column %d %s: statistics %v", i, name, hasStats)
		}
	}
}

func TestLandingSameBytes(t *testing.T) {
	one, two := newStore(t), newStore(t)
	write(t, object.New(one, "main", "v1"), deviceCut())
	s := object.New(two, "main", "v1")
	write(t, s, deviceCut())
	write(t, s, deviceCut())
	if a, b := stored(t, one)[deviceKey], stored(t, two)[deviceKey]; len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
}

func TestExistingObjects(t *testing.T) {
	shorter := deviceCut()
	shorter.Records = shorter.Records[:2]
	shorter.Next = 42
	changed := deviceCut()
	changed.Records[1].Value = []byte("x")
	elsewhere := deviceCut()
	elsewhere.Partition = 4

	for name, test := range map[string]struct {
		cut       stream.Cut
		damage    func([]byte) []byte
		adopt     int64
		permanent string
	}{
		"the same of another build": {cut: deviceCut()},
		"another end":               {cut: shorter, adopt: 42},
		"other rows":                {cut: changed, permanent: "holds other rows of the same offsets"},
		"another partition's":       {cut: elsewhere, permanent: "says that it is another"},
		"damaged":                   {cut: deviceCut(), damage: func(b []byte) []byte { return b[:len(b)-9] }, permanent: "cannot be read"},
		"no parquet":                {cut: deviceCut(), damage: func(b []byte) []byte { return nil }, permanent: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			from, store := newStore(t), newStore(t)
			write(t, object.New(from, "main", "v0"), test.cut)
			var before []byte
			for _, before = range stored(t, from) {
			}
			if test.damage != nil {
				before = test.damage(before)
			}
			if err := store.Put(t.Context(), deviceKey, before, sumOf(before), nil); err != nil { // without metadata: the file's counts
				t.Fatal(err)
			}
			err := object.New(store, "main", "v1").Write(t.Context(), deviceCut())
			adopt, _ := errors.AsType[*stream.AdoptError](err)
			switch {
			case test.adopt != 0:
				if adopt == nil || adopt.Next != test.adopt {
					t.Errorf("adopt: %v", err)
				}
			case test.permanent != "":
				if !sink.IsPermanent(err) || !strings.Contains(err.Error(), test.permanent) {
					t.Errorf("permanent: %v", err)
				}
			case err != nil:
				t.Error(err)
			}
			if !bytes.Equal(stored(t, store)[deviceKey], before) {
				t.Error("the object was changed")
			}
		})
	}
}

// An answer that is lost makes no second object and no error.
func TestFaults(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
		store := storetest.NewFaulty(newStore(t), fault, fault)
		s := object.New(store, "main", "v1")
		if err := s.Write(t.Context(), deviceCut()); !errors.Is(err, storetest.ErrFault) || sink.IsPermanent(err) {
			t.Fatalf("first write: %v", err)
		}
		for range 2 {
			if err := s.Write(t.Context(), deviceCut()); err != nil && !errors.Is(err, storetest.ErrFault) {
				t.Fatal(err)
			}
		}
		if all := stored(t, store); len(all) != 1 || len(all[deviceKey]) == 0 {
			t.Errorf("stored: %v", all)
		}
	}
}

func TestNoFileIsPutIfItsWriterFails(t *testing.T) {
	store := storetest.NewFaulty(newStore(t))
	for _, cut := range []stream.Cut{deviceCut(), featuresCut(t)} {
		whole := newStore(t)
		write(t, object.New(whole, "main", "v1"), cut)
		least := math.MaxInt
		for _, body := range stored(t, whole) {
			least = min(least, len(body))
		}
		for n := 0; n < least; n += 37 {
			s := object.NewTest(store, memory.NewGoAllocator(), "v1", func(w io.Writer) io.Writer { return &short{w, n} })
			if err := s.Write(t.Context(), cut); !sink.IsPermanent(err) {
				t.Fatalf("after %d bytes: %v", n, err)
			}
		}
	}
	if store.Puts() != 0 {
		t.Errorf("%d objects were put", store.Puts())
	}
}

// short takes n bytes and then says no more than that it took less.
type short struct {
	w io.Writer
	n int
}

func (s *short) Write(p []byte) (int, error) {
	n, err := s.w.Write(p[:min(len(p), s.n)])
	s.n -= n
	return n, err
}

func TestForeignTopic(t *testing.T) {
	for _, topic := range []string{"wear.other.device.v1", "device.v1", "wear.main."} {
		cut := deviceCut()
		cut.Topic = topic
		if err := object.New(newStore(t), "main", "").Write(t.Context(), cut); !sink.IsPermanent(err) {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

var featuresTopic = wire.TopicName("main", wire.TopicFeatures)

func windowRow(study, sensor string, start time.Time, length time.Duration, features ...float32) *wire.WindowRow {
	return &wire.WindowRow{
		Study: study, Participant: "p1", Side: "left", Thing: "ward", Sensor: sensor, Start: start, Length: length,
		Algo: "core.v1@1.0.0+00000000", Revision: 1, Status: wire.StatusFinal, FinalReason: wire.FinalComplete, Lane: wire.LaneLive,
		N: 250, NExpected: 250, Coverage: 1, InputDigest: "0123456789abcdef", Features: features,
	}
}

func rowsRecord(t *testing.T, offset int64, columns []string, rows ...*wire.WindowRow) stream.Record {
	t.Helper()
	w := wire.NewWindowRows(wire.WindowSchema(columns))
	for _, r := range rows {
		w.Append(r)
	}
	return recordOf(t, offset, wire.RowsWindows, w)
}

func recordOf(t *testing.T, offset int64, schema string, rows interface{ Encode() ([]byte, error) }) stream.Record {
	t.Helper()
	value, err := rows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return stream.Record{Offset: offset, Value: value, Headers: []stream.Header{
		{Key: wire.HeaderKind, Value: []byte(wire.KindRows)}, {Key: wire.HeaderSchema, Value: []byte(schema)}}}
}

var nan = float32(math.NaN())

// featuresCut has rows of two studies and of none, of three lengths, before and
// after midnight UTC, of two sets of features, and a tick.
func featuresCut(t *testing.T) stream.Cut {
	night := time.Date(2026, 3, 1, 23, 59, 55, 0, time.UTC)
	minute := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	return cutOf(featuresTopic,
		stream.Record{Offset: 9, Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}},
		rowsRecord(t, 10, []string{"x_mean", "enmo"},
			windowRow("S1", "a", night, 5*time.Second, 1, nan),
			windowRow("S1", "a", night.Add(5*time.Second), 5*time.Second, 2, 0.5),
			windowRow("S1", "a", minute, time.Minute, 3, 0.5),
			windowRow("", "b", minute, time.Minute, 4, 0.5)),
		rowsRecord(t, 12, []string{"enmo", "new"},
			windowRow("S1", "c", night, 5*time.Second, 5, 6),
			windowRow("a:b.c", "d", minute.Add(-14*time.Minute), 15*time.Minute, 7, 8)),
	)
}

type featureRow struct {
	Participant string    `parquet:"participant"`
	Sensor      string    `parquet:"sensor"`
	WindowStart time.Time `parquet:"window_start,timestamp(millisecond)"`
	LengthS     uint32    `parquet:"length_s"`
	N           uint32    `parquet:"n"`
	Offset      *float32  `parquet:"clock_offset_ms"`
	XMean       *float32  `parquet:"x_mean"`
	Enmo        *float32  `parquet:"enmo"`
	New         *float32  `parquet:"new"`
}

func (r featureRow) String() string {
	number := func(f *float32) string {
		if f == nil {
			return "null"
		}
		return fmt.Sprint(*f)
	}
	return fmt.Sprintf("%s %s %d %d %s %s %s %s", r.Sensor, r.WindowStart.UTC().Format("02T15:04:05"), r.LengthS, r.N, number(r.Offset), number(r.XMean), number(r.Enmo), number(r.New))
}

func TestFeatures(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := newStore(t)
	cut := featuresCut(t)
	s := object.NewTest(store, mem, "v1", nil)
	write(t, s, cut)
	before := stored(t, store)
	write(t, s, cut)

	name := "/" + logID + "-0003-00000000000000000009.parquet"
	want := map[string][]string{
		"window=5s/study=S1/date=2026-03-01":           {"a 01T23:59:55 5 250 null 1 null null", "c 01T23:59:55 5 250 null null 5 6"},
		"window=5s/study=S1/date=2026-03-02":           {"a 02T00:00:00 5 250 null 2 0.5 null"},
		"window=60s/study=S1/date=2026-03-01":          {"a 01T23:59:00 60 250 null 3 0.5 null"},
		"window=60s/study=~unassigned/date=2026-03-01": {"b 01T23:59:00 60 250 null 4 0.5 null"},
		"window=900s/study=a%3Ab.c/date=2026-03-01":    {"d 01T23:45:00 900 250 null null 7 8"},
	}
	all := stored(t, store)
	if len(all) != len(want) {
		t.Errorf("%d objects", len(all))
	}
	for folder, rows := range want {
		key := "main/features/v1/" + folder + name
		body := all[key]
		if !bytes.Equal(body, before[key]) {
			t.Errorf("%s was changed", key)
		}
		f, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if _, there := f.Schema().Lookup("study"); there {
			t.Errorf("%s has the column study beside its path", folder)
		}
		read, err := parquet.Read[featureRow](bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range read {
			got = append(got, r.String())
		}
		if !slices.Equal(got, rows) {
			t.Errorf("%s: %q, want %q", folder, got, rows)
		}
	}
}

// A crash after any of a cut's objects: the same cut completes them, and a cut
// with another end finds that it has begun before it writes anything.
func TestFeaturesInPart(t *testing.T) {
	cut := featuresCut(t)
	shorter := featuresCut(t)
	shorter.Records, shorter.Next = shorter.Records[:2], 11
	whole := newStore(t)
	write(t, object.New(whole, "main", "v1"), cut)

	for n := range 5 {
		plan := slices.Repeat([]storetest.Fault{storetest.None}, n)
		store := storetest.NewFaulty(newStore(t), append(plan, storetest.Before)...)
		s := object.New(store, "main", "v1")
		if err := s.Write(t.Context(), cut); !errors.Is(err, storetest.ErrFault) {
			t.Fatal(err)
		}
		begun := stored(t, store)
		if len(begun) != n {
			t.Fatalf("%d objects, want %d", len(begun), n)
		}
		if n > 0 {
			err := s.Write(t.Context(), shorter)
			if adopt, ok := errors.AsType[*stream.AdoptError](err); !ok || adopt.Next != cut.Next {
				t.Errorf("a shorter cut after %d objects: %v", n, err)
			}
			if len(stored(t, store)) != n {
				t.Error("it wrote all the same")
			}
		}
		write(t, s, cut)
		all := stored(t, store)
		for key, body := range stored(t, whole) {
			if !bytes.Equal(all[key], body) {
				t.Errorf("%s differs", key)
			}
		}
		err := s.Write(t.Context(), shorter)
		if _, ok := errors.AsType[*stream.AdoptError](err); !ok {
			t.Errorf("a shorter cut: %v", err)
		}
	}
}

func TestFeaturesWithoutRows(t *testing.T) {
	store := newStore(t)
	cut := featuresCut(t)
	cut.Records, cut.Next = cut.Records[:1], 10
	write(t, object.New(store, "main", "v1"), cut)
	if all := stored(t, store); len(all) != 0 {
		t.Errorf("stored: %v", all)
	}
}

func TestUnreadableRows(t *testing.T) {
	good := rowsRecord(t, 1, []string{"enmo"}, windowRow("S", "a", time.Unix(0, 0), time.Minute, 1))
	torn := good
	torn.Value = good.Value[:len(good.Value)/2]
	none := good
	none.Value = nil
	later := good
	later.Headers = []stream.Header{good.Headers[0], {Key: wire.HeaderSchema, Value: []byte("days/1")}}
	for name, r := range map[string]stream.Record{"torn": torn, "empty": none, "of a later version": later} {
		for _, topic := range []string{featuresTopic, participantsTopic} {
			store := newStore(t)
			err := object.New(store, "main", "v1").Write(t.Context(), cutOf(topic, r))
			if !sink.IsPermanent(err) || !strings.Contains(err.Error(), "offset 1") {
				t.Errorf("%s: %v", name, err)
			}
			if len(stored(t, store)) != 0 {
				t.Errorf("%s: stored", name)
			}
		}
	}
}
