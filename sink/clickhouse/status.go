package clickhouse

import (
	"fmt"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const statusKey = "sensor, at_us, generation, partition, offset"

// Limits of a block of device status.
const (
	maxStatusRows  = 50_000
	maxStatusBytes = 64 << 20 // of messages and values
)

// kindBattery is the kind of a row that a batch makes.
const kindBattery = "battery"

// status is what one record says of its device.
type status struct {
	recordKind, kind string
	at               wire.Optional[int64]
	battery          wire.Optional[uint32]
	charging         wire.Optional[bool]
	value            string
	boot, seq        wire.Optional[uint64]
	message          []byte
}

// batchStatus is the battery of a batch; nil, if it says nothing of it. Every
// batch that does makes a row, also where nothing changed: what changed is a
// question of order, and batches come in any.
func batchStatus(b *wire.SampleBatch) *status {
	if !b.BatteryPct.OK && !b.Charging.OK {
		return nil
	}
	at := b.T0us
	if b.N == 0 {
		at = b.TempT0us
	}
	return &status{
		recordKind: wire.KindSamples, kind: kindBattery, at: wire.Some(at),
		battery: b.BatteryPct, charging: b.Charging, boot: wire.Some(b.Boot), seq: wire.Some(b.Seq),
	}
}

func statusMessage(r *stream.Record) (*status, error) {
	m, err := wire.DecodeStatus(r.Value)
	if err != nil {
		return nil, err
	}
	return &status{
		recordKind: wire.KindStatus, kind: m.Kind, at: wire.Optional[int64]{Value: m.AtUS, OK: m.AtUS != 0},
		battery: optional(m.BatteryPct), charging: optional(m.Charging), boot: wire.Optional[uint64]{Value: m.Boot, OK: m.Boot != 0}, message: r.Value,
	}, nil
}

func eventMessage(r *stream.Record) (*status, error) {
	m, err := wire.DecodeEvent(r.Value)
	if err != nil {
		return nil, err
	}
	return &status{recordKind: wire.KindEvent, kind: m.Kind, at: m.AtUS, value: m.Value, message: r.Value}, nil
}

func optional[T any](p *T) (o wire.Optional[T]) {
	if p != nil {
		o = wire.Some(*p)
	}
	return o
}

type statusColumns struct {
	thing, sensor, recordKind, kind, logID *proto.ColLowCardinality[string]
	at, offset                             proto.ColInt64
	battery                                *proto.ColNullable[uint32]
	charging                               *proto.ColNullable[bool]
	boot, seq                              *proto.ColNullable[uint64]
	value, message, sum                    proto.ColStr
	received                               *proto.ColDateTime64Raw
	partition                              proto.ColInt32
	generation                             proto.ColUInt32
}

func newStatusColumns() *statusColumns {
	return &statusColumns{
		thing: text(), sensor: text(), recordKind: text(), kind: text(), logID: text(),
		battery: proto.NewColNullable[uint32](new(proto.ColUInt32)), charging: proto.NewColNullable[bool](new(proto.ColBool)),
		boot: proto.NewColNullable[uint64](new(proto.ColUInt64)), seq: proto.NewColNullable[uint64](new(proto.ColUInt64)),
		received: microseconds(),
	}
}

func (c *statusColumns) rows() int { return len(c.offset) }

func (c *statusColumns) full() bool {
	return c.rows() >= maxStatusRows || len(c.message.Buf)+len(c.value.Buf) >= maxStatusBytes
}

func (c *statusColumns) append(r *stream.Record, s *status, log stream.LogID, generation uint32) {
	received := receivedAt(r)
	at := int64(received)
	if s.at.OK {
		at = s.at.Value
	}
	c.thing.Append(thingOf(r))
	c.sensor.Append(string(r.Key))
	c.recordKind.Append(s.recordKind)
	c.kind.Append(s.kind)
	c.at.Append(at)
	c.battery.Append(nullable(s.battery))
	c.charging.Append(nullable(s.charging))
	c.value.Append(s.value)
	c.boot.Append(nullable(s.boot))
	c.seq.Append(nullable(s.seq))
	c.message.AppendBytes(s.message)
	c.sum.Append(payloadSum(r))
	c.received.AppendRaw(received)
	c.logID.Append(string(log))
	c.partition.Append(r.Partition)
	c.offset.Append(r.Offset)
	c.generation.Append(generation)
}

func nullable[T any](o wire.Optional[T]) proto.Nullable[T] {
	return proto.Nullable[T]{Set: o.OK, Value: o.Value}
}

func (c *statusColumns) block(index int) *block {
	return &block{
		table: tableStatus, index: index, rows: c.rows(), key: statusKey,
		bounds: [2]string{c.key(0), c.key(c.rows() - 1)},
		input: proto.Input{
			{Name: "thing", Data: c.thing}, {Name: "sensor", Data: c.sensor}, {Name: "record_kind", Data: c.recordKind}, {Name: "kind", Data: c.kind},
			{Name: "at_us", Data: c.at}, {Name: "battery_pct", Data: c.battery}, {Name: "charging", Data: c.charging}, {Name: "value", Data: c.value},
			{Name: "boot", Data: c.boot}, {Name: "seq", Data: c.seq}, {Name: "message", Data: c.message}, {Name: "sha256", Data: c.sum},
			{Name: "received_at", Data: c.received}, {Name: "log_id", Data: c.logID},
			{Name: "partition", Data: c.partition}, {Name: "offset", Data: c.offset}, {Name: "generation", Data: c.generation},
		},
	}
}

func (c *statusColumns) key(row int) string {
	return fmt.Sprintf("(%s, %d, %d, %d, %d)", literal(c.sensor.Row(row)), c.at[row], c.generation[row], c.partition[row], c.offset[row])
}
