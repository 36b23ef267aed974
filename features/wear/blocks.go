package wear

// Block are the thresholds of the algorithms that ask whether an hour stood
// still: an axis does when its standard deviation and its range are both below.
type Block struct {
	SD    int64 `json:"sd_ug"`
	Range int64 `json:"range_ug"`
}

const (
	blockMinutes = 15
	// leastHalves is how much of an hour must be recorded to be judged, half
	// minutes: a block, which is what the references have of it at a recording's end.
	leastHalves = 2 * blockMinutes
)

// blocks are the spreads of the last quarters of an hour, in halves of 7.5
// minutes: the hours of GGIR 2013 begin in the middle of one.
type blocks struct {
	units [20]spread
	last  int64 // minute pushed last
}

// unit is where the k-th 7.5 minutes since the origin are kept.
func (b *blocks) unit(k int64) *spread { return &b.units[k%int64(len(b.units))] }

func (b *blocks) push(m int64, p *Partial, sparse bool) {
	b.last = m
	for half := 2 * m; half < 2*m+2; half++ {
		u := b.unit(half / blockMinutes)
		if half%blockMinutes == 0 {
			*u = spread{}
		}
		if p != nil && !sparse {
			u.merge(&p.halves[half-2*m])
		}
	}
	if p != nil && sparse { // whole blocks only, so the half does not matter
		b.unit(2 * m / blockMinutes).merge(&p.sparse)
	}
}

// hour is the spread of the hour from a unit on.
func (b *blocks) hour(from int64) spread {
	var all spread
	for k := max(from, 0); k < from+8 && b.begun(k); k++ {
		all.merge(b.unit(k))
	}
	return all
}

// still are the axes, as bits, along which the hour from a unit on stood still, and
// whether enough of it is recorded to say so.
func (b *blocks) still(from int64, t Block) (axes uint8, judged bool) {
	all := b.hour(from)
	if all.halves < leastHalves {
		return 0, false
	}
	return all.still(t.SD, t.Range), true
}

// begun reports whether a unit has: if not, it still holds what was there earlier.
func (b *blocks) begun(k int64) bool { return k*blockMinutes < 2*(b.last+1) }

// recorded reports whether there is something of a block.
func (b *blocks) recorded(block int64) bool {
	return block >= 0 && b.begun(2*block) && b.unit(2*block).halves+b.unit(2*block+1).halves > 0
}
