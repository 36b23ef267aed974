package device

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// mill runs an operator and counts what it writes.
type mill struct {
	t         testing.TB
	op        stream.Operator
	log       []stream.Record
	offset    int64 // of the next record; log may be nil
	in        int   // bytes of samples
	changelog int   // bytes of keys and values
	rows      int   // bytes of Arrow
}

func newMill(t testing.TB) *mill {
	m := &mill{t: t}
	op, err := New(Config{Cell: "main", Memory: DefaultMemory, Wear: &wear.Config{Order: wear.DefaultOrder, Params: wear.Default}}, prometheus.NewRegistry())(0, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	m.op = op
	return m
}

func (m *mill) Emit(_ string, _ int32, _, value []byte, _ ...stream.Header) { m.rows += len(value) }

func (m *mill) Read(_ context.Context, offsets []int64, yield func(stream.Record) error) error {
	for _, at := range offsets {
		if err := yield(m.log[at]); err != nil {
			return err
		}
	}
	return nil
}

func (m *mill) apply(r stream.Record) {
	r.Offset = m.offset
	m.offset++
	if m.log != nil {
		m.log = append(m.log, r)
	}
	if err := m.op.Apply(m.t.Context(), r, m); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mill) send(sensor string, at time.Time, s *wire.SampleBatch) {
	r := sampleRecord(sensor, 0, at, s)
	m.in += len(r.Value)
	m.apply(r)
}

func (m *mill) tick(at time.Time) {
	v, _ := json.Marshal(wire.Tick{UTC: at.UnixMicro()})
	m.apply(stream.Record{AppendTime: at, Value: v, Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}})
}

func (m *mill) commit() {
	if err := m.op.Flush(m); err != nil {
		m.t.Fatal(err)
	}
	err := m.op.Changes(func(k, v []byte) error {
		m.changelog += len(k) + len(v)
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.op.Commit()
}

// TestChangelogStaysSmall: a day of one live sensor at 32 Hz, ten seconds a batch,
// each in a transaction of its own with a tick. Keys and values count, what Kafka
// adds to a record does not.
func TestChangelogStaysSmall(t *testing.T) {
	m := newMill(t)
	for _, s := range recording(1, origin, 24*60*60, 320) {
		at := time.UnixMicro(s.T0us).Add(11 * time.Second)
		m.send("study-0001/left", at, s)
		m.tick(at)
		m.commit()
	}
	ratio := float64(m.changelog) / float64(m.in)
	t.Logf("%d bytes of batches, %d of changelog: %.2f", m.in, m.changelog, ratio)
	if ratio > 0.5 {
		t.Errorf("%.2f bytes of changelog per input byte, at most 0.5", ratio)
	}
}

// TestResidentStateStaysSmall: seven days of ten-second batches of sensors that
// share a partition. Raw samples of pending windows do not count. The others'
// batches in between decide what an offset costs: about log2 of how unevenly
// sensors take turns.
func TestResidentStateStaysSmall(t *testing.T) {
	const sensors, rounds, limit = 2, 7 * 24 * 360, 64 << 10
	for _, jitter := range []int64{0, 3} {
		m := newMill(t)
		rng := rand.New(rand.NewPCG(1, uint64(jitter)))
		for i, s := range light(rounds) {
			at := time.UnixMicro(s.T0us).Add(11 * time.Second)
			for n := range sensors {
				m.offset += rng.Int64N(jitter + 1)
				m.send(fmt.Sprintf("study-0001-participant-%03d/left", n), at, s)
			}
			if i%20 == 0 {
				m.commit()
			}
		}
		m.commit()
		own := m.op.(*operator)
		bits := 0
		for _, s := range own.sensors {
			for _, e := range s.cached {
				e.raw = nil
			}
			s.cached, s.begun = nil, window.Begun{}
			for _, b := range s.blocks.Rows() {
				bits += 8 * len(b.code)
			}
		}
		all := heap()
		clear(own.sensors)
		each := (all - heap()) / sensors
		t.Logf("%.1f bits a batch in blocks: %d bytes a sensor", float64(bits)/sensors/rounds, each)
		if each > limit {
			t.Errorf("%d bytes a sensor, at most %d", each, limit)
		}
		runtime.KeepAlive(m)
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// TestBacklogIsNotQuadratic: an upload costs the same per batch however long it is.
func TestBacklogIsNotQuadratic(t *testing.T) {
	cost := func(days int, order func([]*wire.SampleBatch) []*wire.SampleBatch) time.Duration {
		m := newMill(t)
		m.log = []stream.Record{}
		began := cpu()
		batches := order(light(days * 24 * 360))
		for i, s := range batches {
			at := origin.Add(time.Duration(days)*24*time.Hour + time.Duration(i/100)*time.Second)
			m.send("w1", at, s)
			if i%1000 == 0 {
				m.tick(at)
				m.commit()
			}
		}
		for range 12 {
			m.tick(origin.Add(time.Duration(days)*24*time.Hour + 16*time.Minute))
			m.commit()
		}
		took := cpu() - began
		t.Logf("%d days: %d batches in %v, %v each; changelog %d of %d bytes", days, len(batches), took, took/time.Duration(len(batches)), m.changelog, m.in)
		return took / time.Duration(len(batches))
	}
	for name, order := range map[string]func([]*wire.SampleBatch) []*wire.SampleBatch{
		"in order":     func(b []*wire.SampleBatch) []*wire.SampleBatch { return b },
		"first lost":   func(b []*wire.SampleBatch) []*wire.SampleBatch { return b[1:] },
		"first last":   func(b []*wire.SampleBatch) []*wire.SampleBatch { return append(b[1:], b[0]) },
		"newest first": func(b []*wire.SampleBatch) []*wire.SampleBatch { slices.Reverse(b); return b },
		"at random": func(b []*wire.SampleBatch) []*wire.SampleBatch {
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			short, long := cost(1, order), cost(4, order)
			if long > 3*short {
				t.Errorf("%v a batch of four days, %v of one", long, short)
			}
		})
	}
}

// light is a recording of ten-second batches at 1 Hz.
func light(n int) []*wire.SampleBatch {
	all := make([]*wire.SampleBatch, n)
	for i := range all {
		xyz := make([]byte, 60)
		for j := range xyz {
			xyz[j] = byte(i + j)
		}
		all[i] = &wire.SampleBatch{Boot: 1, Seq: uint64(i), T0us: origin.UnixMicro() + int64(i)*1e7, RateMHz: 1000, Encoding: wire.Int16Counts, LSBPerG: 64, N: 10, XYZ: xyz}
	}
	return all
}
