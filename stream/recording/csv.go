package recording

import (
	"bytes"
	"errors"
	"math"
)

// csvHeader is the first line of a canonical CSV.
const csvHeader = "timestamp,x,y,z,temperature"

// canonical reads a canonical CSV: seconds since 1970, three times g, degrees
// Celsius or nothing.
type canonical struct{ file file }

func (c *canonical) format() string { return "canonical CSV" }
func (c *canonical) files() []file  { return []file{c.file} }
func (c *canonical) hint() hint     { return hint{} }

func (c *canonical) rows(yield func(*row) bool) (Damage, error) {
	var d Damage
	l, err := c.file.lines()
	if err != nil {
		return d, err
	}
	defer l.close()
	if _, err := l.next(); err != nil {
		return d, err
	}
	var r row
	for {
		line, err := l.next()
		if err != nil && err != errLong {
			d.end(c.file.name, err)
			return d, nil
		}
		if err == nil && len(line) == 0 {
			continue
		}
		if err == nil {
			err = r.parse(line)
		}
		if err != nil {
			d.skip(l, c.file.name, err)
			continue
		}
		if !yield(&r) {
			return d, nil
		}
	}
}

// Faults of a row.
var (
	errFields = errors.New("not five fields")
	errTime   = errors.New("timestamp is no time from 1970 to 2200 in seconds")
	errAccel  = errors.New("acceleration is no number of g")
	errTemp   = errors.New("temperature is no number of degrees Celsius")
)

// parse reads a line.
func (r *row) parse(line []byte) error {
	var f [5][]byte
	for i := range 4 {
		var found bool
		if f[i], line, found = bytes.Cut(line, []byte{','}); !found {
			return errFields
		}
	}
	f[4] = line
	t, places, ok := decimal(f[0], 9)
	if !ok || t < 0 || t > maxTime.UnixNano() {
		return errTime
	}
	r.t, r.tempT, r.places = t, t, places
	var okX, okY, okZ bool
	r.x, okX = accel(f[1])
	r.y, okY = accel(f[2])
	r.z, okZ = accel(f[3])
	if !okX || !okY || !okZ {
		return errAccel
	}
	r.hasTemp = len(f[4]) > 0
	if r.hasTemp {
		if r.temp, ok = celsius(f[4]); !ok {
			return errTemp
		}
	}
	return nil
}

// accel is a number of g as micro-g.
func accel(b []byte) (int32, bool) {
	v, _, ok := decimal(b, 6)
	return int32(v), ok && math.MinInt32 <= v && v <= math.MaxInt32
}

// celsius is a temperature as milli-degrees. Beyond what matter on a wrist can
// have, it is damage; and three bytes hold it in a payload.
func celsius(b []byte) (int32, bool) {
	v, _, ok := decimal(b, 3)
	return int32(v), ok && -273_150 <= v && v <= 1_000_000
}
