package wear

import "math/bits"

// GGIR (Migueles 2019, doi 10.1123/jmpb.2018-0063; detect_nonwear_clipping.R)
// counts for every block of 15 minutes along how many axes the hours that belong
// to it stood still: its score. Not worn is a block of score 2 or 3, or of 1
// between two such blocks. Range 0.15 g is its present default, 0.05 g that of
// van Hees 2013. Its rule about islands is CleanGGIR. A block of which no hour can be
// judged is Unknown.

// unjudged is the score of a block of which no hour can be judged.
const unjudged = -1

// ggirState is the state of a block by its score and those of its neighbours.
func ggirState(b int64, score func(int64) int) State {
	s := score(b)
	if s == unjudged {
		return Unknown
	}
	return wornUnless(s > 1 || s == 1 && score(b-1) > 1 && score(b+1) > 1)
}

// ggir2013 judges the hour around each block. GGIR moves the hours at the ends of
// a recording inwards; here they are cut there.
type ggir2013 struct {
	Block
	blocks blocks
}

func (*ggir2013) before() int64              { return 14 + 15 + 23 }
func (*ggir2013) lag() int64                 { return 15 + 37 }
func (g *ggir2013) push(m int64, p *Partial) { g.blocks.push(m, p, false) }
func (g *ggir2013) final() State             { return ggirState((g.blocks.last-g.lag())/blockMinutes, g.score) }
func (g *ggir2013) provisional() State       { return ggirState(g.blocks.last/blockMinutes, g.score) }

func (g *ggir2013) score(b int64) int {
	still, judged := g.blocks.still(2*b-3, g.Block)
	if !judged {
		return unjudged
	}
	return bits.OnesCount8(still)
}

// ggir2023 judges the hours that begin with each block, on every ceil(fs/5)-th
// sample, and an axis that stood still did so in all four blocks. No hour begins where
// nothing is recorded.
type ggir2023 struct {
	Block
	blocks blocks
}

func (*ggir2023) before() int64              { return 14 + 15 + 45 }
func (*ggir2023) lag() int64                 { return 15 + 59 }
func (g *ggir2023) push(m int64, p *Partial) { g.blocks.push(m, p, true) }
func (g *ggir2023) final() State             { return ggirState((g.blocks.last-g.lag())/blockMinutes, g.score) }
func (g *ggir2023) provisional() State       { return ggirState(g.blocks.last/blockMinutes, g.score) }

func (g *ggir2023) score(b int64) int {
	var still uint8
	known := false
	for from := b - 3; from <= b; from++ {
		if !g.blocks.recorded(from) {
			continue
		}
		axes, judged := g.blocks.still(2*from, g.Block)
		still |= axes
		known = known || judged
	}
	if !known {
		return unjudged
	}
	return bits.OnesCount8(still)
}
