package features

import "math"

// axes3 is the state of a section on three axes: of each the two sums of the
// direct form II transposed,
//
//	y = x + s1    s1' = b x - a1 y + s2    s2' = x - a2 y
type axes3 [3][2]float64

// settled is the state that a constant input ends in.
func (c *cascade) settled(state []axes3, x, y, z float64) {
	for i := range state {
		for axis, v := range [3]float64{x, y, z} {
			state[i][axis] = [2]float64{float64(c.sections[i].rest[0] * v), float64(c.sections[i].rest[1] * v)}
		}
	}
}

// filter runs the cascade over three axes, two sections at a time: their six
// recurrences do not wait for each other.
func (c *cascade) filter(state []axes3, from, to *columns) {
	if len(state) == 0 { // no filter
		for i := range to.x {
			to.x[i], to.y[i], to.z[i] = math.NaN(), math.NaN(), math.NaN()
		}
	}
	gain := c.gain
	for i := 0; i < len(state); i += 2 {
		two(&c.sections[i], &c.sections[i+1], &state[i], &state[i+1], gain, from, to)
		from, gain = to, 1
	}
}

// columns are three axes of the same length.
type columns struct{ x, y, z []float64 }

func two(p, q *section, sp, sq *axes3, gain float64, from, to *columns) {
	b, a1, a2 := p.b, p.a1, p.a2
	d, c1, c2 := q.b, q.a1, q.a2
	px1, px2, py1, py2, pz1, pz2 := sp[0][0], sp[0][1], sp[1][0], sp[1][1], sp[2][0], sp[2][1]
	qx1, qx2, qy1, qy2, qz1, qz2 := sq[0][0], sq[0][1], sq[1][0], sq[1][1], sq[2][0], sq[2][1]
	n := len(from.x)
	x, y, z := from.x, from.y[:n], from.z[:n]
	tx, ty, tz := to.x[:n], to.y[:n], to.z[:n]
	for i := range x {
		u := float64(gain * x[i])
		v := u + px1
		px1 = float64(b*u) - float64(a1*v) + px2
		px2 = u - float64(a2*v)
		w := v + qx1
		qx1 = float64(d*v) - float64(c1*w) + qx2
		qx2 = v - float64(c2*w)
		tx[i] = w

		u = float64(gain * y[i])
		v = u + py1
		py1 = float64(b*u) - float64(a1*v) + py2
		py2 = u - float64(a2*v)
		w = v + qy1
		qy1 = float64(d*v) - float64(c1*w) + qy2
		qy2 = v - float64(c2*w)
		ty[i] = w

		u = float64(gain * z[i])
		v = u + pz1
		pz1 = float64(b*u) - float64(a1*v) + pz2
		pz2 = u - float64(a2*v)
		w = v + qz1
		qz1 = float64(d*v) - float64(c1*w) + qz2
		qz2 = v - float64(c2*w)
		tz[i] = w
	}
	*sp = axes3{{px1, px2}, {py1, py2}, {pz1, pz2}}
	*sq = axes3{{qx1, qx2}, {qy1, qy2}, {qz1, qz2}}
}
