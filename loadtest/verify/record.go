package verify

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// newRecord reads what a record says of itself, wherever it was found.
func newRecord(p place, offset int64, appended time.Time, key string, header func(string) string, payload []byte) *record {
	r := &record{
		place: p, offset: offset, appended: appended, sum: sha256.Sum256(payload),
		kind: header(wire.HeaderKind), received: header(wire.HeaderReceived), flags: header(wire.HeaderFlags),
	}
	if p.topic == wire.TopicQuarantine {
		r.reason, r.source = header(wire.HeaderReason), header(wire.HeaderSource)
		return r
	}
	r.sensor = key
	switch r.kind {
	case wire.KindSamples:
		if b, err := wire.DecodeRecord(header(wire.HeaderContentType), payload); err == nil {
			r.batch, r.boot, r.seq = b, b.Boot, b.Seq
		}
	case wire.KindStatus:
		var s struct {
			Kind    string
			Boot    uint64
			LastSeq *uint64 `json:"last_seq"`
		}
		if json.Unmarshal(payload, &s) == nil && s.Kind == wire.StatusEnd {
			if r.boot = s.Boot; s.LastSeq != nil {
				r.last = *s.LastSeq + 1
			}
			r.kind = wire.StatusEnd
		}
	}
	return r
}
