package calibrate

import (
	"math"
	"time"
)

// Log holds the still epochs of a device and tries a fit as its time is sealed:
// when Parameters.MinSpan is over, and every Step until one is accepted or MaxSpan is
// over. After that it holds nothing. At the most it holds MaxSpan: 60,480 epochs of
// 40 bytes, were the device never moved in a week.
type Log struct {
	Parameters Parameters
	First      int64   // when the recording begins
	Tried      int     // attempts made
	Epochs     []Still // in any order
	Done       bool
}

// NewLog begins with the time of the first sample of a recording.
func NewLog(first int64, p Parameters) *Log { return &Log{Parameters: p, First: first} }

// Seal takes the still epochs that were sealed, with the time before which nothing
// comes any more, and returns the attempts that fell due. However the epochs were
// portioned out, the attempts are the same. The epoch in which the recording
// begins (setting up, switching on) does not count.
func (l *Log) Seal(epochs []Still, until int64) []Record {
	if l.Done {
		return nil
	}
	l.Epochs = append(l.Epochs, epochs...)
	var records []Record
	p := &l.Parameters
	begin := epochStart(l.First)
	for !l.Done {
		span := p.MinSpan + time.Duration(l.Tried)*p.Step
		if begin+int64(span) > until {
			break
		}
		r := Attempt(l.Epochs, begin+int64(Length), begin+int64(span), *p)
		records = append(records, r)
		l.Tried++
		l.Done = r.Accepted || span+p.Step > p.MaxSpan
	}
	if l.Done {
		l.Epochs = nil
	}
	return records
}

// Drift is how far still epochs of a day are from 1 g: whether a device needs
// another calibration, or a repair. Integers, so days merge in any order.
type Drift struct{ Epochs, NanoG int64 }

// Add counts an epoch.
func (d *Drift) Add(s *Still) {
	d.Epochs++
	d.NanoG += int64(math.RoundToEven(float64(s.Error() * 1e9)))
}

// Merge adds another part of the day.
func (d *Drift) Merge(o Drift) { d.Epochs, d.NanoG = d.Epochs+o.Epochs, d.NanoG+o.NanoG }

// Error is still_err_day, the mean of | |a| - 1 g |, g; NaN without still epochs.
func (d *Drift) Error() float64 {
	if d.Epochs == 0 {
		return math.NaN()
	}
	return float64(d.NanoG) / float64(d.Epochs*1e9)
}
