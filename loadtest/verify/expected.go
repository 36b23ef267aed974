package verify

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// lengths are those of windows, in seconds. Each is a multiple of the first.
var lengths = []uint32{5, 60, 900}

// expected is what a window must hold.
type expected struct {
	n    uint32        // distinct sample times
	age  time.Duration // of the newest record that touches it
	boot uint64        // highest of those records
	of   *history
}

// history is what is known of a sensor's sequences: it decides when its windows
// are due.
type history struct {
	sensor word
	boots  map[uint64]*boot
	logs   map[string]bool
	age    time.Duration // of its newest record
	ends   int
}

// boot is one boot of a sensor.
type boot struct {
	seen   int64  // end of its latest batch that is old enough to have been seen, ns
	have   uint64 // sequences that are here
	next   uint64 // one past the last sequence known of
	closed bool   // there are none after it
}

// at answers the entry of a boot, made where it is new.
func (h *history) at(number uint64) *boot {
	if h.boots[number] == nil {
		h.boots[number] = new(boot)
	}
	return h.boots[number]
}

// whole reports whether every boot is closed and has all its sequences, so that
// nothing more is expected in any window.
func (h *history) whole() bool {
	for _, b := range h.boots {
		if !b.closed || b.have != b.next {
			return false
		}
	}
	return len(h.logs) == 1
}

// expect works out what every window must hold.
func (v *verifier) expect(t *truth) map[window]*expected {
	all := map[window]*expected{}
	for i := 0; i < len(t.names); {
		j := i
		for j < len(t.names) && t.names[j].sensor == t.names[i].sensor {
			j++
		}
		v.expectOf(t, t.names[i:j], all)
		i = j
	}
	return all
}

// expectOf does so for the windows of one sensor.
func (v *verifier) expectOf(t *truth, names []name, all map[window]*expected) {
	h := v.history(t, names)
	get := func(start int64, length uint32) *expected {
		w := window{h.sensor, startOf(start, int64(length)*int64(time.Second)) / 1e6, length}
		if all[w] == nil {
			all[w] = &expected{of: h, age: math.MaxInt64}
		}
		return all[w]
	}
	var runs []run
	for _, n := range names {
		for _, c := range firsts(t.copies[n]) {
			if c.impossible() {
				continue
			}
			if c.batch.run.n > 0 {
				runs = append(runs, c.batch.run)
			}
			c.batch.touch(func(from, to int64) {
				for _, length := range lengths {
					step := int64(length) * int64(time.Second)
					for at := startOf(from, step); at <= to; at += step {
						e := get(at, length)
						e.age, e.boot = min(e.age, c.age), max(e.boot, n.boot)
					}
				}
			})
		}
	}
	countSamples(runs, func(start int64, n uint32) {
		for _, length := range lengths {
			get(start, length).n += n
		}
	})
}

// touch gives the times that a batch has samples and readings in, ends included.
func (b *batch) touch(f func(from, to int64)) {
	if b.run.n > 0 {
		f(b.run.first(), b.run.last())
	}
	if b.reads != [2]int64{} {
		f(b.reads[0], b.reads[1])
	}
}

// history collects what is known of a sensor.
func (v *verifier) history(t *truth, names []name) *history {
	h := &history{sensor: names[0].sensor, boots: map[uint64]*boot{}, logs: map[string]bool{}, age: math.MaxInt64}
	for _, n := range names {
		b := h.at(n.boot)
		b.have++
		b.next = max(b.next, n.seq+1)
		for _, c := range t.copies[n] {
			h.logs[c.at.log], h.age = true, min(h.age, c.age)
			if c.batch.run.n > 0 && !c.impossible() && c.age >= v.Due.Tables {
				b.seen = max(b.seen, c.batch.run.time(int(c.batch.run.n)))
			}
			if c.batch.previous > 0 && names[0].boot < n.boot { // else the log begins with this boot
				before := h.at(n.boot - 1)
				before.closed, before.next = true, max(before.next, c.batch.previous)
			}
		}
	}
	for _, rec := range t.ends[h.sensor] {
		b := h.at(rec.end.boot)
		b.closed = true
		h.ends++
		h.age = min(h.age, rec.age)
		if !rec.end.silent {
			b.next = max(b.next, rec.end.last+1)
		}
	}
	return h
}

// Waiting times of the definitions (section 3).
const (
	provisionalAfter = int64(time.Minute) // of the boot's own time past the window's end
	provisionalWait  = 15 * time.Minute   // while nothing more comes
	correctedWait    = 10 * time.Second   // of late data in a final window
)

// due reports whether a window must have been handed out. Of sets that look around it,
// that is said of sensors from which nothing more is expected.
func (v *verifier) due(set string, w window, e *expected) bool {
	end := (w.start + int64(w.length)*1000) * 1e6
	switch {
	case e.of.whole() && e.of.age >= v.Due.Tables:
		return true
	case set != live:
		return false
	case e.of.boots[e.boot].seen >= end+provisionalAfter && e.age >= v.Due.Tables:
		return true
	}
	return e.age >= provisionalWait+v.Due.Tables
}

// restated reports whether a window that was handed out must by now hold what
// came later. That of a sensor with several boots may have become unfinished
// again.
func (v *verifier) restated(set string, status byte, e *expected) bool {
	if set != live {
		return e.of.whole() && e.of.age >= correctedWait+v.Due.Tables
	}
	wait := provisionalWait
	plain := len(e.of.boots) == 1 && len(e.of.logs) == 1 && e.of.ends == 0
	if e.of.whole() || plain && status != provisional {
		wait = correctedWait
	}
	return e.age >= wait+v.Due.Tables && e.of.age >= v.Due.Tables
}

// First letters of statuses.
const (
	provisional = 'p'
	retracted   = 'r'
)

// judgeWindows holds the last row of every window against the samples, wherever
// the row was found: where it is missing is told. Where a newer version of an
// algorithm went on, its rows count. Of a set that looks around its windows, each must
// be there from the sensor's first to its last that is.
func (v *verifier) judgeWindows(t *truth, generation map[word]uint32) {
	bySet := map[string]map[window]rowKey{live: {}}
	for k := range v.rows {
		if k.table.schema != wire.RowsWindows {
			continue
		}
		set := setOf(k)
		if bySet[set] == nil {
			bySet[set] = map[window]rowKey{}
		}
		if have, ok := bySet[set][k.window]; !ok || have.before(k, generation) {
			bySet[set][k.window] = k
		}
	}
	want := v.expect(t)
	for _, set := range slices.Sorted(maps.Keys(bySet)) {
		v.r.Windows += len(bySet[set])
		v.judgeSet(set, bySet[set], want)
	}
}

// live stands for all sets that look at the window alone.
const live = "live"

// around are the sets that look beyond it and wait for what they see there.
var around = []string{"ref.v1"}

func setOf(k rowKey) string {
	if name, _, _ := strings.Cut(k.algo.Value(), "@"); slices.Contains(around, name) {
		return name
	}
	return live
}

func (v *verifier) judgeSet(set string, last map[window]rowKey, want map[window]*expected) {
	all := slices.Collect(maps.Keys(want))
	from, to := map[word]int64{}, map[word]int64{}
	for w := range last {
		if want[w] == nil {
			all = append(all, w)
		}
		if at, ok := from[w.sensor]; !ok || w.start < at {
			from[w.sensor] = w.start
		}
		to[w.sensor] = max(to[w.sensor], w.start)
	}
	slices.SortFunc(all, window.compare)
	for _, w := range all {
		s := v.rows[last[w]]
		if s != nil && s.status == retracted {
			s = nil
		}
		if at, ok := from[w.sensor]; set != live && s == nil && (!ok || w.start < at || to[w.sensor] < w.start) {
			continue // it may not have been wanted yet, or any more
		}
		v.judgeWindow(set, w, want[w], s)
	}
}

func (v *verifier) judgeWindow(set string, w window, e *expected, s *row) {
	switch {
	case (e == nil || e.n == 0) && s != nil:
		v.r.unexplained("%s has a row and no acknowledged sample", w)
	case e == nil || e.n == 0: // retracted; readings only
	case s == nil && v.due(set, w, e):
		v.r.lost(1, "%s has %d acknowledged samples and no row", w, e.n)
	case s == nil:
		v.r.explain(ClassNotDue, 1)
	case s.n == e.n:
	case !v.restated(set, s.status, e):
		v.r.explain(ClassNotDue, 1)
	case s.n > e.n:
		v.r.doubled(1, "%s has %d samples, %d are acknowledged", w, s.n, e.n)
	default:
		v.r.lost(1, "%s has %d samples, %d are acknowledged", w, s.n, e.n)
	}
}
