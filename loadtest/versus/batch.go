package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// firstSeq is a sequence number that takes four bytes, as do the 266 million after
// it, so that the next one can be written over it.
const firstSeq = 1 << 21

const (
	rateHz = 50
	counts = 2048 // per g
)

var began = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// batch is a payload of one sensor, to be sent again and again under the next name
// (sensor, boot, seq) and time.
type batch struct {
	payload []byte
	seq, t0 int           // where they stand in payload
	spacing time.Duration // from batch to batch
}

// newBatch makes a payload of n samples of a sensor in motion.
func newBatch(sensor string, n int, rng *rand.Rand) (*batch, error) {
	b := envelope(sensor)
	b.N, b.XYZ = uint32(n), motion(n, rng)
	p := &batch{payload: b.Append(nil), spacing: time.Duration(n) * time.Second / rateHz}
	p.t0 = bytes.Index(p.payload, binary.LittleEndian.AppendUint64(nil, uint64(b.T0us)))
	p.seq = p.t0 - 1 - 4 // before the tag of t0
	p.name(firstSeq + 5)
	if d, err := wire.Decode(p.payload); err != nil || d.Seq != firstSeq+5 || d.Sensor != sensor || d.SampleTime(0) != began.Add(5*p.spacing).UnixNano() {
		return nil, fmt.Errorf("make a batch of %d samples: it reads as %+v, %w", n, d, err)
	}
	return p, nil
}

func envelope(sensor string) wire.SampleBatch {
	return wire.SampleBatch{
		Sensor: sensor, Boot: 1, Seq: firstSeq, T0us: began.UnixMicro(), RateMHz: rateHz * 1000,
		Encoding: wire.Int16Counts, LSBPerG: counts, RangeMG: 8000, BatteryPct: wire.Some[uint32](80),
		OldestSeqHeld: wire.Some[uint64](firstSeq), // what is below was never there
	}
}

// samplesIn is how many samples make a payload of at most size bytes.
func samplesIn(sensor string, size int) int {
	e := envelope(sensor)
	return (size - len(e.Append(nil)) - 6) / 6 // 6: tags and lengths of n and xyz
}

// sensor is whose payload it is: its first field.
func (b *batch) sensor() []byte { return b.payload[2 : 2+b.payload[1]] }

// name gives the payload its sequence number and the time that goes with it.
func (b *batch) name(seq uint64) {
	v := b.payload[b.seq:]
	v[0], v[1], v[2], v[3] = byte(seq)|0x80, byte(seq>>7)|0x80, byte(seq>>14)|0x80, byte(seq>>21)
	t := began.Add(time.Duration(seq-firstSeq) * b.spacing)
	binary.LittleEndian.PutUint64(b.payload[b.t0:], uint64(t.UnixMicro()))
}

// motion is what a sensor on a wrist sees: gravity that turns, and noise.
func motion(n int, rng *rand.Rand) []byte {
	var out []byte
	roll, pitch, restless := rng.Float64()*math.Pi, rng.Float64()*math.Pi, 0.01+rng.ExpFloat64()*0.1
	for range n {
		roll += restless * 0.1 * rng.NormFloat64()
		pitch += restless * 0.1 * rng.NormFloat64()
		for _, g := range [3]float64{math.Sin(roll), math.Cos(roll) * math.Sin(pitch), math.Cos(roll) * math.Cos(pitch)} {
			v := max(-8, min(7.99, g+restless*rng.NormFloat64()))
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(v*counts)))
		}
	}
	return out
}
