package wear

// CTA are the thresholds of the combined temperature and acceleration algorithm
// (Zhou 2015, doi 10.1136/bmjopen-2014-007447). A minute of mean temperature T is
//
//	worn       if T >= Warm
//	not worn   else if the SD along two axes or more is < SD
//	worn       else if T is above that of the minute before
//	not worn   else if T is below
//	as the minute before, else
//
// and not worn where there is no minute before. Temperatures are compared as sums
// times numbers, so a tie is a tie.
type CTA struct {
	SD   int64 `json:"sd_ug"`
	Warm int64 `json:"warm_mdegc"`
}

// longestTie is how many minutes a tie looks back: one longer has no minute
// before.
const longestTie = 60

type cta struct {
	CTA
	last  bin   // readings of the minute before
	state State // of the minute pushed last
	ties  int   // since that state was decided
}

func (*cta) before() int64        { return longestTie + 1 }
func (*cta) lag() int64           { return 0 }
func (c *cta) final() State       { return c.state }
func (c *cta) provisional() State { return c.state }

func (c *cta) push(_ int64, p *Partial) {
	var now bin
	if p != nil && p.enough() {
		now = p.readings()
	}
	before := c.last
	c.last = now
	if now.n == 0 {
		c.state = Unknown
		return
	}
	minute := p.moments()
	rise := now.sum*int64(before.n) - before.sum*int64(now.n)
	switch {
	case now.sum >= c.Warm*int64(now.n):
		c.decide(Wear)
	case minute.axes(c.SD) >= 2, before.n == 0:
		c.decide(NonWear)
	case rise > 0:
		c.decide(Wear)
	case rise < 0:
		c.decide(NonWear)
	default:
		if c.ties++; c.ties > longestTie {
			c.state = NonWear
		}
	}
}

func (c *cta) decide(s State) { c.state, c.ties = s, 0 }
