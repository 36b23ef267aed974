package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// csvHeader is the first line of a canonical CSV.
const csvHeader = "timestamp,x,y,z,temperature"

// canonical reads a canonical CSV: seconds since 1970, three times g, degrees
// Celsius or nothing.
type canonical struct{ file file }

func (c *canonical) format() string { return "canonical CSV" }
func (c *canonical) files() []file  { return []file{c.file} }
func (c *canonical) hint() hint     { return hint{} }

func (c *canonical) rows(workers int, yield func(*rows) bool) (Damage, error) {
	return c.file.text(1, canonicalLine{}, workers, yield)
}

// canonicalLine is the parser of a canonical CSV.
type canonicalLine struct{}

func (canonicalLine) fast(p []byte, i int, out *rows) int {
	sec, i := seconds(p, i)
	if i < 0 || sec > maxSeconds {
		return -1
	}
	frac, places, i := fraction(p, i)
	if i < 0 || p[i] != ',' {
		return -1
	}
	x, i := fastAccel(p, i+1, ',')
	if i < 0 {
		return -1
	}
	y, i := fastAccel(p, i+1, ',')
	if i < 0 {
		return -1
	}
	z, i := fastAccel(p, i+1, ',')
	if i < 0 {
		return -1
	}
	temp, i := out.held.celsius(p, i+1)
	if i < 0 {
		return -1
	}
	out.add(int64(sec)*1_000_000_000+int64(frac)*10, x, y, z, temp)
	out.places = max(out.places, places)
	return i
}

// Faults of a row.
var (
	errFields = errors.New("not five fields")
	errTime   = errors.New("timestamp is no time from 1970 to 2200 in seconds")
	errAccel  = errors.New("acceleration is no number of g")
	errTemp   = errors.New("temperature is no number of degrees Celsius")
)

func (canonicalLine) slow(line []byte, out *rows) error {
	var f [5][]byte
	if !cutAll(f[:], line) {
		return errFields
	}
	t, places, ok := decimal(f[0], 9)
	if !ok || t < 0 || t > maxTime.UnixNano() {
		return errTime
	}
	if err := out.addFields(t, f[1:4], f[4]); err != nil {
		return err
	}
	out.places = max(out.places, places)
	return nil
}

// cutAll cuts a line into len(f) fields; the last has what is left.
func cutAll(f [][]byte, line []byte) bool {
	for i := range len(f) - 1 {
		var found bool
		if f[i], line, found = bytes.Cut(line, []byte{','}); !found {
			return false
		}
	}
	f[len(f)-1] = line
	return true
}

// addFields adds a row from the text of its numbers.
func (r *rows) addFields(t int64, xyz [][]byte, temp []byte) error {
	x, okX := accel(xyz[0])
	y, okY := accel(xyz[1])
	z, okZ := accel(xyz[2])
	if !okX || !okY || !okZ {
		return errAccel
	}
	milli := int32(noTemp)
	if len(temp) > 0 {
		var ok bool
		if milli, ok = celsius(temp); !ok {
			return errTemp
		}
	}
	r.add(t, x, y, z, milli)
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

// The fast forms: what they do not take, decimal looks at.

// maxSeconds leaves all times that a fraction is added to within the limit.
const maxSeconds = 7_258_118_399

const each = 0x0101010101010101 // a byte in all eight

// eight is the number that 8 digits are, each 0 to 9, the first in the lowest byte.
func eight(w uint64) uint64 {
	w = w*10 + w>>8 // pairs, in every other byte
	return ((w&0x000000ff000000ff)*(100+1_000_000<<32) + (w>>16&0x000000ff000000ff)*(1+10_000<<32)) >> 32
}

// above marks the bytes of w above 9 by their top bits. One that carries spoils
// only bytes after it.
func above(w uint64) uint64 { return (w + 0x76*each | w) & (0x80 * each) }

// digits reads from one to limit digits; end is -1 where there are fewer or more.
func digits(p []byte, i, limit int) (v uint64, end int) {
	first := i
	for ; p[i]-'0' <= 9; i++ {
		v = 10*v + uint64(p[i]-'0')
	}
	if n := i - first; n == 0 || n > limit {
		return 0, -1
	}
	return v, i
}

// seconds is digits for the ten that times since 2001 have, and for others.
func seconds(p []byte, i int) (v uint64, end int) {
	w := binary.LittleEndian.Uint64(p[i:]) ^ '0'*each
	if a, b := p[i+8]-'0', p[i+9]-'0'; above(w) == 0 && a <= 9 && b <= 9 && p[i+10] == '.' {
		return eight(w)*100 + uint64(a)*10 + uint64(b), i + 10
	}
	return digits(p, i, 10)
}

// fraction reads a point and up to 8 digits, or nothing, as a number of 10^-8.
func fraction(p []byte, i int) (v uint64, places, end int) {
	if p[i] != '.' {
		return 0, 0, i
	}
	w := binary.LittleEndian.Uint64(p[i+1:]) ^ '0'*each
	n := bits.TrailingZeros64(above(w)) / 8
	if n == 8 && p[i+9]-'0' <= 9 {
		return 0, 0, -1
	}
	return eight(w & (1<<(8*n) - 1)), n, i + 1 + n // zeros after the last digit
}

// fastAccel is accel for up to 3 digits before the point and 6 after it, and the
// byte that ends it.
func fastAccel(p []byte, i int, last byte) (v int32, end int) {
	sign := 0 // signs are as random as coins: no branch
	if p[i] == '-' {
		sign = 1
	}
	i += sign
	// Most are d.dddddd, eight bytes, of which the point must be one.
	w := binary.LittleEndian.Uint64(p[i:]) ^ ('0'*each ^ ('0'^'.')<<8)
	if (w+0x7676767676767f76|w)&(0x80*each) == 0 && p[i+8] == last {
		v = int32(eight(w&0xff<<8 | w>>16<<16))
		i += 8
	} else {
		whole, j := digits(p, i, 3)
		if j < 0 {
			return 0, -1
		}
		frac, places, j := fraction(p, j)
		if j < 0 || places > 6 || p[j] != last {
			return 0, -1
		}
		v = int32(whole)*1_000_000 + int32(frac/100)
		i = j
	}
	return (v ^ -int32(sign)) + int32(sign), i
}

// fastCelsius is celsius for up to 2 digits before the point and 3 after it, or
// nothing; and goes past the end of the line.
func fastCelsius(p []byte, i int) (v int32, end int) {
	if end = lineEnd(p, i); end >= 0 {
		return noTemp, end
	}
	neg := p[i] == '-'
	if neg {
		i++
	}
	whole, i := digits(p, i, 2)
	if i < 0 {
		return 0, -1
	}
	frac, places, i := fraction(p, i)
	if i < 0 || places > 3 {
		return 0, -1
	}
	v = int32(whole)*1000 + int32(frac/100_000)
	if neg {
		v = -v
	}
	return v, lineEnd(p, i)
}

// lineEnd is where the line after p[i] begins, -1 where its line does not end there.
func lineEnd(p []byte, i int) int {
	if p[i] == '\r' {
		i++
	}
	if p[i] != '\n' {
		return -1
	}
	return i + 1
}

// held is the last temperature that fastCelsius read of up to 8 bytes: rows repeat
// it.
type held struct {
	text, mask uint64 // its bytes, and which of 8 they are
	len        int
	milli      int32
}

// celsius is fastCelsius.
func (h *held) celsius(p []byte, i int) (v int32, end int) {
	w := binary.LittleEndian.Uint64(p[i:])
	if h.len > 0 && w&h.mask == h.text {
		return h.milli, i + h.len
	}
	v, end = fastCelsius(p, i)
	if n := end - i; 0 < n && n <= 8 {
		mask := uint64(1)<<(8*n) - 1
		*h = held{w & mask, mask, n, v}
	}
	return v, end
}
