package wear

// Choi are the minutes of the algorithm of Choi 2011 (doi
// 10.1249/MSS.0b013e3181ed61a3) on activity counts: not worn is a run of more than
// Zeros minutes without counts, where up to Interruption minutes with counts do
// not matter between Around minutes without on both sides.
type Choi struct {
	Zeros        int64 `json:"zeros"`
	Interruption int64 `json:"interruption"`
	Around       int64 `json:"around"`
}

type choi struct {
	Choi
	last   int64
	counts [2 * ring]activity
}

// activity is what a minute's counts say; the zero value: nothing is known.
type activity uint8

const (
	none activity = iota + 1
	some
)

func (c *choi) before() int64 { return c.Zeros + c.Around + c.Interruption }
func (c *choi) lag() int64    { return c.Zeros + c.Around + c.Interruption }

func (c *choi) push(m int64, p *Partial) {
	c.last = m
	now := &c.counts[m%(2*ring)]
	switch {
	case p == nil || p.Counts < 0 || !p.enough():
		*now = 0
	case p.Counts == 0:
		*now = none
	default:
		*now = some
	}
}

func (c *choi) final() State       { return c.state(c.last - c.lag()) }
func (c *choi) provisional() State { return c.state(c.last) }

func (c *choi) state(m int64) State {
	if c.at(m) == 0 {
		return Unknown
	}
	run := int64(0)
	for k := m; k >= m-c.Zeros && c.zero(k); k-- {
		run++
	}
	for k := m + 1; k <= m+c.Zeros && run > 0 && c.zero(k); k++ {
		run++
	}
	return wornUnless(run > c.Zeros)
}

// zero reports whether a minute has no counts, or ones that do not matter.
func (c *choi) zero(m int64) bool {
	if c.at(m) != some {
		return c.at(m) == none
	}
	from, to := m, m+1
	for ; c.at(from-1) == some; from-- {
		if to-from > c.Interruption {
			return false
		}
	}
	for ; c.at(to) == some; to++ {
		if to-from > c.Interruption {
			return false
		}
	}
	if to-from > c.Interruption {
		return false
	}
	for k := int64(0); k < c.Around; k++ {
		if c.at(from-1-k) != none || c.at(to+k) != none {
			return false
		}
	}
	return true
}

func (c *choi) at(m int64) activity {
	if m < 0 || m > c.last {
		return 0
	}
	return c.counts[m%(2*ring)]
}
