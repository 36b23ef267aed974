package wire

import "strings"

// MaxName is the length of a thing's, sensor part's, study's or participant's name.
const MaxName = 64

// ValidName reports whether s is 1..64 of A-Z a-z 0-9 . _ : -
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

// ValidSensor reports whether s is "<thing>" or "<thing>/<name>".
func ValidSensor(s string) bool {
	thing, name, two := strings.Cut(s, "/")
	return ValidName(thing) && (!two || ValidName(name))
}

// SensorOf is the sensor that a payload names: the thing itself where it is empty.
func SensorOf(thing, sensor string) string {
	if sensor == "" {
		return thing
	}
	return sensor
}

// MayPublish reports whether a thing may publish for a sensor: its own name, or
// one below it.
func MayPublish(thing, sensor string) bool {
	owner, _, _ := strings.Cut(SensorOf(thing, sensor), "/")
	return owner == thing
}
