package pair

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Quarter is what a day keeps of a window.
type Quarter struct {
	Start     int64     // ns since 1970
	Worn      [2]uint16 // minutes, left and right
	Paired    bool      // the rest is known: both sides had coverage and were worn
	Pairs     int
	Same      int
	Active    [2]int
	Gravity   [2][3]int32
	R         float64
	LogRatio  float64
	Lag, LagR float64
	TempDiff  float64
}

// NewQuarter takes the sides of a window and, if they could be paired, its row.
func NewQuarter(start int64, left, right *Side, row *Row) Quarter {
	q := Quarter{Start: start, Worn: [2]uint16{left.Worn, right.Worn}}
	if row != nil {
		q.Paired, q.Pairs, q.Same, q.Active, q.Gravity = true, row.Pairs, row.Same, row.Active, row.Gravity
		q.R, q.LogRatio, q.Lag, q.LagR, q.TempDiff = row.R, row.LogRatio(), row.Lag, row.LagR, row.TempDiff
	}
	return q
}

// Day is a local day of both wrists while it is open, at most 100 windows of
// some 130 bytes. Windows may come in any order, and again.
type Day struct{ quarters []Quarter }

// Put adds a window, or replaces it by what is known now.
func (d *Day) Put(q Quarter) {
	i, found := slices.BinarySearchFunc(d.quarters, q.Start, func(q Quarter, at int64) int { return cmp.Compare(q.Start, at) })
	if !found {
		d.quarters = slices.Insert(d.quarters, i, q)
		return
	}
	d.quarters[i] = q
}

// Daily is a day when it is over: what findings are made from.
type Daily struct {
	Date       string // local, 2006-01-02
	BothWorn   int    // minutes
	EitherWorn int    // minutes
	Windows    int    // paired
	Epochs     int    // of both sides
	Same       int    // of them identical, times and all

	R        float64 // medians over paired windows
	LogRatio float64
	Lag      float64 // of |lag_s|
	Copies   int     // windows that say by themselves: one recording twice
	OneLimb  int     // windows that say by themselves: one limb

	BothActive    int     // windows
	ActiveR       float64 // median over them
	Unrelated     int     // of them: windows that say by themselves: two people
	RightWarmer   int     // windows
	RightColder   int
	Correlated    int     // windows in which the sides follow each other at some lag
	CorrelatedLag float64 // median of |lag_s| over them
	Lagging       int     // of them: windows that say by themselves: a clock is off

	Active  [2]int      // epochs, left and right
	Gravity [2][3]int64 // sum of their directions, millionths
}

// Close sums the day up.
func (d *Day) Close(date string) Daily {
	day := Daily{Date: date}
	var r, ratio, lags, activeR, correlated []float64
	add := func(to *[]float64, v float64) {
		if v == v {
			*to = append(*to, v)
		}
	}
	for i := range d.quarters {
		q := &d.quarters[i]
		day.BothWorn += bits.OnesCount16(q.Worn[0] & q.Worn[1])
		day.EitherWorn += bits.OnesCount16(q.Worn[0] | q.Worn[1])
		if !q.Paired {
			continue
		}
		day.Windows++
		day.Epochs += q.Pairs
		day.Same += q.Same
		add(&r, q.R)
		add(&ratio, q.LogRatio)
		add(&lags, math.Abs(q.Lag))
		count(&day.Copies, q.LagR > CopyR && math.Abs(q.LogRatio) < CopyLogRatio)
		count(&day.OneLimb, q.R > SameLimbR && math.Abs(q.LogRatio) < SameLimbLogRatio && q.Lag == 0)
		if min(q.Active[0], q.Active[1]) >= BothActive {
			day.BothActive++
			add(&activeR, q.R)
			count(&day.Unrelated, q.R < OtherPersonR)
		}
		count(&day.RightWarmer, q.TempDiff > 0)
		count(&day.RightColder, q.TempDiff < 0)
		if q.LagR >= SkewLagR {
			day.Correlated++
			add(&correlated, math.Abs(q.Lag))
			count(&day.Lagging, math.Abs(q.Lag) >= SkewLag)
		}
		for side := range 2 {
			day.Active[side] += q.Active[side]
			for k, v := range q.Gravity[side] {
				day.Gravity[side][k] += int64(v)
			}
		}
	}
	day.R, day.LogRatio, day.Lag = median(r), median(ratio), median(lags)
	day.ActiveR, day.CorrelatedLag = median(activeR), median(correlated)
	return day
}

func count(n *int, yes bool) {
	if yes {
		*n++
	}
}
