package clickhouse

import (
	"encoding/binary"
	"fmt"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const batchKey = "sensor, boot, seq, generation, partition, offset"

// Limits of a block of batches.
const (
	maxBatchRows   = 50_000
	maxBatchValues = 16 << 20 // numbers in its arrays, 64 MiB
)

// ints is a column of arrays whose numbers may be appended directly.
type ints struct {
	data proto.ColInt32
	col  *proto.ColArr[int32]
}

func newInts() *ints {
	a := new(ints)
	a.col = proto.NewArray[int32](&a.data)
	return a
}

// end ends the array of a row.
func (a *ints) end() { a.col.Offsets.Append(uint64(len(a.data))) }

type batchColumns struct {
	thing, sensor, via, logID     *proto.ColLowCardinality[string]
	boot, seq                     proto.ColUInt64
	t0, tempT0, offset            proto.ColInt64
	rate, n, lsb, tempRate, flags proto.ColUInt32
	x, y, z, temp                 *ints
	sum                           proto.ColStr
	received                      *proto.ColDateTime64Raw
	partition                     proto.ColInt32
	generation                    proto.ColUInt32
	values                        int
}

func newBatchColumns() *batchColumns {
	return &batchColumns{
		thing: text(), sensor: text(), via: text(), logID: text(),
		x: newInts(), y: newInts(), z: newInts(), temp: newInts(),
		received: microseconds(),
	}
}

func (c *batchColumns) rows() int { return len(c.offset) }

func (c *batchColumns) full() bool { return c.rows() >= maxBatchRows || c.values >= maxBatchValues }

func (c *batchColumns) append(r *stream.Record, b *wire.SampleBatch, log stream.LogID, generation uint32) {
	thing := thingOf(r)
	c.thing.Append(thing)
	c.sensor.Append(wire.SensorOf(thing, b.Sensor))
	c.via.Append(string(r.Header(wire.HeaderVia)))
	c.logID.Append(string(log))
	c.boot.Append(b.Boot)
	c.seq.Append(b.Seq)
	c.t0.Append(b.T0us)
	c.rate.Append(b.RateMHz)
	c.n.Append(b.N)
	c.samples(b)
	c.tempT0.Append(b.TempT0us)
	c.tempRate.Append(b.TempRateMHz)
	c.temp.data = append(c.temp.data, b.TempMdegC...)
	c.temp.end()
	c.flags.Append(uint32(number(r, wire.HeaderFlags, 0)))
	c.sum.Append(payloadSum(r))
	c.received.Append(receivedAt(r))
	c.partition.Append(r.Partition)
	c.offset.Append(r.Offset)
	c.generation.Append(generation)
	c.values += 3*int(b.N) + len(b.TempMdegC)
}

// samples appends the samples as they were sent: counts with their scale, or
// micro-g with scale 0.
func (c *batchColumns) samples(b *wire.SampleBatch) {
	if b.Encoding == wire.Int16Counts {
		c.lsb.Append(b.LSBPerG)
		for p := b.XYZ; len(p) >= 6; p = p[6:] {
			c.x.data = append(c.x.data, int32(int16(binary.LittleEndian.Uint16(p))))
			c.y.data = append(c.y.data, int32(int16(binary.LittleEndian.Uint16(p[2:]))))
			c.z.data = append(c.z.data, int32(int16(binary.LittleEndian.Uint16(p[4:]))))
		}
	} else {
		c.lsb.Append(0)
		c.x.data, c.y.data, c.z.data = b.AppendMicroG(c.x.data, c.y.data, c.z.data)
	}
	c.x.end()
	c.y.end()
	c.z.end()
}

func (c *batchColumns) block(index int) *block {
	last := c.rows() - 1
	return &block{
		table: tableBatches, index: index, rows: c.rows(), key: batchKey,
		bounds: [2]string{c.key(0), c.key(last)},
		input: proto.Input{
			{Name: "thing", Data: c.thing}, {Name: "sensor", Data: c.sensor}, {Name: "boot", Data: c.boot}, {Name: "seq", Data: c.seq},
			{Name: "t0_us", Data: c.t0}, {Name: "rate_mhz", Data: c.rate}, {Name: "n", Data: c.n}, {Name: "lsb_per_g", Data: c.lsb},
			{Name: "x", Data: c.x.col}, {Name: "y", Data: c.y.col}, {Name: "z", Data: c.z.col},
			{Name: "temp_t0_us", Data: c.tempT0}, {Name: "temp_rate_mhz", Data: c.tempRate}, {Name: "temp", Data: c.temp.col},
			{Name: "flags", Data: c.flags}, {Name: "sha256", Data: c.sum}, {Name: "received_at", Data: c.received}, {Name: "via", Data: c.via},
			{Name: "log_id", Data: c.logID}, {Name: "partition", Data: c.partition}, {Name: "offset", Data: c.offset}, {Name: "generation", Data: c.generation},
		},
	}
}

func (c *batchColumns) key(row int) string {
	return fmt.Sprintf("(%s, %d, %d, %d, %d, %d)", literal(c.sensor.Row(row)), c.boot[row], c.seq[row], c.generation[row], c.partition[row], c.offset[row])
}
