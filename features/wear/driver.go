package wear

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// detector is one algorithm on one sensor. It is pushed every minute in order of
// time, p being nil for one that has no data, and answers for two of them.
type detector interface {
	before() int64
	lag() int64
	push(m int64, p *Partial)
	final() State       // of the minute lag before the one pushed last
	provisional() State // of the minute pushed last, as if the recording ended with it
	code(*codec)        // writes what it knows, or reads it
}

// algorithm is one that a study can choose.
type algorithm struct {
	params func(*Params) any // nil: it has none
	make   func(*Params) detector
	clean  func(minutes []Minute, origin int64) []Minute // nil: it has no rules about islands
}

var algorithms = map[string]algorithm{
	"device":         {make: func(*Params) detector { return new(device) }},
	"cta":            {params: func(p *Params) any { return p.CTA }, make: func(p *Params) detector { return &cta{CTA: p.CTA} }},
	"accelthreshold": {func(p *Params) any { return p.AccelThreshold }, func(p *Params) detector { return &accelThreshold{Block: p.AccelThreshold} }, CleanAccelThreshold},
	"ggir2013":       {func(p *Params) any { return p.GGIR2013 }, func(p *Params) detector { return &ggir2013{Block: p.GGIR2013} }, CleanGGIR},
	"ggir2023":       {func(p *Params) any { return p.GGIR2023 }, func(p *Params) detector { return &ggir2023{Block: p.GGIR2023} }, CleanGGIR},
	"detach":         {params: func(p *Params) any { return p.DETACH }, make: func(p *Params) detector { return newDETACH(p.DETACH) }},
	"choi":           {params: func(p *Params) any { return p.Choi }, make: func(p *Params) detector { return &choi{Choi: p.Choi} }},
	"actipy":         {params: func(p *Params) any { return p.Actipy }, make: func(p *Params) detector { return &actipy{Actipy: p.Actipy} }},
}

// Algorithms are the names that Config.Order takes.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

const (
	// ring is how many minutes can wait for their verdict: more than any lag.
	ring = 128
	// longestHole is how many minutes without data are said to be NoData one by
	// one. A longer hole ends the recording, and another begins after it.
	longestHole = 24 * 60
)

// Driver runs the algorithms of a study over the minutes of one sensor.
type Driver struct {
	config    Config
	algo      string
	detectors []placed
	before    int64
	lag       int64

	begun       bool
	first, last int64       // of the recording, minutes since the origin; last includes minutes after its end
	due         int64       // the next to become final
	facts       [ring]State // NoData and Charging; Unknown: the algorithms decide
}

type placed struct {
	detector
	name     string
	opinions [ring]State // final ones
}

// New makes a Driver that has seen nothing.
func New(c Config) (*Driver, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	d := &Driver{config: c, detectors: make([]placed, len(c.Order))}
	d.config.Order, d.algo = slices.Clone(c.Order), c.Algo()
	d.Reset()
	for i := range d.detectors {
		d.before = max(d.before, d.detectors[i].before())
		d.lag = max(d.lag, d.detectors[i].lag())
	}
	return d, nil
}

// Reset makes the Driver as new.
func (d *Driver) Reset() {
	for i, name := range d.config.Order {
		d.detectors[i] = placed{name: name, detector: algorithms[name].make(&d.config.Params)}
	}
	d.begun = false
}

// Before is how many minutes ahead of a minute can matter to it.
func (d *Driver) Before() time.Duration { return time.Duration(d.before) * time.Minute }

// Lag is how many minutes after a minute can matter to it.
func (d *Driver) Lag() time.Duration { return time.Duration(d.lag) * time.Minute }

// Push takes the next minute that has samples or says something; minutes between
// the last one and it have none. It yields the minutes that became final, in order
// of time, and then this one as provisional unless it is final already.
func (d *Driver) Push(p *Partial, yield func(Minute)) error {
	if err := d.Show(p, yield); err != nil {
		return err
	}
	if d.due <= d.last && !d.config.FinalOnly {
		yield(d.provisional())
	}
	return nil
}

// Show is Push without what is provisional, which takes most of the time.
func (d *Driver) Show(p *Partial, yield func(Minute)) error {
	m := (p.Start - d.config.Origin) / minuteNS
	switch {
	case p.Start < d.config.Origin || (p.Start-d.config.Origin)%minuteNS != 0:
		return fmt.Errorf("minute %d does not begin at whole minutes after the origin %d", p.Start, d.config.Origin)
	case d.begun && m <= d.last:
		return fmt.Errorf("minute %d is not after the one before it, %d", p.Start, d.start(d.last))
	}
	if d.begun && m-d.last > longestHole {
		d.End(yield)
	}
	if !d.begun {
		d.begun, d.first, d.last, d.due = true, m, m-1, m
	}
	for d.last+1 < m {
		d.step(nil)
		d.settle(d.last, yield)
	}
	d.step(p)
	d.settle(m, yield)
	return nil
}

// Hole says that up to a minute there is nothing but what was pushed, and that there is
// something within 24 h after the last.
func (d *Driver) Hole(upto int64, yield func(Minute)) {
	for m := (upto - d.config.Origin) / minuteNS; d.begun && d.last < m; {
		d.step(nil)
		d.settle(d.last, yield)
	}
}

// End yields the minutes that are not final yet: there will be no more. After it
// the Driver is as new.
func (d *Driver) End(yield func(Minute)) {
	if !d.begun {
		return
	}
	for end := d.last; d.due <= end; d.settle(end, yield) {
		d.step(nil)
	}
	d.Reset()
}

func (d *Driver) start(m int64) int64 { return d.config.Origin + m*minuteNS }

// step is the next minute.
func (d *Driver) step(p *Partial) {
	d.last++
	d.facts[d.last%ring] = fact(p)
	for i := range d.detectors {
		det := &d.detectors[i]
		det.push(d.last, p)
		if m := d.last - det.lag(); m >= d.first {
			det.opinions[m%ring] = det.final()
		}
	}
}

// fact is what is so whatever algorithms say.
func fact(p *Partial) State {
	switch {
	case p != nil && p.Reported == Charging:
		return Charging
	case p == nil || !p.enough():
		return NoData
	}
	return Unknown
}

// settle yields what nothing can change, up to the minute end.
func (d *Driver) settle(end int64, yield func(Minute)) {
	for ; d.due <= end; d.due++ {
		minute, decided := d.decide(d.due)
		if !decided {
			return
		}
		yield(minute)
	}
}

// decide takes the first opinion; one that can still come must be waited for.
func (d *Driver) decide(m int64) (Minute, bool) {
	minute := Minute{Start: d.start(m), State: d.facts[m%ring], Final: true}
	if minute.State != Unknown {
		return minute, true
	}
	for i := range d.detectors {
		det := &d.detectors[i]
		if d.last < m+det.lag() {
			return minute, false
		}
		if opinion := det.opinions[m%ring]; opinion != Unknown {
			minute.State, minute.By = opinion, det.name
			return minute, true
		}
	}
	return minute, true
}

func (d *Driver) provisional() Minute {
	minute := Minute{Start: d.start(d.last), State: d.facts[d.last%ring]}
	for i := 0; i < len(d.detectors) && minute.State == Unknown; i++ {
		if minute.State = d.detectors[i].provisional(); minute.State != Unknown {
			minute.By = d.detectors[i].name
		}
	}
	return minute
}
