package gateway

import (
	"strings"

	"github.com/wearstream/wearstream/stream/wire"
)

// kindOf is the kind of record that a thing's publish on a topic makes; empty: it
// may not publish there.
func kindOf(thing, topic string) string {
	switch name, _ := below(topic, "dt/wear/v1/", thing); name {
	case "samples":
		return wire.KindSamples
	case "status":
		return wire.KindStatus
	case "event":
		return wire.KindEvent
	}
	return ""
}

// isCommand reports whether a filter matches only commands for the thing. A
// thing's name holds no wildcard.
func isCommand(thing, filter string) bool {
	name, ok := below(filter, "cmd/wear/v1/", thing)
	return ok && name != ""
}

// below is what follows prefix, thing and a slash.
func below(topic, prefix, thing string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, prefix)
	if !ok {
		return "", false
	}
	if rest, ok = strings.CutPrefix(rest, thing); !ok {
		return "", false
	}
	return strings.CutPrefix(rest, "/")
}
