package wear

// Actipy are the thresholds of the rule of the UK Biobank's tools (Doherty 2017,
// doi 10.1371/journal.pone.0169649): not worn is what stands still, each 10 s with
// an SD below 0.015 g along all axes, for 90 minutes or longer.
type Actipy struct {
	SD      int64 `json:"sd_ug"`
	Minutes int64 `json:"minutes"`
}

const (
	tenths    = 6 // windows of 10 s in a minute
	allTenths = 1<<tenths - 1
	// leastSeconds is how many seconds of a window of 10 s must have samples.
	leastSeconds = 5
)

// actipy keeps which windows of the last minutes stood still. A minute is what
// the window after its middle is.
type actipy struct {
	Actipy
	last  int64
	still [2 * ring]uint8 // by minute, a bit per window
}

func (a *actipy) before() int64 { return a.Minutes }
func (a *actipy) lag() int64    { return a.Minutes }

func (a *actipy) push(m int64, p *Partial) {
	a.last = m
	var still uint8
	for k := 0; p != nil && k < tenths; k++ {
		var w moments
		seconds := 0
		for s := 10 * k; s < 10*k+10; s++ {
			if p.seconds[s].n > 0 {
				w.add(&p.seconds[s])
				seconds++
			}
		}
		if seconds >= leastSeconds && w.axes(a.SD) == 3 {
			still |= 1 << k
		}
	}
	a.still[m%(2*ring)] = still
}

func (a *actipy) final() State       { return a.state(a.last-a.Minutes, a.last) }
func (a *actipy) provisional() State { return a.state(a.last, a.last) }

// state measures the stillness around the middle of m, up to the end of the minute upto.
func (a *actipy) state(m, upto int64) State {
	const middle = tenths / 2
	at := m*tenths + middle
	from, to := at, at
	for from >= max(0, (m-a.Minutes)*tenths) && a.window(from) {
		from--
	}
	for to < (upto+1)*tenths && a.window(to) {
		to++
	}
	return wornUnless(to-from > a.Minutes*tenths) // from is the last before
}

func (a *actipy) window(k int64) bool {
	return a.still[k/tenths%(2*ring)]>>(k%tenths)&1 != 0
}
