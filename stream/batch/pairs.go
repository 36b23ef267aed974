package batch

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/wire"
)

// Pair is what became of a left and a right recording of one person.
type Pair struct {
	Left, Right Input
	From, To    time.Time // that both recorded
	Windows     int       // in which both were worn and have coverage
	Algo        string
	Findings    []pair.Finding // of UTC days
	Err         error          // nothing of it is stored
}

// person is whose recordings may pair.
type person struct {
	mu      sync.Mutex
	waiting int // recordings that are not computed
	wrists  []*wrist
}

// wrist is a recording that was computed.
type wrist struct {
	Input
	at          int   // of its report
	origin      int64 // of its windows
	first, last int64
	sides       map[int64]*pair.Side // by start
}

// people says of each input whose it is, nil where nothing can pair: of a participant
// with one recording, and of nobody's recordings, unless it is plain before they are read
// that they are one left and one right.
func people(inputs []Input) []*person {
	type name struct{ study, participant, side string }
	of := map[name][]int{}
	for i, in := range inputs {
		n := name{in.Study, in.Participant, ""}
		if in.Participant == "" {
			n.side = in.Side
		}
		of[n] = append(of[n], i)
	}
	all := make([]*person, len(inputs))
	for n, at := range of {
		switch {
		case n.participant != "":
		case n.side == "left" && len(at) == 1 && len(of[name{n.study, "", "right"}]) == 1:
			at = append(at, of[name{n.study, "", "right"}]...)
		default:
			continue
		}
		if len(at) > 1 {
			p := &person{waiting: len(at)}
			for _, i := range at {
				all[i] = p
			}
		}
	}
	return all
}

// together is the inputs' order, with a person's one after the other: what is held of a
// recording until its person's are all computed is soon let go.
func together(all []*person) []int {
	order, first := make([]int, len(all)), map[*person]int{}
	for i, p := range all {
		if _, known := first[p]; !known {
			first[p] = i
		}
		order[i] = i
	}
	place := func(i int) int {
		if all[i] == nil {
			return i
		}
		return first[all[i]]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(place(a), place(b)) })
	return order
}

// computed takes one of a person's recordings, nil where it failed. The last one has
// all pair.
func (b *Batch) computed(p *person, w *wrist, at int, reports []Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w != nil {
		w.at = at
		p.wrists = append(p.wrists, w)
	}
	if p.waiting--; p.waiting > 0 {
		return
	}
	slices.SortFunc(p.wrists, func(a, b *wrist) int { return strings.Compare(a.Sensor, b.Sensor) })
	for _, left := range p.wrists {
		for _, right := range p.wrists {
			if left.Side == "left" && right.Side == "right" && overlap(left, right) {
				pair := b.pair(left, right)
				reports[left.at].Pairs = append(reports[left.at].Pairs, pair)
				reports[right.at].Pairs = append(reports[right.at].Pairs, pair)
			}
		}
	}
	p.wrists = nil
}

// overlap reports whether two recordings have windows in common.
func overlap(a, b *wrist) bool {
	return max(a.first, b.first) <= min(a.last, b.last) && (a.origin-b.origin)%blockLength == 0
}

// pair computes and stores the windows that begin and end within both recordings, or
// hold an end of one.
func (b *Batch) pair(left, right *wrist) *Pair {
	from, to := max(left.first, right.first), min(left.last, right.last)
	out := &Pair{Left: left.Input, Right: right.Input, From: time.Unix(0, from).UTC(), To: time.Unix(0, to).UTC(), Algo: pair.Algo()}
	rows := newPairRows(out)
	var days days
	both := map[int64]bool{}
	for _, w := range []*wrist{left, right} {
		for start := range w.sides {
			if from < start+blockLength && start <= to {
				both[start] = true
			}
		}
	}
	none, dominant := &pair.Side{}, dominantOf(left.Input, right.Input)
	for _, start := range slices.Sorted(maps.Keys(both)) {
		l, r := cmp.Or(left.sides[start], none), cmp.Or(right.sides[start], none)
		row, ok := pair.Compute(l, r, dominant)
		if !ok {
			days.put(pair.NewQuarter(start, l, r, nil))
			continue
		}
		out.Windows++
		rows.add(start, l, r, &row)
		days.put(pair.NewQuarter(start, l, r, &row))
	}
	days.close()
	out.Findings = days.findings
	out.Err = b.storePair(out, rows)
	return out
}

// dominantOf is the hand that the recordings name; that they name two is none.
func dominantOf(left, right Input) pair.Wrist {
	name := cmp.Or(left.Dominant, right.Dominant)
	if right.Dominant != "" && right.Dominant != name {
		return pair.Unknown
	}
	return map[string]pair.Wrist{"left": pair.Left, "right": pair.Right}[name]
}

// storePair stores the rows of a pair: of 15 min each, so all at once.
func (b *Batch) storePair(p *Pair, rows *pairRows) (err error) {
	of := []Input{p.Left, p.Right} // by name, so that exchanging the sides replaces what was stored
	slices.SortFunc(of, func(a, b Input) int { return strings.Compare(a.Sensor, b.Sensor) })
	set, _, _ := strings.Cut(p.Algo, "@")
	to, err := b.store.Begin(Pairs, set, of...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Abort()) }()
	if p.Windows > 0 {
		if err := to.Write([]arrow.Record{rows.Record()}); err != nil {
			return err
		}
	}
	return to.Commit()
}

// days are those of a pair, in order of time. They are UTC days: a recording does not say
// where its wearer lived.
type days struct {
	date     string
	day      pair.Day
	history  pair.History
	swapped  bool
	findings []pair.Finding
}

func (d *days) put(q pair.Quarter) {
	if date := time.Unix(0, q.Start).UTC().Format(time.DateOnly); date != d.date {
		d.close()
		d.date, d.day = date, pair.Day{}
	}
	d.day.Put(q)
}

func (d *days) close() {
	if d.date == "" {
		return
	}
	day := d.day.Close(d.date)
	d.findings = append(d.findings, day.Findings()...)
	d.history.Put(day)
	if f, yes := d.history.Swapped(); yes && !d.swapped {
		d.findings, d.swapped = append(d.findings, f), true
	}
}

// pairRows collects rows of a pair.
type pairRows struct {
	wire.PairRows
	row wire.PairRow
}

func newPairRows(p *Pair) *pairRows {
	ids := make([]string, len(pair.Features))
	for i, f := range pair.Features {
		ids[i] = f.ID
	}
	return &pairRows{wire.NewPairRows(ids), wire.PairRow{
		Study: p.Left.Study, Participant: p.Left.Participant, SensorLeft: p.Left.Sensor, SensorRight: p.Right.Sensor,
		Algo: p.Algo, Revision: 1, Status: wire.StatusFinal, Features: make([]float32, len(ids)),
	}}
}

func (p *pairRows) add(start int64, left, right *pair.Side, row *pair.Row) {
	p.row.Start = time.Unix(0, start)
	p.row.CoverageLeft, p.row.CoverageRight = float32(left.Coverage), float32(right.Coverage)
	for i, f := range pair.Features {
		p.row.Features[i] = float32(f.Value(row))
	}
	p.Append(&p.row)
}
