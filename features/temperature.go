package features

import (
	"math"

	"github.com/wearstream/wearstream/features/internal/int128"
)

// perDegree is how many milli-degrees make one degree Celsius.
const perDegree = 1000

// temperature accumulates readings and, for their slope, sums over the time u
// since the first reading: integers, so exact. With at most 15 minutes in ns and
// a million readings every sum and product fits 128 bits.
type temperature struct {
	moments
	origin  int64      // time of the first reading, ns since 1970
	time    int64      // sum of u, ns
	squares int128.Int // sum of u^2
	cross   int128.Int // sum of u T
}

func newTemperature(r Readings) temperature {
	if len(r.T) == 0 {
		return temperature{}
	}
	t := temperature{moments: newMoments(r.MilliC), origin: r.T[0]}
	for i, at := range r.T {
		u := at - t.origin
		t.time += u
		t.squares = t.squares.Add(int128.Of(u).Mul(int128.Of(u)))
		t.cross = t.cross.Add(int128.Of(u).Mul(int128.Of(int64(r.MilliC[i]))))
	}
	return t
}

// merge moves the origin of next to that of t: with u = v + d,
// sum u^2 = sum v^2 + 2 d sum v + n d^2 and sum u T = sum v T + d sum T.
func (t *temperature) merge(next *temperature) {
	switch {
	case next.n == 0:
		return
	case t.n == 0:
		*t = *next
		return
	}
	d, n := next.origin-t.origin, next.n
	t.time += next.time + n*d
	t.squares = t.squares.Add(next.squares).Add(int128.Of(d).Mul(int128.Of(2*next.time + n*d)))
	t.cross = t.cross.Add(next.cross).Add(int128.Of(d).Mul(int128.Of(next.sum)))
	t.moments.merge(&next.moments)
}

// slope is the ordinary least squares slope in degrees per minute:
//
//	slope = (n sum(uT) - sum(u) sum(T)) / (n sum(u^2) - sum(u)^2)
func (t *temperature) slope() float64 {
	if t.n < 2 {
		return math.NaN()
	}
	n, time := int128.Of(t.n), int128.Of(t.time)
	rise := n.Mul(t.cross).Sub(time.Mul(int128.Of(t.sum)))
	run := n.Mul(t.squares).Sub(time.Mul(time))
	const nsPerMinute = 60e9
	return float64(rise.Float64()/run.Float64()) * (nsPerMinute / perDegree)
}

// temperatures are the moments and the slope of the device's temperature
// readings, on the readings themselves and not on values held between them.
var temperatures = []Feature{
	{ID: "temp_n", Unit: "1", Windows: Lengths,
		Doc: "number of temperature readings", Value: func(w *Window) float64 { return float64(w.temp.n) }},
	{ID: "temp_mean", Unit: "degC", Windows: Lengths,
		Doc: "mean temperature", Value: func(w *Window) float64 { return w.temp.mean(perDegree) }},
	{ID: "temp_sd", Unit: "degC", Windows: Lengths,
		Doc: "standard deviation (n-1) of the temperature", Value: func(w *Window) float64 { return w.temp.sd(perDegree) }},
	{ID: "temp_min", Unit: "degC", Windows: Lengths,
		Doc: "least temperature", Value: func(w *Window) float64 { return w.temp.min(perDegree) }},
	{ID: "temp_max", Unit: "degC", Windows: Lengths,
		Doc: "greatest temperature", Value: func(w *Window) float64 { return w.temp.max(perDegree) }},
	{ID: "temp_slope_per_min", Unit: "degC/min", Windows: Lengths,
		Doc: "least squares slope of the temperature over time", Value: func(w *Window) float64 { return w.temp.slope() }},
}
