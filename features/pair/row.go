package pair

import "math"

// Wrist is one of the two.
type Wrist uint8

const (
	Unknown Wrist = iota
	Left
	Right
)

// Row is what a window of both wrists says. NaN is undefined.
type Row struct {
	MAD      [2]float64  // mean over pairs of epochs, left and right, g
	Active   [2]int      // epochs above ActiveMAD, left and right
	Pairs    int         // epochs that both sides have
	Same     int         // of them, epochs whose times and samples are identical
	Gravity  [2][3]int32 // sum of the directions of active epochs, left and right, millionths
	R        float64     // correlation of the mads
	Lag      float64     // s by which right is later than left
	LagR     float64     // correlation at that lag
	Dominant Wrist
	TempDiff float64 // right minus left, degC

	Movement       int     // seconds in which either side moved
	MagnitudeRatio float64 // median of log(non-dominant/dominant) over them
	RatioSpread    float64 // its interquartile range
	Bilateral      float64 // median of the sum of both over them, g
}

// Compute compares the sides of one window. It says false where one of them lacks
// coverage or was not worn.
func Compute(left, right *Side, dominant Wrist) (Row, bool) {
	if !left.usable() || !right.usable() {
		return Row{}, false
	}
	row := Row{Dominant: dominant, TempDiff: right.Temperature - left.Temperature}
	var mads [2][]float64 // of the pairs
	var apart [2][Epochs * seconds]float64
	for i := range left.epochs {
		l, r := &left.epochs[i], &right.epochs[i]
		if !left.has[i] || !right.has[i] {
			for k := i * seconds; k < (i+1)*seconds; k++ {
				apart[0][k], apart[1][k] = math.NaN(), math.NaN()
			}
			continue
		}
		row.Pairs++
		if l.Digest == r.Digest {
			row.Same++
		}
		for side, e := range [2]*Epoch{l, r} {
			mads[side] = append(mads[side], e.MAD)
			copy(apart[side][i*seconds:], e.Apart[:])
			if e.MAD > ActiveMAD {
				row.Active[side]++
				for k, v := range e.Gravity {
					row.Gravity[side][k] += v // at most 180 million
				}
			}
		}
	}
	if row.Pairs == 0 {
		return Row{}, false
	}
	row.MAD = [2]float64{mean(mads[0]), mean(mads[1])}
	row.R = pearson(mads[0], mads[1])
	row.Lag, row.LagR = lag(apart[0][:], apart[1][:])
	row.magnitudes(apart[0][:], apart[1][:])
	return row, true
}

// Asymmetry is (R-L)/(R+L) of the mean mads: -1 all left, 1 all right.
func (r *Row) Asymmetry() float64 { return (r.MAD[1] - r.MAD[0]) / (r.MAD[1] + r.MAD[0]) }

// LogRatio is log((R+c)/(L+c)) of the mean mads, c being LogOffset.
func (r *Row) LogRatio() float64 { return logRatio(r.MAD[1]+LogOffset, r.MAD[0]+LogOffset) }

// UseRatio is the active time of the non-dominant side over the dominant one's.
func (r *Row) UseRatio() float64 {
	return useRatio(r.Active, r.Dominant)
}

func useRatio(active [2]int, dominant Wrist) float64 {
	switch dominant {
	case Left:
		active[0], active[1] = active[1], active[0]
	case Unknown:
		return math.NaN()
	}
	if active[1] == 0 {
		return math.NaN()
	}
	return float64(active[0]) / float64(active[1])
}

// ActiveFraction is the share of active epochs of the left (0) or right (1) side.
func (r *Row) ActiveFraction(side int) float64 { return float64(r.Active[side]) / float64(r.Pairs) }
