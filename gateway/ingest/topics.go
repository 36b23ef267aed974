package ingest

import (
	"strings"

	"github.com/wearstream/wearstream/stream/wire"
)

// Prefix of the topics of devices; the thing and the name follow.
const Prefix = "dt/wear/v1/"

// Names are the topics of a thing, below its name.
var Names = []string{"samples", samplesJSON, "status", "event"}

// samplesJSON is where samples come in JSON.
const samplesJSON = "samples/json"

// KindOf is the kind of record that a thing's publish on a topic makes; empty: it
// may not publish there.
func KindOf(thing, topic string) string {
	switch name, _ := below(topic, Prefix, thing); name {
	case "samples", samplesJSON:
		return wire.KindSamples
	case "status":
		return wire.KindStatus
	case "event":
		return wire.KindEvent
	}
	return ""
}

// contentTypeOf is the content type of the samples that a thing publishes on a
// topic; empty: protobuf.
func contentTypeOf(topic string) string {
	if strings.HasSuffix(topic, "/"+samplesJSON) { // a thing's name has no slash
		return wire.ContentJSON
	}
	return ""
}

// ThingOf is the thing that a topic belongs to; empty: it is no thing's.
func ThingOf(topic string) string {
	rest, ok := strings.CutPrefix(topic, Prefix)
	thing, _, _ := strings.Cut(rest, "/")
	if !ok || !wire.ValidName(thing) {
		return ""
	}
	return thing
}

// IsCommand reports whether a filter matches only commands for the thing. A
// thing's name holds no wildcard.
func IsCommand(thing, filter string) bool {
	name, ok := below(filter, "cmd/wear/v1/", thing)
	return ok && name != ""
}

// below is what follows prefix, thing and a slash.
func below(topic, prefix, thing string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, prefix)
	if !ok || thing == "" {
		return "", false
	}
	if rest, ok = strings.CutPrefix(rest, thing); !ok {
		return "", false
	}
	return strings.CutPrefix(rest, "/")
}
