// Package emit is how operators hand out rows and their clock: each record is written
// here and nowhere else. What is handed out, and when, is theirs.
package emit

import (
	"encoding/json"
	"fmt"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Collected are rows of one type, such as wire.WearRows.
type Collected interface {
	Len() int
	Encode() ([]byte, error)
}

// Rows writes what is collected, if there is something, to a partition of a topic.
func Rows(out stream.Output, topic string, partition int32, schema string, rows Collected) error {
	if rows.Len() == 0 {
		return nil
	}
	value, err := rows.Encode()
	if err != nil {
		return err
	}
	out.Emit(topic, partition, nil, value,
		stream.Header{Key: wire.HeaderKind, Value: []byte(wire.KindRows)},
		stream.Header{Key: wire.HeaderSchema, Value: []byte(schema)})
	return nil
}

// Clock writes the clock, ns, of an operator's partition of a topic as a tick to all
// partitions of another.
func Clock(out stream.Output, clock int64, from string, partition int32, to string, partitions int32) error {
	value, err := json.Marshal(wire.Tick{UTC: clock / 1000})
	if err != nil {
		return err
	}
	source := fmt.Appendf(nil, "%s/%d", from, partition)
	for p := range partitions {
		out.Emit(to, p, nil, value,
			stream.Header{Key: wire.HeaderKind, Value: []byte(wire.KindTick)},
			stream.Header{Key: wire.HeaderSource, Value: source})
	}
	return nil
}
