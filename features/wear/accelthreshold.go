package wear

import "math/bits"

// accelThreshold is the algorithm of van Hees 2011 and 2013 (doi
// 10.1371/journal.pone.0061691) in the form of scikit-digital-health: every 15
// minutes an hour is judged, and it is the 15 minutes at its beginning that are
// labelled (the paper labels those in its middle). They are not worn if along two
// axes or more SD < 0.013 g and range < 0.067 g. Its passes over the recording
// are CleanAccelThreshold.
//
// Only an hour with data in all its minutes is judged.
type accelThreshold struct {
	Block
	blocks blocks
}

const wholeHour = 2 * 60 // half minutes

func (*accelThreshold) before() int64              { return blockMinutes - 1 }
func (*accelThreshold) lag() int64                 { return 59 }
func (a *accelThreshold) push(m int64, p *Partial) { a.blocks.push(m, p, false) }
func (a *accelThreshold) final() State             { return a.state(a.blocks.last - a.lag()) }
func (a *accelThreshold) provisional() State       { return a.state(a.blocks.last) }

func (a *accelThreshold) state(m int64) State {
	hour := a.blocks.hour(m / blockMinutes * 2)
	if hour.halves < wholeHour {
		return Unknown
	}
	return wornUnless(bits.OnesCount8(hour.still(a.SD, a.Range)) >= 2)
}

func wornUnless(still bool) State {
	if still {
		return NonWear
	}
	return Wear
}
