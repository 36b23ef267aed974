package recording

import "math"

// rows are samples one after another, in columns of one length.
type rows struct {
	t      []int64 // ns since 1970
	xyz    []int32 // micro-g: x, y, z of the first, x, y, z of the second ...
	temp   []int32 // milli-degrees Celsius, noTemp where there is none
	tempT  []int64 // when each was read, ns since 1970; empty: with its sample
	places int     // most digits after the point of a time, as written
	mv     int     // battery, millivolts; 0: not told
	held   held
}

// noTemp is no temperature that celsius lets pass.
const noTemp = math.MinInt32

func (r *rows) clear() {
	r.t, r.xyz, r.temp, r.tempT, r.places, r.mv = r.t[:0], r.xyz[:0], r.temp[:0], r.tempT[:0], 0, 0
}

func (r *rows) add(t int64, x, y, z, temp int32) {
	r.t = append(r.t, t)
	r.xyz = append(r.xyz, x, y, z)
	r.temp = append(r.temp, temp)
}
