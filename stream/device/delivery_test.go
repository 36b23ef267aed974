package device

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/internal/rowtest"
	"github.com/wearstream/wearstream/stream/wire"
)

// wrist is what a device measured in two boots: 8 Hz, a reading every 4 s, a hole
// between them and one in the second.
type wrist struct {
	boots [2]measured
}

type measured struct {
	from int64   // microseconds
	xyz  []int16 // counts
	hole [2]int  // samples that it never had
}

const (
	wristSpacing = 125_000 // microseconds
	wristReading = 32      // samples from one to the next
)

func randomWrist(rng *rand.Rand) *wrist {
	w := new(wrist)
	from := origin.UnixMicro() + rng.Int64N(1000)*1000
	for i := range w.boots {
		m := &w.boots[i]
		n := 8 * (600 + rng.IntN(700))
		m.from = from
		swing := 1.0
		for k := range n {
			if k%400 == 0 {
				swing = []float64{0, 0.3, 5, 40}[rng.IntN(4)]
			}
			for _, mean := range []float64{-10, 20, 58} {
				m.xyz = append(m.xyz, int16(max(min(mean+swing*rng.NormFloat64(), 127), -128)))
			}
			if rng.IntN(5000) == 0 {
				clear(m.xyz[len(m.xyz)-3:]) // missing
			}
		}
		from += int64(n)*wristSpacing + rng.Int64N(400)*wristSpacing
	}
	at := 100 + rng.IntN(4000)
	w.boots[1].hole = [2]int{at, at + rng.IntN(700)}
	return w
}

// batches cuts what was measured into batches of at most so many samples.
func (w *wrist) batches(size func() int) (all []*wire.SampleBatch, last [2]int) {
	for boot, m := range w.boots {
		seq, n := 0, len(m.xyz)/3
		for at := 0; at < n; seq++ {
			if at >= m.hole[0] && at < m.hole[1] {
				at = m.hole[1]
			}
			to := min(at+size(), n)
			if at < m.hole[0] {
				to = min(to, m.hole[0])
			}
			b := &wire.SampleBatch{
				Boot: uint64(boot + 1), Seq: uint64(seq), T0us: m.from + int64(at)*wristSpacing, RateMHz: 8000,
				Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: uint32(to - at),
			}
			for _, v := range m.xyz[3*at : 3*to] {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(v))
			}
			for s := (at + wristReading - 1) / wristReading; s*wristReading < to; s++ {
				if len(b.TempMdegC) == 0 {
					b.TempT0us, b.TempRateMHz = m.from+int64(s)*wristReading*wristSpacing, 250
				}
				b.TempMdegC = append(b.TempMdegC, 30_000+int32(s*s%997))
			}
			all = append(all, b)
			last[boot] = seq
			at = to
		}
	}
	return all, last
}

// delivered is what the operator finally says of batches that come in this order.
type delivered struct {
	logtest.Log
	rows rowtest.Rows
}

func (d *delivered) Emit(_ string, _ int32, _, value []byte, headers ...stream.Header) {
	if r := (stream.Record{Headers: headers}); string(r.Header(wire.HeaderSchema)) != wire.RowsWindows {
		return
	}
	recs, err := wire.DecodeRows(value)
	if err != nil {
		d.T.Fatal(err)
	}
	for _, rec := range recs {
		d.rows.Add(rec)
	}
}

func deliver(t testing.TB, batches []*wire.SampleBatch, last [2]int, every int) *rowtest.Rows {
	d := &delivered{}
	d.Log = logtest.Log{T: t, Out: d, New: New(Config{Cell: "main", Sets: []*features.Set{features.Core, features.Ref}, Memory: DefaultMemory}, prometheus.NewRegistry())}
	d.Restart()
	at := origin.Add(2 * time.Hour)
	apply := func(kind string, value []byte) {
		d.Append(stream.Record{
			Topic: "wear.main.device.v1", AppendTime: at, Key: []byte("w1"), Value: value,
			Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(kind)}, {Key: wire.HeaderThing, Value: []byte("w1")}},
		})
		if len(d.Records)%every == 0 {
			d.Commit()
		}
	}
	tick := func(after time.Duration) {
		at = at.Add(after)
		v, _ := json.Marshal(wire.Tick{UTC: at.UnixMicro()})
		apply(wire.KindTick, v)
	}
	for i, batch := range batches {
		apply(wire.KindSamples, batch.Append(nil))
		if i%every == 0 {
			tick(20 * time.Second)
		}
	}
	for boot, seq := range last {
		apply(wire.KindStatus, fmt.Appendf(nil, `{"kind":"end","boot":%d,"last_seq":%d}`, boot+1, seq))
	}
	for range 3 {
		tick(time.Hour)
	}
	d.Commit()
	return &d.rows
}

// TestAnyDelivery: however a device cuts what it measured into batches, in whatever
// order these arrive and however often, and wherever commits fall, the last rows of all
// windows are the same Arrow bytes: digest, flags, coverage and every feature of core.v1
// and ref.v1.
func TestAnyDelivery(t *testing.T) {
	recordings, deliveries := uint64(3), uint64(5)
	for seed := range recordings {
		w := randomWrist(rand.New(rand.NewPCG(seed, 21)))
		calm, last := w.batches(func() int { return 80 })
		want := deliver(t, calm, last, 1000)
		for run := range deliveries {
			rng := rand.New(rand.NewPCG(seed, 100+run))
			most := 1 + rng.IntN(900)
			batches, last := w.batches(func() int { return 1 + rng.IntN(most) })
			for range rng.IntN(len(batches)) { // again, as a device does that missed an acknowledgement
				b := *batches[rng.IntN(len(batches))]
				b.XYZ = bytes.Clone(b.XYZ)
				batches = append(batches, &b)
			}
			(&history{rng: rng}).shuffle(batches)
			if got := deliver(t, batches, last, 1+rng.IntN(200)); !rowtest.Same(t, got, want) {
				t.Fatalf("recording %d, delivery %d (batches of at most %d samples)", seed, run, most)
			}
		}
		t.Logf("recording %d: %d rows are the same bytes after %d deliveries", seed, want.Len(), deliveries)
	}
}
