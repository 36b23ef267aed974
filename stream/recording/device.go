package recording

import (
	"path/filepath"
	"strings"
	"unicode"
)

// Device is what a file says of the thing that recorded it; empty is unknown.
type Device struct {
	Model  string // as "Axivity AX3"
	Serial string
	Side   string // left, right: where it was worn, by the file or its name
}

// side finds one word of left and right; where there are both, or none, it is
// unknown.
func side(text string) string {
	found := ""
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) }) {
		if word == "left" || word == "right" {
			if found != "" && found != word {
				return ""
			}
			found = word
		}
	}
	return found
}

// named fills in what the name of the file says.
func (d Device) named(path string) Device {
	if d.Side == "" {
		d.Side = side(filepath.Base(path))
	}
	return d
}
