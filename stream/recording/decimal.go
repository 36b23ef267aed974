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
	v, ok = d.scaled(scale + exp - places)
	if neg {
		v = -v
	}
	return v, max(places-exp, 0), ok
}

// decimalParser gathers up to 18 significant digits and what it knows of the rest.
type decimalParser struct {
	mantissa int64
	digits   int  // significant ones in mantissa
	dropped  int  // digits after those
	sticky   bool // one of the dropped is not zero
}

func (d *decimalParser) digit(c byte) {
	switch {
	case d.digits < 18:
		d.mantissa = d.mantissa*10 + int64(c-'0')
		if d.mantissa != 0 {
			d.digits++
		}
	default:
		d.dropped++
		d.sticky = d.sticky || c != '0'
	}
}

// scaled is mantissa·10^shift, rounded half to even.
func (d *decimalParser) scaled(shift int) (int64, bool) {
	v := d.mantissa
	shift += d.dropped
	if v == 0 {
		return 0, true
	}
	if shift > 18 {
		return 0, false
	}
	if shift >= 0 {
		if d.sticky || v > math.MaxInt64/pow10[shift] {
			return 0, false // more digits than an int64 holds
		}
		return v * pow10[shift], true
	}
	if shift < -18 {
		return 0, true // below half: v has 18 digits at most
	}
	p := pow10[-shift]
	q, r := v/p, v%p
	switch half := p / 2; {
	case r > half, r == half && (d.sticky || q&1 == 1):
		q++
	}
	return q, true
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
