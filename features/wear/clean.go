package wear

import "slices"

// The rules about islands of wear need the whole recording, so they are applied
// to the finished minutes of one and never while it runs. They see its stretches:
// consecutive blocks of 15 minutes in which every minute is Wear or NonWear.

// Cleaned are the minutes of a finished recording, in order of time, after the rules
// about islands of the algorithm that gave them.
func (c *Config) Cleaned(minutes []Minute) []Minute {
	return algorithms[c.Order[0]].clean(minutes, c.Origin)
}

const (
	hourBlocks = 4
	dayBlocks  = 24 * hourBlocks
)

// run is an island: blocks [from, to).
type run struct{ from, to int }

func (r run) len() int { return r.to - r.from }

// nonWear are the runs of blocks that are not worn.
func nonWear(off []bool) []run {
	var runs []run
	for i := 0; i < len(off); i++ {
		if from := i; off[i] {
			for i < len(off) && off[i] {
				i++
			}
			runs = append(runs, run{from, i})
		}
	}
	return runs
}

// CleanGGIR returns the minutes of a finished recording that the algorithm
// ggir2013 or ggir2023 gave, with the rules of GGIR about islands (g.weardec.R).
// An island of wear between two of non-wear, of the lengths before and after, is
// not worn if it is
//
//	shorter than 6 h and 0.3 (before + after)
//	shorter than 3 h and 0.8 (before + after)
//	shorter than 3 h, before is longer than 1 h, and that began in the last 24 h
//
// and so is what is before the first non-wear of a recording where that begins
// within 3 h, and after the last where that ends in the last 3 h. The rules for
// islands are applied twice more to their result.
func CleanGGIR(minutes []Minute, origin int64) []Minute {
	return clean(minutes, origin, islands)
}

func islands(off []bool) []bool {
	off = islandsOnce(off, true)
	for range 2 {
		off = islandsOnce(off, false)
	}
	return off
}

// islandsOnce counts as GGIR does, in blocks of which one is added at both ends.
func islandsOnce(off []bool, edges bool) []bool {
	found := slices.Clone(off)
	runs := nonWear(off)
	if len(runs) == 0 {
		return found
	}
	for i := 1; i < len(runs); i++ {
		island := run{runs[i-1].to, runs[i].from}
		length, before, after := island.len(), runs[i-1].len(), runs[i].len()
		if length < 6*hourBlocks && 10*length < 3*(before+after) ||
			length < 3*hourBlocks && 10*length < 8*(before+after) ||
			length < 3*hourBlocks && before > hourBlocks && runs[i-1].from+2 > len(off)-dayBlocks {
			fill(found[island.from:island.to])
		}
	}
	if first, last := runs[0], runs[len(runs)-1]; edges {
		if first.from+2 < 3*hourBlocks {
			fill(found[:first.from])
		}
		if last.to+2 > len(off)+2-3*hourBlocks {
			fill(found[last.to:])
		}
	}
	return found
}

// CleanAccelThreshold returns the minutes of a finished recording that the
// algorithm accelthreshold gave, after the passes of scikit-digital-health. Three
// times, an island of wear is not worn if it is
//
//	above 3 h, up to 6 h and shorter than 0.3 (before + after)
//	up to 3 h and shorter than 0.8 (before + after)
//
// of the lengths of the non-wear before and after, also where one of these is the
// end of the recording and has none. At last, a recording that begins with up to
// 3 h of wear does not.
func CleanAccelThreshold(minutes []Minute, origin int64) []Minute {
	return clean(minutes, origin, func(off []bool) []bool {
		for range 3 {
			off = passOnce(off)
		}
		if runs := nonWear(off); len(off) > 0 && !off[0] {
			first := len(off)
			if len(runs) > 0 {
				first = runs[0].from
			}
			if first <= 3*hourBlocks {
				fill(off[:first])
			}
		}
		return off
	})
}

func passOnce(off []bool) []bool {
	found := slices.Clone(off)
	runs := nonWear(off)
	if len(runs) == 0 || runs[0].from > 0 {
		runs = slices.Insert(runs, 0, run{0, 0})
	}
	if n := len(off); runs[len(runs)-1].to < n {
		runs = append(runs, run{n, n})
	}
	for i := 1; i < len(runs); i++ {
		island := run{runs[i-1].to, runs[i].from}
		length, around := island.len(), runs[i-1].len()+runs[i].len()
		if length > 3*hourBlocks && length <= 6*hourBlocks && 10*length < 3*around ||
			length <= 3*hourBlocks && 10*length < 8*around {
			fill(found[island.from:island.to])
		}
	}
	return found
}

func fill(off []bool) {
	for i := range off {
		off[i] = true
	}
}

// clean applies rules to every stretch of minutes in order of time.
func clean(minutes []Minute, origin int64, rules func(off []bool) []bool) []Minute {
	minutes = slices.Clone(minutes)
	for i := 0; i < len(minutes); {
		var off []bool
		for {
			at := i + len(off)*blockMinutes
			state, whole := block(minutes, at, origin)
			if !whole || len(off) > 0 && minutes[at].Start != minutes[at-1].Start+minuteNS {
				break
			}
			off = append(off, state == NonWear)
		}
		if len(off) == 0 {
			i++
			continue
		}
		for k, is := range rules(off) {
			if is && !off[k] {
				for m := range blockMinutes {
					minutes[i+k*blockMinutes+m].State = NonWear
				}
			}
		}
		i += len(off) * blockMinutes
	}
	return minutes
}

// block is the state of the block that begins with a minute, if one does.
func block(minutes []Minute, at int, origin int64) (State, bool) {
	if at+blockMinutes > len(minutes) || (minutes[at].Start-origin)/minuteNS%blockMinutes != 0 {
		return Unknown, false
	}
	first := minutes[at]
	for k, m := range minutes[at : at+blockMinutes] {
		if m.State != first.State || m.Start != first.Start+int64(k)*minuteNS {
			return Unknown, false
		}
	}
	return first.State, first.State == Wear || first.State == NonWear
}
