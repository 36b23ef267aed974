package ingest

import (
	"testing"

	"github.com/wearstream/wearstream/stream/wire"
)

func TestTopics(t *testing.T) {
	for _, c := range []struct{ topic, thing, kind string }{
		{"dt/wear/v1/T1/samples", "T1", wire.KindSamples},
		{"dt/wear/v1/hub:1/status", "hub:1", wire.KindStatus},
		{"dt/wear/v1/T1/event", "T1", wire.KindEvent},
		{"dt/wear/v1/T1/samples/json", "T1", wire.KindSamples},
		{"dt/wear/v1/json/samples", "json", wire.KindSamples},
		{"dt/wear/v1/T1/status/json", "T1", ""},
		{"dt/wear/v1/T1/other", "T1", ""},
		{"dt/wear/v1/T1", "T1", ""},
		{"dt/wear/v1//samples", "", ""},
		{"dt/wear/v1/a b/samples", "", ""},
		{"dt/wear/v2/T1/samples", "", ""},
		{"T1", "", ""},
		{"", "", ""},
	} {
		thing := ThingOf(c.topic)
		if kind := KindOf(thing, c.topic); thing != c.thing || kind != c.kind {
			t.Errorf("%q is %q of %q, want %q of %q", c.topic, kind, thing, c.kind, c.thing)
		}
	}
	for _, name := range Names {
		if KindOf("T1", Prefix+"T1/"+name) == "" {
			t.Errorf("%s makes no record", name)
		}
		if json := contentTypeOf(Prefix+"T1/"+name) == wire.ContentJSON; json != (name == samplesJSON) {
			t.Errorf("%s is JSON: %v", name, json)
		}
	}
}
