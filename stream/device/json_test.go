package device

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// emitted is what an operator hands out, byte for byte.
type emitted []string

func (e *emitted) Emit(topic string, partition int32, key, value []byte, headers ...stream.Header) {
	*e = append(*e, fmt.Sprintf("%s/%d %q %q %q", topic, partition, key, headers, value))
}

// microG is the batch with INT32_MICRO_G.
func microG(b *wire.SampleBatch) *wire.SampleBatch {
	c := *b
	c.Encoding, c.LSBPerG, c.XYZ = wire.Int32MicroG, 0, nil
	x, y, z := b.AppendMicroG(nil, nil, nil)
	for i := range x {
		c.XYZ, _ = binary.Append(c.XYZ, binary.LittleEndian, [3]int32{x[i], y[i], z[i]})
	}
	return &c
}

// inJSON is the batch in g, with all the digits that counts of 64 per g have.
func inJSON(b *wire.SampleBatch) []byte {
	p := fmt.Appendf(nil, `{"boot":%d,"seq":%d,"t0_us":%d,"rate_mhz":%d,"range_mg":%d,"temp_t0_us":%d,"temp_rate_mhz":%d`,
		b.Boot, b.Seq, b.T0us, b.RateMHz, b.RangeMG, b.TempT0us, b.TempRateMHz)
	var xyz, temp []string
	for at := b.XYZ; len(at) > 0; at = at[6:] {
		g := func(i int) string {
			return fmt.Sprintf("%.6f", float64(int16(binary.LittleEndian.Uint16(at[i:])))/64)
		}
		xyz = append(xyz, "["+g(0)+","+g(2)+","+g(4)+"]")
	}
	for _, v := range b.TempMdegC {
		temp = append(temp, fmt.Sprintf("%d.%03d", v/1000, v%1000))
	}
	return fmt.Appendf(p, `,"xyz":[%s],"temp":[%s]}`, strings.Join(xyz, ","), strings.Join(temp, ","))
}

// TestJSONMakesTheSameRows: a recording in JSON makes the bytes that its twin in
// protobuf makes: in order, over a hole that is filled, and read again from the
// log after a restart.
func TestJSONMakesTheSameRows(t *testing.T) {
	batches := recording(1, origin, 900, 320)
	run := func(payload func(*wire.SampleBatch) []byte, headers ...stream.Header) emitted {
		b := newBench(t)
		var out emitted
		apply := func(kind string, value []byte, headers ...stream.Header) {
			b.appended = b.appended.Add(time.Second)
			r := stream.Record{Topic: "wear.main.device.v1", Offset: int64(len(b.Records)), AppendTime: b.appended, Key: []byte("w1"), Value: value,
				Headers: append(headers, stream.Header{Key: wire.HeaderKind, Value: []byte(kind)}, stream.Header{Key: wire.HeaderThing, Value: []byte("w1")})}
			b.Records = append(b.Records, r)
			if err := b.Op.Apply(t.Context(), r, &out); err != nil {
				t.Fatal(err)
			}
		}
		commit := func() {
			if err := b.Op.Flush(&out); err != nil {
				t.Fatal(err)
			}
			b.Commit() // nothing is left to flush but state
		}
		send := func(batches ...*wire.SampleBatch) {
			for _, batch := range batches {
				apply(wire.KindSamples, payload(batch), slices.Clone(headers)...)
			}
		}
		send(batches[:40]...)
		send(batches[41:60]...)
		commit()
		b.Restart()
		send(batches[40])
		send(batches[60:]...)
		send(batches[3]) // an exact repeat
		apply(wire.KindStatus, fmt.Appendf(nil, `{"kind":"end","boot":1,"last_seq":%d}`, len(batches)-1))
		commit()
		return out
	}
	protobuf := run(func(b *wire.SampleBatch) []byte { return microG(b).Append(nil) })
	asJSON := run(inJSON, stream.Header{Key: wire.HeaderContentType, Value: []byte(wire.ContentJSON)})
	if len(protobuf) < 2 || !slices.Equal(protobuf, asJSON) {
		t.Errorf("protobuf handed out %d records, JSON %d, and they differ", len(protobuf), len(asJSON))
	}
	counts := run(func(b *wire.SampleBatch) []byte { return b.Append(nil) })
	if !slices.Equal(counts, protobuf) {
		t.Error("counts and micro-g make different rows")
	}
}
