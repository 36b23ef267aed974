package gateway

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/wearstream/wearstream/gateway/internal/testca"
	"github.com/wearstream/wearstream/stream/wire"
)

// Samples in JSON: the bytes as they are, with the header by which they are read,
// and the refusals of protobuf.
func TestSamplesInJSON(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	d := r.connect("T1")
	text := func(more string) []byte {
		return fmt.Appendf(nil, ` {"boot": 1, "seq": 7, "t0_us": %d, "rate_mhz": 50000, "xyz": [[0, -0.5, 1e0], [0,0,1]], "future": {} %s}`, time.Now().UnixMicro(), more)
	}
	id := uint16(0)
	send := func(payload []byte) {
		t.Helper()
		id++
		d.publish("dt/wear/v1/T1/samples/json", id, payload)
		d.wantAck(id)
	}
	accepted := []struct {
		payload    []byte
		key, flags string
	}{
		{text(``), "T1", ""},
		{text(`, "sensor": "T1/left"`), "T1/left", ""},
		{text(`, "t0_us": 0`), "T1", "64"},
	}
	for i, c := range accepted {
		send(c.payload)
		var found bool
		for _, rec := range r.records(wire.TopicDevice, i+1) {
			if !bytes.Equal(rec.Value, c.payload) {
				continue
			}
			found = true
			if string(rec.Key) != c.key || header(rec, wire.HeaderKind) != wire.KindSamples || header(rec, wire.HeaderFlags) != c.flags ||
				header(rec, wire.HeaderContentType) != wire.ContentJSON || header(rec, wire.HeaderThing) != "T1" {
				t.Errorf("%s: key %q, headers %v", c.payload, rec.Key, rec.Headers)
			}
		}
		if !found {
			t.Errorf("%s: not as it was sent", c.payload)
		}
	}
	if got := r.metric("gateway_samples_total", ""); got != 6 {
		t.Errorf("%v samples counted, want 6", got)
	}
	refused := []struct {
		payload []byte
		reason  string
	}{
		{batch(nil), wire.ReasonParse}, // protobuf
		{nil, wire.ReasonParse},
		{text(`, "boot": "1"`), wire.ReasonParse},
		{text(`, "n": 3`), wire.ReasonShape},
		{text(`, "xyz": [[0,1]]`), wire.ReasonShape},
		{text(`, "rate_mhz": 50`), wire.ReasonRange},
		{text(`, "xyz": [[0,0,2148]]`), wire.ReasonRange},
		{text(`, "sensor": "T2"`), wire.ReasonSensor},
		{bytes.Repeat([]byte(" "), wire.MaxPayload+1), wire.ReasonOversize},
	}
	for _, c := range refused {
		before := r.metric("quarantine_records_total", c.reason)
		send(c.payload)
		if got := r.metric("quarantine_records_total", c.reason) - before; got != 1 {
			t.Errorf("%.200s: counted %v times as %s", c.payload, got, c.reason)
		}
	}
	for i, rec := range r.records(wire.TopicQuarantine, len(refused)) {
		c := refused[i]
		keep := c.payload[:min(len(c.payload), wire.MaxPayload)]
		if c.reason == wire.ReasonOversize {
			keep = keep[:4096]
		}
		if !bytes.Equal(rec.Value, keep) || header(rec, wire.HeaderReason) != c.reason || header(rec, wire.HeaderTopic) != "dt/wear/v1/T1/samples/json" {
			t.Errorf("%.200s: %d bytes in quarantine, headers %v", c.payload, len(rec.Value), rec.Headers)
		}
	}
	d.publish("dt/wear/v1/T1/samples", id+1, text(``)) // JSON where protobuf belongs
	d.wantAck(id + 1)
	if got := header(r.records(wire.TopicQuarantine, len(refused)+1)[len(refused)], wire.HeaderReason); got != wire.ReasonParse {
		t.Errorf("JSON on the topic for protobuf: %s", got)
	}
}
