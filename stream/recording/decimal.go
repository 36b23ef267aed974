package recording

import "math"

// decimal parses a decimal number and answers it times 10^scale, rounded half to
// even, in integers throughout. places is the number of digits after its point.
func decimal(b []byte, scale int) (v int64, places int, ok bool) {
	var d decimalParser
	i := 0
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		d.digit(b[i])
		ok = true
	}
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
			d.digit(b[i])
			places++
			ok = true
		}
	}
	exp := 0
	if ok && i < len(b) && b[i]|0x20 == 'e' {
		exp, i = exponent(b, i+1)
	}
	if !ok || i != len(b) {
		return 0, 0, false
	}
	u, ok := d.scaled(scale + exp - places)
	if limit := uint64(math.MaxInt64); u > limit && !(neg && u == limit+1) {
		return 0, 0, false // more digits than an int64 holds
	}
	if v = int64(u); neg {
		v = -v
	}
	return v, max(places-exp, 0), ok
}

// decimalParser gathers up to 19 significant digits, as many as an int64 has, and
// what it knows of the rest.
type decimalParser struct {
	mantissa uint64
	digits   int  // significant ones in mantissa
	dropped  int  // digits after those
	next     byte // first of the dropped
	sticky   bool // one of those after it is not zero
}

func (d *decimalParser) digit(c byte) {
	switch {
	case d.digits < 19:
		d.mantissa = d.mantissa*10 + uint64(c-'0')
		if d.mantissa != 0 {
			d.digits++
		}
	case d.dropped == 0:
		d.next = c - '0'
		d.dropped++
	default:
		d.dropped++
		d.sticky = d.sticky || c != '0'
	}
}

// scaled is mantissa·10^shift with the dropped digits, rounded half to even.
func (d *decimalParser) scaled(shift int) (uint64, bool) {
	v := d.mantissa
	shift += d.dropped
	switch {
	case v == 0, shift < -19:
		return 0, true // below half: v has 19 digits at most
	case shift > 0:
		if shift > 18 || d.dropped > 0 || v > math.MaxUint64/uint64(pow10[shift]) {
			return 0, false // 20 digits, or more than a uint64 holds
		}
		return v * uint64(pow10[shift]), true
	case shift == 0:
		return v + up(v, uint64(d.next), 10, d.sticky), true
	}
	p := 10 * uint64(pow10[-shift-1])
	q := v / p
	return q + up(q, v%p, p, d.next != 0 || d.sticky), true
}

// up is 1 where the rest r of p, and more if sticky, rounds q up.
func up(q, r, p uint64, sticky bool) uint64 {
	if half := p / 2; r > half || r == half && (sticky || q&1 == 1) {
		return 1
	}
	return 0
}

// exponent parses the digits after the e; what it cannot parse it leaves at i.
func exponent(b []byte, i int) (exp, end int) {
	start := i
	neg := i < len(b) && b[i] == '-'
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	first := i
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9' && exp < 1000; i++ {
		exp = exp*10 + int(b[i]-'0')
	}
	if i == first {
		return 0, start - 1
	}
	if neg {
		exp = -exp
	}
	return exp, i
}

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()
