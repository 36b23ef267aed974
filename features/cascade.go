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

// filter runs the cascade over three axes, a section at a time: the three
// recurrences do not wait for each other, and stay in registers.
func (c *cascade) filter(state []axes3, from, to *columns) {
	if len(state) == 0 { // no filter
		for i := range to.x {
			to.x[i], to.y[i], to.z[i] = math.NaN(), math.NaN(), math.NaN()
		}
	}
	gain := c.gain
	for i := range state {
		c.sections[i].filter(&state[i], gain, from, to)
		from, gain = to, 1
	}
}

// columns are three axes of the same length.
type columns struct{ x, y, z []float64 }

func (c *section) filter(state *axes3, gain float64, from, to *columns) {
	b, a1, a2 := c.b, c.a1, c.a2
	x1, x2, y1, y2, z1, z2 := state[0][0], state[0][1], state[1][0], state[1][1], state[2][0], state[2][1]
	n := len(from.x)
	x, y, z := from.x, from.y[:n], from.z[:n]
	tx, ty, tz := to.x[:n], to.y[:n], to.z[:n]
	for i := range x {
		u := float64(gain * x[i])
		v := u + x1
		x1 = float64(b*u) + x2 - float64(a1*v)
		x2 = u - float64(a2*v)
		tx[i] = v

		u = float64(gain * y[i])
		v = u + y1
		y1 = float64(b*u) + y2 - float64(a1*v)
		y2 = u - float64(a2*v)
		ty[i] = v

		u = float64(gain * z[i])
		v = u + z1
		z1 = float64(b*u) + z2 - float64(a1*v)
		z2 = u - float64(a2*v)
		tz[i] = v
	}
	*state = axes3{{x1, x2}, {y1, y2}, {z1, z2}}
}
