package recording

import (
	"math"

	"github.com/wearstream/wearstream/stream/wire"
)

// grid is a run of times that one start, in whole microseconds, and one rate, in
// whole millihertz, describe to within a tolerance. It knows which rates do.
//
// While the nominal rate does, it is followed by addition alone; the other rates
// are looked at, with a division for each time, from the first that it misses.
type grid struct {
	nominal   uint64
	tol       int64
	t0        int64 // ns
	n         uint64
	low, top  uint64  // rates that fit, mHz; of all but the last spans
	spans     []int64 // from t0 to each time that low and top do not know of yet
	at        int64   // floor(n·10^12/nominal)
	rest      uint64  // its remainder
	step, odd uint64  // 10^12/nominal and its remainder
	off       bool    // the nominal rate missed a time
}

// slack is by how much the rate of a run may differ from the nominal one: 1/10.
// A gap after a single sample is no rate.
const slack = 10

// tera times a number of samples over a rate in mHz is a time in ns.
const tera = 1_000_000_000_000

// begin makes it an empty run.
func (g *grid) begin(nominal, least uint32, tol int64) {
	n := uint64(nominal)
	*g = grid{nominal: n, tol: tol, low: max(n-n/slack, uint64(least)), top: min(n+n/slack, wire.MaxRateMHz), spans: g.spans[:0], step: tera / n, odd: tera % n}
}

// fit narrows the rates to those that put the time i after t0 by d right:
// |floor(i·10^12/rate) - d| ≤ tol, solved for rate in integers.
func (g *grid) fit(i uint64, d int64) (low, top uint64) {
	if d+g.tol < 0 {
		return 1, 0
	}
	ticks := i * tera
	low, top = max(g.low, ticks/uint64(d+g.tol+1)+1), g.top
	if d > g.tol {
		top = min(top, ticks/uint64(d-g.tol))
	}
	return low, top
}

// near reports whether the nominal rate puts the next time right, and did all before.
func (g *grid) near(d int64) bool {
	return !g.off && uint64(g.at-d+g.tol) <= uint64(2*g.tol)
}

// next is the rates that put the times so far and t right.
func (g *grid) next(t int64) (low, top uint64) {
	if !g.off {
		g.off = true
		for i, d := range g.spans[1:] {
			g.low, g.top = g.fit(uint64(i+1), d)
		}
	}
	return g.fit(g.n, t-g.t0)
}

// takes reports whether t can be the next time of the run.
func (g *grid) takes(t int64) bool {
	if g.n == 0 || g.near(t-g.t0) {
		return true
	}
	low, top := g.next(t)
	return low <= top
}

// add takes t as the next time of the run, unless no rate puts it right.
func (g *grid) add(t int64) bool {
	if g.n == 0 {
		g.t0 = t - t%1000
	}
	if d := t - g.t0; g.n > 0 && !g.near(d) {
		low, top := g.next(t)
		if low > top {
			return false
		}
		g.low, g.top = low, top
	} else {
		g.spans = append(g.spans, d)
		g.at += int64(g.step)
		if g.rest += g.odd; g.rest >= g.nominal {
			g.rest -= g.nominal
			g.at++
		}
	}
	g.n++
	return true
}

// rate is the nominal one where it fits, else the middle of those that do.
func (g *grid) rate() uint32 {
	if !g.off || g.low <= g.nominal && g.nominal <= g.top {
		return uint32(g.nominal)
	}
	return uint32((g.low + g.top) / 2)
}

// gridNS is floor(i·10^12/rate) ns, as the definitions have it, for any i.
func gridNS(i uint64, rateMHz uint32) int64 {
	if i < math.MaxUint64/tera {
		return int64(i * tera / uint64(rateMHz))
	}
	// i = q·rate + r: the whole part is exact, and r·10^12 fits.
	q, r := i/uint64(rateMHz), i%uint64(rateMHz)
	return int64(q*tera + r*tera/uint64(rateMHz))
}
