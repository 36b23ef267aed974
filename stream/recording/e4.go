package recording

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// Scale of the Empatica E4: ±2 g in steps of 1/64 g.
const (
	e4LSB   = 64
	e4Range = 2000
)

// e4 reads an Empatica E4 export. Line 1 of each file is its start in seconds
// since 1970, line 2 its rate in Hz, both repeated per column.
type e4 struct {
	acc, temp []file
	rate      uint32 // of ACC, mHz
	tempRate  uint32 // of TEMP, mHz; 0: no readings
	device    Device
}

func (s *e4) take(f file) {
	switch name := strings.ToUpper(f.name); name {
	case "ACC.CSV", "ACC.CSV.GZ":
		s.acc = append(s.acc, f)
	case "TEMP.CSV", "TEMP.CSV.GZ":
		s.temp = append(s.temp, f)
	}
}

// found checks what take has gathered and reads the rates.
func (s *e4) found(name string) (source, error) {
	if len(s.acc) != 1 || len(s.temp) > 1 {
		return nil, fmt.Errorf("open recording %s: %d files ACC.csv and %d TEMP.csv, want one of each: %s", name, len(s.acc), len(s.temp), known)
	}
	t, err := s.acc[0].track()
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", name, err)
	}
	t.lines.close()
	s.rate = t.rate
	if len(s.temp) == 1 {
		if t, err := s.temp[0].track(); err == nil { // else rows tells
			t.lines.close()
			s.tempRate = t.rate
		}
	}
	s.device = Device{Model: "Empatica E4", Serial: e4Serial(Name(name))}
	if s.tempRate > s.rate {
		return nil, fmt.Errorf("open recording %s: TEMP.csv has a higher rate than ACC.csv", name)
	}
	return s, nil
}

// e4Serial is the serial in the name that the maker gives an export: start in
// seconds, underline, serial.
func e4Serial(name string) string {
	start, serial, _ := strings.Cut(name, "_")
	if v, _, ok := decimal([]byte(start), 0); !ok || len(start) != 10 || v < 1_000_000_000 || !wire.ValidName(serial) {
		return ""
	}
	return serial
}

func (s *e4) format() string { return "Empatica E4" }
func (s *e4) files() []file  { return append(s.acc[:1:1], s.temp...) }

func (s *e4) hint() hint {
	return hint{rateMHz: s.rate, lsbPerG: e4LSB, rangeMG: e4Range, tol: 1000, readings: true, tempMHz: s.tempRate, device: s.device}
}

// chunk is how many rows of an export are handed out at once.
const chunk = 1024

func (s *e4) rows(_ int, yield func(*rows) bool) (Damage, error) {
	var d damage
	acc, err := s.acc[0].track()
	if err != nil {
		return Damage{}, err
	}
	defer acc.lines.close()
	temp := s.readings(&d)
	defer temp.close()
	var r rows
	var t int64 // of the last line
	for {
		line, err := acc.next()
		if err != nil && err != errLong {
			d.end(acc.name, err)
			temp.rest(t)
			yield(&r)
			return d.told(), nil
		}
		if err == nil && len(line) == 0 {
			continue
		}
		t = acc.time()
		var x, y, z int32
		if err == nil {
			x, y, z, err = counts3(line)
		}
		if err != nil {
			d.skip(acc.name, "line", acc.number, err)
			continue
		}
		milli, at := temp.upTo(t, acc.spacing())
		r.add(t, x, y, z, milli)
		r.tempT = append(r.tempT, at)
		if len(r.t) == chunk {
			if !yield(&r) {
				return d.told(), nil
			}
			r.clear()
		}
	}
}

// readings opens those of the export; there are none where they do not begin well.
func (s *e4) readings(d *damage) *readings {
	r := &readings{damage: d}
	if len(s.temp) == 0 {
		return r
	}
	t, err := s.temp[0].track()
	if err != nil {
		d.end(s.temp[0].name, fmt.Errorf("read without temperature: %w", err))
		return r
	}
	r.track = t
	r.advance()
	return r
}

// readings hands each reading to the first sample at or after it. One from
// before the first sample, or after the last, or to a line that cannot be read, has
// no sample and is left out.
type readings struct {
	*track
	damage *damage
	t      int64
	temp   int32
	ok     bool
}

// upTo is the last reading up to t, unless it is from a sample before.
func (s *readings) upTo(t, spacing int64) (temp int32, at int64) {
	temp = noTemp
	for s.ok && s.t <= t {
		number, late := s.number, s.t <= t-spacing
		if !late {
			temp, at = s.temp, s.t
		}
		if s.advance(); late || s.ok && s.t <= t {
			s.damage.skip(s.name, "line", number, errSample)
		}
	}
	return temp, at
}

// rest leaves out what no sample came for, and tells of it but for the minute after the
// last sample: the files of an export end seconds apart.
func (s *readings) rest(last int64) {
	for ; s.ok; s.advance() {
		if s.t-last > int64(time.Minute) {
			s.damage.skip(s.name, "line", s.number, errSample)
		}
	}
}

func (s *readings) close() {
	if s.track != nil {
		s.lines.close()
	}
}

// advance goes to the next reading that can be read.
func (s *readings) advance() {
	for s.ok = false; !s.ok; {
		line, err := s.next()
		if err != nil && err != errLong {
			s.damage.end(s.name, err)
			return
		}
		if err == nil && len(line) == 0 {
			continue
		}
		s.t = s.time()
		if err == nil {
			if s.temp, s.ok = celsius(line); !s.ok {
				err = errTemp
			}
		}
		if err != nil {
			s.damage.skip(s.name, "line", s.number, err)
		}
	}
}

// track is one file of an export. A line that cannot be read still takes its
// place in time.
type track struct {
	*lines
	name  string
	start int64 // ns
	rate  uint32
	i     uint64 // index of the next line
}

func (f file) track() (*track, error) {
	l, err := f.lines()
	if err != nil {
		return nil, err
	}
	t := &track{lines: l, name: f.name}
	if err := t.head(); err != nil {
		l.close()
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return t, nil
}

func (t *track) head() error {
	start, err := t.headLine(9)
	if err != nil {
		return err
	}
	rate, err := t.headLine(3)
	if err != nil {
		return err
	}
	if start < 0 || start > maxTime.UnixNano() || rate < 1 || rate > 1_000_000 {
		return errors.New("does not begin with a start in seconds since 1970 and a rate in Hz")
	}
	t.start, t.rate = start, uint32(rate)
	return nil
}

// headLine reads a number that is repeated per column.
func (t *track) headLine(scale int) (int64, error) {
	line, err := t.next()
	if err != nil {
		return 0, fmt.Errorf("ends before its data: %w", err)
	}
	first, _, _ := bytes.Cut(line, []byte{','})
	v, _, ok := decimal(bytes.TrimSpace(first), scale)
	if !ok {
		return 0, fmt.Errorf("line %d is not a number", t.number)
	}
	return v, nil
}

// time is that of the line last read; it goes on to the next.
func (t *track) time() int64 {
	at := t.start + gridNS(t.i, t.rate)
	t.i++
	return at
}

func (t *track) spacing() int64 { return gridNS(1, t.rate) }

var (
	errThree  = errors.New("not three fields")
	errCount  = errors.New("acceleration is no count")
	errSample = errors.New("reading has no sample at its time")
)

// counts3 reads three counts as micro-g.
func counts3(line []byte) (x, y, z int32, err error) {
	var v [3]int32
	for i := range v {
		field, rest, found := bytes.Cut(line, []byte{','})
		if found != (i < 2) {
			return 0, 0, 0, errThree
		}
		n, places, ok := decimal(bytes.TrimSpace(field), 0)
		if !ok || places > 0 || n < -32768 || n > 32767 {
			return 0, 0, 0, errCount
		}
		v[i] = int32(microG(n, e4LSB))
		line = rest
	}
	return v[0], v[1], v[2], nil
}
