package verify_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/loadtest/verify"
	"github.com/wearstream/wearstream/stream/wire"
)

// story is what a log goes through, and the verdict of it.
type story struct {
	name                       string
	goes                       func(w *world)
	lost, doubled, unexplained int
	finding                    string
	explained                  map[string]int // other than in a clean world
}

func TestLog(t *testing.T) {
	raise := func(b *wire.SampleBatch) { b.XYZ[0]++ }
	for _, tt := range []story{
		{"the embedded log repeats a record", func(w *world) {
			w.produce()
			w.put(wire.TopicDevice, w.again(atFirst))
			w.process()
			w.sink()
		}, 0, 0, 0, "", map[string]int{verify.ClassEmbeddedRepeat: 1}},

		// State that is built again from the log hands everything out again.
		{"rows and refusals again", func(w *world) {
			w.produce()
			w.process()
			w.process()
			w.sink()
		}, 0, 0, 0, "", map[string]int{verify.ClassEmbeddedRepeat: 20 + 2, verify.ClassControl: 2}},
		{"rows again with other bytes", func(w *world) {
			w.produce()
			w.process()
			w.transaction(true, w.apply(w.altered(atFirst+3, raise))...)
			w.sink()
		}, 0, 0, 3, "revision 1 of window of 60 s", map[string]int{verify.ClassEmbeddedRepeat: 20 + 2, verify.ClassControl: 2}},

		{"nothing is in quarantine", func(w *world) {
			w.produce()
			w.transaction(true, slices.DeleteFunc(w.apply(w.read(wire.TopicDevice, 0)), func(r *kgo.Record) bool {
				return strings.HasSuffix(r.Topic, wire.TopicQuarantine)
			})...)
			w.sink()
		}, 0, 0, 2, "batch w2/left 1/0 with other bytes, at offset 10", map[string]int{verify.ClassControl: 0, verify.ClassConflict: 0, verify.ClassQuarantined: 1}},

		{"windows hold less", func(w *world) {
			w.produce()
			w.transaction(true, w.apply(w.altered(atFirst+3, func(b *wire.SampleBatch) { clear(b.XYZ[:60]) }))...)
			w.sink()
		}, 3, 0, 0, "window of 900 s at 2026-03-01T12:00:00Z of w1 has 1910 samples, 1920 are acknowledged", nil},
		{"windows hold more", func(w *world) {
			w.produce()
			w.transaction(true, w.apply(w.altered(atMissing, func(b *wire.SampleBatch) { copy(b.XYZ[200*6:210*6], b.XYZ) }))...)
			w.sink()
		}, 0, 3, 0, "window of 60 s at 2026-03-01T12:00:00Z of w2/left has 480 samples, 470 are acknowledged", nil},
		{"windows are missing", func(w *world) {
			w.produce()
			w.transaction(true, w.apply(w.read(wire.TopicDevice, 0)[atEnd:])...) // without w1
			w.sink()
		}, 14, 0, 0, "has 160 acknowledged samples and no row", nil},

		{"an aborted transaction", func(w *world) {
			w.abort()
			w.fill()
		}, 0, 0, 0, "", map[string]int{verify.ClassControl: 3}},
		{"ranges leave an aborted transaction out", func(w *world) {
			w.abort()
			w.fill()
			cut := w.written[wire.TopicDevice][0]
			w.remove(w.object(wire.TopicDevice, 0))
			cut.First = 2
			w.write(w.folder, cut)
		}, 0, 0, 1, "no object for offsets 0..2, though nothing can be read there", map[string]int{verify.ClassControl: 3}},
		{"an open transaction", func(w *world) {
			w.fill()
			w.open()
		}, 0, 0, 1, "offsets 18..19 of device.v1/0", nil},

		{"the log moved its start", func(w *world) {
			w.fill()
			w.trim(9)
		}, 0, 0, 0, "", nil},
		{"and landing had not all of it", func(w *world) {
			w.fill()
			w.trim(9)
			w.remove(w.object(wire.TopicDevice, 7)) // 7 and 8 are nowhere
		}, 7, 0, 0, "no object for offsets 7..9, and the log no longer has them", map[string]int{verify.ClassRepeat: 0}},
		// What stood below the hole is unknown, so its windows come from nowhere.
		{"and landing had nothing of a sensor", func(w *world) {
			w.fill()
			w.trim(9)
			w.remove(w.object(wire.TopicDevice, 0))
		}, 7, 0, 14, "no object for offsets 0..7, and the log no longer has them", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.goes(w)
			r := w.verify()
			w.wants(r, tt.lost, tt.doubled, tt.unexplained, tt.finding)
			want := maps.Clone(clean)
			maps.Copy(want, tt.explained)
			maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
			w.explains(r, want)
		})
	}
}

// again is a record of device.v1 as it is there.
func (w *world) again(offset int) *kgo.Record {
	w.t.Helper()
	was := w.read(wire.TopicDevice, 0)[offset]
	r := &kgo.Record{Key: was.Key, Value: was.Value}
	for _, h := range was.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

// abort writes a batch into device.v1 in a transaction that is aborted.
func (w *world) abort() {
	w.t.Helper()
	r := w.samples("w1", payload("", 1, 9, recorded))
	r.Topic = wire.TopicName(cell, wire.TopicDevice)
	w.transaction(false, r)
}

// open leaves one in a transaction that does not end.
func (w *world) open() {
	w.t.Helper()
	cl, err := kgo.NewClient(append(slices.Clone(w.Kafka), kgo.TransactionalID("hangs"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(w.t, err)
	w.t.Cleanup(cl.Close)
	must(w.t, cl.BeginTransaction())
	r := w.samples("w1", payload("", 1, 9, recorded))
	r.Topic, r.Timestamp = wire.TopicName(cell, wire.TopicDevice), w.clock
	must(w.t, cl.ProduceSync(w.t.Context(), r).FirstErr())
}

// trim moves the start of device.v1.
func (w *world) trim(start int64) {
	w.t.Helper()
	var to kadm.Offsets
	to.AddOffset(wire.TopicName(cell, wire.TopicDevice), 0, start, -1)
	answers, err := kadm.NewClient(w.cl).DeleteRecords(w.t.Context(), to)
	must(w.t, err)
	must(w.t, answers.Error())
}

// TestAnotherLog: the topics are made again, and the old landing and tables stay.
func TestAnotherLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	w.anew()
	w.fill() // the same again
	r := w.verify()
	w.wants(r, 0, 0, 0, "")
	w.explains(r, map[string]int{
		verify.ClassControl: 1, // what the first log had of them, nobody knows any more
		verify.ClassRepeat:  2 + 9, verify.ClassConflict: 2, verify.ClassImpossible: 1, verify.ClassQuarantined: 6,
	})
	if r.Records != 42 || r.Batches != 9 || r.Rows != 40 || r.Windows != 19 {
		t.Errorf("%+v", r)
	}

	w.anew()
	w.put(wire.TopicDevice, w.samples("w1", payload("", 1, 6, recorded.Add(time.Minute))), w.end("w1", 1, 6))
	w.ticks(95) // it waits for what it does not know that the first log had
	w.process()
	w.sink()
	r = w.verify()
	w.wants(r, 1, 0, 0, "window of 900 s at 2026-03-01T12:00:00Z of w1 has 320 samples, 2240 are acknowledged")

	// The first log's landing lacks its end, and only ClickHouse knows of it.
	logs := w.written[wire.TopicDevice]
	last := logs[2]
	must(t, os.Remove(strings.Replace(w.object(wire.TopicDevice, last.First), string(w.logs[wire.TopicDevice]), string(last.Log), 1)))
	r = w.verify()
	if r.Lost != 1 || r.Unexplained != 0 {
		t.Errorf("an object with a status only: %+v", r)
	}
	last = logs[1]
	must(t, os.Remove(strings.Replace(w.object(wire.TopicDevice, last.First), string(w.logs[wire.TopicDevice]), string(last.Log), 1)))
	r = w.verify()
	w.wants(r, 1+5, 0, 0, "batch w2/left 1/2 in batches_all, from offset 13")
}

// anew deletes all topics and makes them again.
func (w *world) anew() {
	w.t.Helper()
	adm := kadm.NewClient(w.cl)
	var names []string
	for _, topic := range wire.Topics(1) {
		names = append(names, wire.TopicName(cell, topic.Name))
	}
	answers, err := adm.DeleteTopics(w.t.Context(), names...)
	must(w.t, err)
	must(w.t, answers.Error())
	w.cl.PurgeTopicsFromClient(names...)
	w.topics()
	clear(w.stored)
}

// TestDue: what is missing is not due before its time, and time is the log's.
func TestDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	in := func(after time.Duration, due verify.Due) *verify.Report {
		return w.verify(func(c *verify.Config) { c.Now, c.Due = w.clock.Add(after), due })
	}
	soon := verify.Due{Landing: 30 * time.Second, Idle: 15 * time.Minute, Tables: 20 * time.Second}
	notDue := func(r *verify.Report, n int) {
		t.Helper()
		w.wants(r, 0, 0, 0, "")
		if r.Explained[verify.ClassNotDue] != n {
			t.Errorf("%d not yet due, want %d", r.Explained[verify.ClassNotDue], n)
		}
	}
	// A record, its row, two windows of 5 s and one of 60, and what that of 900 s lacks.
	w.put(wire.TopicDevice, w.samples("w1", payload("", 1, 6, recorded.Add(time.Minute))))
	notDue(in(0, soon), 6)
	notDue(in(24*time.Hour, soon), 6) // nothing ran since
	w.wants(in(24*time.Hour, soon), 0, 0, 0, "note: the log of device.v1/0")
	w.ticks(4)
	w.wants(in(0, soon), 6, 0, 0, "")
	w.sink() // and the processor is behind still
	w.wants(in(0, soon), 4, 0, 0, "has 160 acknowledged samples and no row")
	w.process()
	w.sink()
	notDue(in(0, soon), 0)

	// Ticks that nobody stored for a while become due with what comes after them.
	w.ticks(20)
	notDue(in(0, soon), 20)
	w.put(wire.TopicDevice, w.end("w5", 1, 0))
	notDue(in(0, soon), 21)
	w.ticks(3)
	w.wants(in(0, soon), 21, 0, 0, "is not in landing after")
	if r := in(0, soon); r.Explained[verify.ClassNotDue] != 3 {
		t.Errorf("%d not yet due, want 3", r.Explained[verify.ClassNotDue])
	}
}

// TestMeanwhile: everything goes on while it is compared.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	before := w.verify()
	steps := map[string]int{}
	r := w.verify(func(c *verify.Config) {
		c.Now = w.clock
		c.Progress = func(step string, done, total int) {
			if steps[step]++; done == total {
				seq := 6 + len(steps)
				w.put(wire.TopicDevice, w.samples("w3", payload("", 1, seq, recorded.Add(time.Duration(seq)*10*time.Second))))
				w.process()
				w.sink()
			}
		}
	})
	w.wants(r, 0, 0, 0, "")
	if want := []string{"read features/v1", "read landing/v1", "read the log"}; !slices.Equal(slices.Sorted(maps.Keys(steps)), want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	if r.Records < before.Records {
		t.Errorf("%d records, %d before", r.Records, before.Records)
	}
}

// TestSetThatLooksAround: windows of ref.v1 are held against the samples by themselves.
func TestSetThatLooksAround(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sets = []*features.Set{features.Core, features.Ref}
	w.fill()
	r := w.verify()
	w.wants(r, 0, 0, 0, "")
	w.explains(r, clean)
	if r.Rows != 2*19+1 || r.Windows != 2*19 {
		t.Errorf("%d rows of %d windows, want 39 of 38", r.Rows, r.Windows)
	}

	w = newWorld(t)
	w.produce()
	w.process()
	w.sets = []*features.Set{features.Ref}
	w.transaction(true, w.apply(w.altered(atFirst+3, func(b *wire.SampleBatch) { clear(b.XYZ) }))...)
	w.sink()
	w.wants(w.verify(), 4, 0, 0, "window of 60 s at 2026-03-01T12:00:00Z of w1 has 1600 samples, 1920 are acknowledged")
}
