package ingest

import (
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// verdict is what is known of a message after looking at its envelope.
type verdict struct {
	reason     string // why it cannot be read; empty: it can
	sensor     string // whose data it is
	samples    uint32 // in the batch
	impossible bool   // its time cannot be (FlagImpossibleTime)
}

// check looks at a message as far as its key and its refusal need.
func check(kind string, m *Message, received time.Time) verdict {
	if kind == "" {
		return verdict{reason: wire.ReasonPolicy}
	}
	if m.Oversize != nil {
		return verdict{reason: wire.ReasonOversize}
	}
	switch kind {
	case wire.KindSamples:
		var b *wire.SampleBatch
		var err error
		if form := contentTypeOf(m.Topic); form == "" {
			b, err = wire.Decode(m.Payload) // inlined: no batch on the heap for a look at it
		} else {
			b, err = wire.DecodeRecord(form, m.Payload)
		}
		if err != nil {
			return verdict{reason: wire.RefusalReason(err)}
		}
		if !wire.MayPublish(m.Thing, b.Sensor) {
			return verdict{reason: wire.ReasonSensor}
		}
		return verdict{sensor: wire.SensorOf(m.Thing, b.Sensor), samples: b.N, impossible: b.ImpossibleTime(received)}
	case wire.KindStatus:
		s, err := wire.DecodeStatus(m.Payload)
		if err != nil {
			return verdict{reason: wire.ReasonParse}
		}
		sensor := wire.SensorOf(m.Thing, s.Sensor)
		if !wire.ValidSensor(sensor) || !wire.MayPublish(m.Thing, sensor) {
			return verdict{reason: wire.ReasonSensor}
		}
		return verdict{sensor: sensor}
	default: // an event is whatever object the device sends
		if _, err := wire.DecodeEvent(m.Payload); err != nil {
			return verdict{reason: wire.ReasonParse}
		}
		return verdict{sensor: m.Thing}
	}
}
