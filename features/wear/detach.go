package wear

import "math/bits"

// DETACH are the thresholds of the algorithm of Vert 2022 (doi
// 10.1186/s12874-022-01633-6), temperatures in milli-degrees and their change in
// milli-degrees per minute. On a grid of 1 s, T being the temperature after a
// zero-phase low-pass filter:
//
//   - a bout begins where the next 60 s stand still (SD < SD along two axes or
//     more), as 90 % of the 60 s that begin in the next 5 minutes do, and in the
//     next 5 minutes T falls faster than Fall and stays below High, or stays below Low;
//   - it ends, more than 5 minutes later, where no axis stood still in the 60 s
//     before, less than half of the 60 s that end in the next 5 minutes stood still,
//     and T rises faster than Rise or stays above Low in the next 5 minutes.
//
// The paper says at most half, on a grid of samples: there a share is above or
// below, and what is half on this grid may be either, so the bout goes on.
//
// A minute is what its middle is. The reference remembers a bout for ever; here a
// bout is known by what happened in the last 6 hours, and where neither a
// beginning nor an end is among that the minute is Unknown. A recording begins
// worn, also after 15 minutes without samples.
//
// Where seconds are lost, 60 s of which half is recorded can be judged, and the shares
// are of those that can. Where fewer than half of them can for 20 minutes, what was
// before is forgotten.
type DETACH struct {
	SD   int64 `json:"sd_ug"`
	Low  int64 `json:"low_mdegc"`
	High int64 `json:"high_mdegc"`
	Fall int64 `json:"fall_mdegc_per_min"`
	Rise int64 `json:"rise_mdegc_per_min"`
}

const (
	// memory is how many minutes of possible beginnings and ends are kept.
	memory = 6 * 60
	// hole is how many minutes without samples begin a recording anew.
	hole = 15
	// forward is how many minutes of T a minute asks for.
	forward = 5
	// detachLag: what the minute asks for, and the time that the filter needs.
	detachLag = forward + warmup

	wholeMinute = 1<<60 - 1
	middle      = 30
	share       = 300 // seconds in which stillness is counted
	leastShare  = share / 2
	leastWindow = 30 // seconds with samples in a window of 60 s
	// edge is how many seconds without samples at the begin or end of a window are one
	// too many: the recording may begin or end there.
	edge = 7
	// blind is how many minutes in which too little is known make a bout unknown: more
	// than a hole that does not begin a recording anew has around it.
	blind = hole + forward
)

type detach struct {
	DETACH
	last    int64
	absent  int        // minutes without samples up to the last
	seconds [60]second // of the last minute
	windows [32]windows
	bins    temperatures
	kept    [memory]marks
}

// windows are the 60 s that end with each second of a minute, a bit for each.
type windows struct {
	known  uint64 // recorded
	still  uint64 // along two axes or more
	moving uint64 // along no axis still
	anew   bool   // a recording begins here
}

// marks are the seconds of a minute where a bout can begin and end.
type marks struct {
	begins, ends uint64
}

// Bits of marks.begins beside those of its 60 seconds.
const (
	anew          = 1 << 63 // a recording begins with the minute
	noTemperature = 1 << 62 // there is no temperature in its middle
	tooFew        = 1 << 61 // of the windows from its middle on are known
)

func newDETACH(p DETACH) *detach {
	d := &detach{DETACH: p, absent: hole}
	d.bins.clear()
	return d
}

func (*detach) before() int64 { return memory + hole + warmup + 1 }
func (*detach) lag() int64    { return detachLag }

func (d *detach) push(m int64, p *Partial) {
	d.last = m
	w := &d.windows[m&31]
	*w = windows{anew: d.absent >= hole}
	if p != nil && p.seen() {
		d.absent = 0
	} else {
		w.anew = false
		d.absent = min(d.absent+1, hole)
	}
	var now [60]second
	if p != nil {
		now = p.seconds
	}
	var window moments
	var present uint64 // a bit for each second of the window, the last one in front
	for s := range d.seconds {
		window.add(&d.seconds[s])
		present = present>>1 | d.seconds[s].present()
	}
	for s := range now {
		window.remove(&d.seconds[s])
		window.add(&now[s])
		if present = present>>1 | now[s].present(); !judged(present) {
			continue
		}
		w.known |= 1 << s
		switch axes := window.axes(d.SD); {
		case axes >= 2:
			w.still |= 1 << s
		case axes == 0:
			w.moving |= 1 << s
		}
	}
	d.seconds = now
	d.bins.push(m, p)
	if f := m - detachLag; f >= 0 {
		var t smooth
		d.bins.smooth(&t, f-warmup, m, f)
		d.kept[f%memory] = d.marks(f, &t)
	}
}

// present is the bit of a second that has samples.
func (s *second) present() uint64 { return uint64(min(s.n, 1)) << 59 }

// judged reports whether a window has enough seconds with samples. A hole may be
// within it: at its first or last second it could be the recording's begin or end.
func judged(present uint64) bool {
	const first = 1<<edge - 1
	return bits.OnesCount64(present) >= leastWindow && present&first != 0 && present>>(60-edge) != 0
}

// at is what is known of a minute; nothing after the last one.
func (d *detach) at(m int64) windows {
	if m > d.last || m < 0 {
		return windows{}
	}
	return d.windows[m&31]
}

// following are the windows of 60 s that begin with each second of a minute.
func (d *detach) following(m int64) windows {
	end, next := d.at(m), d.at(m+1)
	return windows{
		known:  end.known>>59 | next.known<<1&wholeMinute,
		still:  end.still>>59 | next.still<<1&wholeMinute,
		moving: end.moving>>59 | next.moving<<1&wholeMinute,
	}
}

// marks finds where in a minute a bout can begin and end. The 60 s before a
// second are those that follow the one a minute ahead of it.
func (d *detach) marks(m int64, t *smooth) marks {
	var before, after ahead
	w := d.following(m - 1)
	moving := w.moving
	for k := range after.still {
		before.still[k], before.known[k] = w.still, w.known
		w = d.following(m + int64(k))
		after.still[k], after.known[k] = w.still, w.known
	}
	end := after.end()
	var found marks
	for k := range int64(binsPerMinute) {
		const seconds = 60 / binsPerMinute
		first := int(k) * seconds
		if (after.still[0]|moving)>>first&(1<<seconds-1) == 0 {
			continue
		}
		fall, rise := d.temperature(t, m*binsPerMinute+k)
		for s := first; s < first+seconds; s++ {
			if fall && after.still[0]>>s&1 != 0 && after.begins(s, end) {
				found.begins |= 1 << s
			}
			if rise && moving>>s&1 != 0 && before.ends(s) {
				found.ends |= 1 << s
			}
		}
	}
	if d.at(m).anew {
		found.begins |= anew
	}
	if _, is := t.at(m*binsPerMinute + middle*binsPerMinute/60); !is {
		found.begins |= noTemperature
	}
	if count(&after.known, middle) < leastShare {
		found.begins |= tooFew
	}
	return found
}

// ahead are the windows of a minute and of the 5 minutes after it.
type ahead struct {
	still, known [forward + 1]uint64
}

// begins reports whether enough windows of the 5 minutes from a second on stand still.
// Those from end on count as moving: nothing says that the recording goes on.
func (a *ahead) begins(s, end int) bool {
	known := count(&a.known, s)
	return known >= leastShare && 10*count(&a.still, s) >= 9*(known+max(0, s+share-end))
}

// ends reports whether few windows of the 5 minutes from a second on stand still.
func (a *ahead) ends(s int) bool {
	known := count(&a.known, s)
	return known >= leastShare && 2*count(&a.still, s) < known
}

// end is the second after the last one whose window is known.
func (a *ahead) end() int {
	for k := forward; k >= 0; k-- {
		if n := bits.Len64(a.known[k]); n > 0 {
			return 60*k + n
		}
	}
	return 0
}

// count counts the bits of the 5 minutes from a second of the first minute on.
func count(minutes *[forward + 1]uint64, s int) int {
	n := bits.OnesCount64(minutes[0] >> s)
	for _, m := range minutes[1:forward] {
		n += bits.OnesCount64(m)
	}
	return n + bits.OnesCount64(minutes[forward]&(1<<s-1))
}

// temperature reports whether a bout can begin, and end, at a bin as far as the
// 5 minutes of T from it on say. The change of T is its mean over these, which is
// a difference.
func (d *detach) temperature(t *smooth, k int64) (begin, end bool) {
	const bins = forward * binsPerMinute
	final, is := t.at(k + bins - 1)
	first, here := t.at(k)
	if !is || !here {
		return false, false
	}
	if before, is := t.at(k - 1); is {
		first = before
	}
	change := final - first
	part := t.next(k, bins)
	low, high := float64(d.Low), float64(d.High)
	begin = change < float64(-d.Fall*forward) && below(part, high) || below(part, low)
	end = change > float64(d.Rise*forward) || above(part, low)
	return begin, end
}

func below(part []float64, limit float64) bool {
	for _, t := range part {
		if t >= limit {
			return false
		}
	}
	return true
}

func above(part []float64, limit float64) bool {
	for _, t := range part {
		if t <= limit {
			return false
		}
	}
	return true
}

func (d *detach) final() State {
	m := d.last - detachLag
	b := bouts{of: whatever}
	var found marks
	for k := max(0, m-memory+1); k <= m; k++ {
		found = d.kept[k%memory]
		b.minute(k, found, k == m)
	}
	return b.state(found)
}

// provisional goes on from what is final with what is known, T being filtered
// as if it ended here.
func (d *detach) provisional() State {
	m := d.last
	b := bouts{of: whatever}
	var found marks
	var t smooth
	d.bins.smooth(&t, max(0, m-detachLag+1-warmup), m, m)
	for k := max(0, m-memory+1); k <= m; k++ {
		if k <= m-detachLag {
			found = d.kept[k%memory]
		} else {
			found = d.marks(k, &t)
		}
		b.minute(k, found, k == m)
	}
	return b.state(found)
}

// bouts are what comes of either thing that can have been before.
type bouts struct {
	of    [2]bout
	blind int // minutes up to this one
}

var whatever = [2]bout{{}, {off: true, since: -share - 1}}

func (b *bouts) minute(m int64, found marks, half bool) {
	if b.blind++; found.begins&tooFew == 0 || found.begins&anew != 0 {
		b.blind = 0
	}
	if b.blind >= blind {
		b.of = whatever
	}
	for i := range b.of {
		b.of[i].minute(m, found, half)
	}
}

func (b *bouts) state(middle marks) State {
	if middle.begins&noTemperature != 0 || b.of[0].off != b.of[1].off {
		return Unknown
	}
	return wornUnless(b.of[0].off)
}

// bout is whether the device is off, and since which second.
type bout struct {
	off   bool
	since int64
}

// minute goes through the marks of one, or of its first half and middle.
func (b *bout) minute(m int64, found marks, half bool) {
	if found.begins&anew != 0 {
		*b = bout{}
	}
	begins, ends := found.begins&wholeMinute, found.ends
	if half {
		begins, ends = begins&(1<<(middle+1)-1), ends&(1<<(middle+1)-1)
	}
	for s := int64(0); s < 60; {
		if !b.off {
			s = int64(bits.TrailingZeros64(begins >> s << s))
			if s < 60 {
				*b = bout{true, m*60 + s}
			}
			continue
		}
		s = max(s, b.since+share+1-m*60)
		if s >= 60 {
			return
		}
		s = int64(bits.TrailingZeros64(ends >> s << s))
		b.off = s >= 60
	}
}
