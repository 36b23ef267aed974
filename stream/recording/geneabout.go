package recording

import (
	"bytes"
	"errors"
	"strings"
	"time"
)

// geneAbout is what lines of a GENEActiv file say, by name; the first of a name.
type geneAbout map[string]string

func (a geneAbout) add(name, value []byte) {
	// What is read is short and not much; notes may be neither.
	if n := string(bytes.TrimSpace(name)); a[n] == "" && len(value) < 256 && len(a) < 128 {
		a[n] = strings.Trim(string(value), " \x00")
	}
}

// common is what both of the maker's formats tell alike.
func (a geneAbout) common() (rate uint32, zone int64, rangeMG uint32, d Device, err error) {
	d = Device{Model: strings.TrimSpace("GENEActiv " + a["Device Model"]), Serial: a["Device Unique Serial Code"], Side: side(a["Device Location Code"])}
	rate, ok := hertz(a["Measurement Frequency"])
	if !ok {
		return 0, 0, 0, d, errors.New("its header has no measurement frequency")
	}
	if zone, ok = gmt(a["Time Zone"]); !ok {
		return 0, 0, 0, d, errors.New("its header has no time zone as GMT +01:00")
	}
	low, high, _ := strings.Cut(a["Accelerometer Range"]+a["Range"], " to ")
	if v, _, ok := decimal(point(high), 3); ok && low == "-"+high && v > 0 && v <= 100_000 {
		rangeMG = uint32(v)
	}
	return rate, zone, rangeMG, d, nil
}

// point gives a number that a computer of some countries wrote with a comma its point.
func point(text string) []byte { return []byte(strings.Replace(text, ",", ".", 1)) }

// hertz reads "85.7 Hz" as millihertz.
func hertz(text string) (uint32, bool) {
	v, _, ok := decimal(point(strings.TrimSpace(strings.TrimSuffix(text, "Hz"))), 3)
	return uint32(v), ok && v >= 1000 && v <= 1_000_000
}

// gmt reads "GMT -04:00", "GMT +01" or "GMT" as nanoseconds east of it.
func gmt(text string) (int64, bool) {
	rest, ok := strings.CutPrefix(text, "GMT")
	if rest = strings.TrimSpace(rest); !ok || rest == "" {
		return 0, ok
	}
	var n [2]int64
	h, m, _ := strings.Cut(rest[1:], ":")
	for i, part := range []string{h, m} {
		v, places, ok := decimal([]byte(part), 0)
		if part != "" && (!ok || places > 0 || v < 0 || v > 59) || part == "" && i == 0 {
			return 0, false
		}
		n[i] = v
	}
	east := (n[0]*60 + n[1]) * int64(time.Minute)
	switch {
	case n[0] > 14:
		return 0, false
	case rest[0] == '-':
		return -east, true
	}
	return east, rest[0] == '+'
}

// stamp reads a local time YYYY-MM-DD hh:mm:ss:mmm as nanoseconds since 1970.
func stamp(p []byte) (int64, bool) {
	const form = "0000-00-00 00:00:00:000"
	if len(p) != len(form) {
		return 0, false
	}
	for i := range len(form) {
		if c := form[i]; c == '0' && p[i]-'0' > 9 || c != '0' && p[i] != c {
			return 0, false
		}
	}
	two := func(i int) int { return int(p[i]-'0')*10 + int(p[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	h, m, s, ms := two(11), two(14), two(17), two(20)*10+int(p[22]-'0')
	if year < 1970 || year >= maxTime.Year() || month < 1 || month > 12 || day < 1 || day > 31 || h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return (days(year, month, day)*86_400+int64(h*3600+m*60+s))*1_000_000_000 + int64(ms)*1_000_000, true
}

// days is the number of days from 1970-01-01, of years that begin in March so
// that a leap day comes last.
func days(year, month, day int) int64 {
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1 - 719_468)
}
