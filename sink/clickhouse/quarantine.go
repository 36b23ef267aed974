package clickhouse

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const quarantineKey = "generation, partition, offset"

// quarantine makes a row of each refused payload in the cut.
func (c *clickhouse) quarantine(cut stream.Cut, generation uint32) ([]*block, error) {
	var (
		thing, reason, logID = text(), text(), text()
		received             = microseconds()
		size                 proto.ColUInt64
		sum                  proto.ColStr
		partition            proto.ColInt32
		offset               proto.ColInt64
		generations          proto.ColUInt32
	)
	for i := range cut.Records {
		r := &cut.Records[i]
		if kind := string(r.Header(wire.HeaderKind)); kind == wire.KindTick {
			continue
		}
		thing.Append(string(r.Header(wire.HeaderThing)))
		received.Append(receivedAt(r))
		reason.Append(string(r.Header(wire.HeaderReason)))
		size.Append(number(r, wire.HeaderSize, uint64(len(r.Value))))
		sum.Append(payloadSum(r))
		logID.Append(string(cut.Log))
		partition.Append(r.Partition)
		offset.Append(r.Offset)
		generations.Append(generation)
	}
	if offset.Rows() == 0 {
		return nil, nil
	}
	key := func(row int) string {
		return fmt.Sprintf("(%d, %d, %d)", generation, cut.Partition, offset[row])
	}
	return []*block{{
		table: tableQuarantine, rows: offset.Rows(), key: quarantineKey,
		bounds: [2]string{key(0), key(offset.Rows() - 1)},
		input: proto.Input{
			{Name: "thing", Data: thing}, {Name: "received_at", Data: received}, {Name: "reason", Data: reason},
			{Name: "size", Data: size}, {Name: "sha256", Data: sum}, {Name: "log_id", Data: logID},
			{Name: "partition", Data: partition}, {Name: "offset", Data: offset}, {Name: "generation", Data: generations},
		},
	}}, nil
}

func text() *proto.ColLowCardinality[string] { return new(proto.ColStr).LowCardinality() }

// microseconds is a column of times that takes any number of microseconds.
func microseconds() *proto.ColDateTime64Raw {
	return &proto.ColDateTime64Raw{ColDateTime64: proto.ColDateTime64{Location: time.UTC, Precision: proto.PrecisionMicro, PrecisionSet: true}}
}

// number is a decimal header, or what it is by default.
func number(r *stream.Record, key string, otherwise uint64) uint64 {
	if v, err := strconv.ParseUint(string(r.Header(key)), 10, 64); err == nil {
		return v
	}
	return otherwise
}

// receivedAt is the gateway's time of receipt, or the log's where it is missing.
func receivedAt(r *stream.Record) proto.DateTime64 {
	if us, err := strconv.ParseInt(string(r.Header(wire.HeaderReceived)), 10, 64); err == nil {
		return proto.DateTime64(us)
	}
	return proto.DateTime64(r.AppendTime.UnixMicro())
}

// payloadSum is the digest of the payload that a device sent.
func payloadSum(r *stream.Record) string {
	if sum := r.Header(wire.HeaderSHA256); len(sum) > 0 {
		return string(sum)
	}
	sum := sha256.Sum256(r.Value)
	return hex.EncodeToString(sum[:])
}
