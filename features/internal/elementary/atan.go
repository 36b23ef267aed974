package elementary

import "math"

// Atan is the arc tangent, within two units in the last place.
//
// Arguments above 1 are reflected, atan(x) = pi/2 - atan(1/x), and the rest
// reduced to |t| <= 1/16 by the nearest eighth c = k/8,
// atan(x) = atan(c) + atan((x-c)/(1+cx)), where eight terms of the Taylor series
// are exact to 1e-20.
func Atan(x float64) float64 {
	switch {
	case x < 0:
		return -Atan(-x)
	case x > 1:
		return math.Pi/2 - Atan(1/x)
	case x != x:
		return x
	}
	k := int(float64(x*8) + 0.5)
	c := float64(float64(k) / 8)
	t := (x - c) / (1 + float64(c*x))
	s := float64(t * t)
	p := 1.0 / 15
	for _, term := range [...]float64{1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3} {
		p = term - float64(p*s)
	}
	return atanEighths[k] + (t - float64(float64(t*s)*p))
}

// atanEighths are atan(k/8).
var atanEighths = [...]float64{
	0,
	0.1243549945467614350313548491638710255731,
	0.2449786631268641541720824812112758109141,
	0.3587706702705722203959200639264604997769,
	0.4636476090008061162142562314612144020285,
	0.5585993153435623359715082164016612703464,
	0.6435011087932843868028092287173226380415,
	0.7188299996216245054170141515259046539514,
	0.7853981633974483096156608458198757210492,
}
