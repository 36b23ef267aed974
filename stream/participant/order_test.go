package participant

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/wire"
)

// word is one row of either kind, of a sensor.
type word struct {
	side   *wire.SideRow
	minute *wire.WearRow
}

func (b *bench) speak(words ...word) {
	for _, w := range words {
		if w.side != nil {
			b.sides(*w.side)
		} else {
			b.minutes(*w.minute)
		}
	}
}

// life is what a sensor's rows say in their order: provisional, then final, then now and
// then corrected; it may be given away.
func life(r *rand.Rand, s sensor, quarters int, corrections bool) (words []word) {
	for q := range quarters {
		say := func(w wire.SideRow) { words = append(words, word{side: &w}) }
		version := 0
		say(s.quarter(q, version, provisional))
		for pass, status := range []string{provisional, final, corrected} {
			if pass == 2 && (!corrections || r.IntN(2) == 0) {
				break
			}
			if r.IntN(2) == 0 && (pass == 1 || corrections) {
				version++
			}
			states := []byte(allWorn)
			for k := range states {
				if r.IntN(10) == 0 {
					states[k] = "on w"[r.IntN(4)]
				}
				if pass == 1 && states[k] == ' ' {
					states[k] = 'n'
				}
			}
			for _, m := range s.worn(q, status, string(states)) {
				words = append(words, word{minute: &m})
			}
			if pass > 0 {
				say(s.quarter(q, version, status))
			}
		}
		if corrections && r.IntN(8) == 0 {
			say(s.quarter(q, 0, retracted))
		}
	}
	return words
}

// shuffle lays the words of sensors over each other, each one's in their order.
func shuffle(r *rand.Rand, lives ...[]word) (all []word) {
	next := make([]int, len(lives))
	for {
		var open []int
		for i, life := range lives {
			if next[i] < len(life) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return all
		}
		i := open[r.IntN(len(open))]
		for n := 1 + r.IntN(20); n > 0 && next[i] < len(lives[i]); n-- {
			all = append(all, lives[i][next[i]])
			next[i]++
		}
	}
}

// known is what the last words say, kept in the plainest way.
type known struct {
	sides   map[string]wire.SideRow // by sensor and quarter, those that were not retracted
	minutes map[string]map[int]wire.WearRow
}

func know(words []word) known {
	k := known{map[string]wire.SideRow{}, map[string]map[int]wire.WearRow{}}
	for _, w := range words {
		if w.side != nil {
			name := w.side.Sensor + w.side.Start.Format("02T15:04")
			delete(k.sides, name)
			if w.side.Status != retracted {
				k.sides[name] = *w.side
			}
			continue
		}
		name := w.minute.Sensor + w.minute.Start.Truncate(pair.Length).Format("02T15:04")
		if k.minutes[name] == nil {
			k.minutes[name] = map[int]wire.WearRow{}
		}
		k.minutes[name][w.minute.Start.Minute()%15] = *w.minute
	}
	return k
}

// wanted is what must be said of a pair in the end.
type wanted struct {
	bytes   string
	settled bool // not provisional
}

// pairs are those that must be said, by id.
func (k known) pairs(t *testing.T) map[string]wanted {
	all := map[string]wanted{}
	for a, l := range k.sides {
		for z, r := range k.sides {
			if l.Participant != r.Participant || l.Side != "left" || r.Side != "right" || !l.Start.Equal(r.Start) {
				continue
			}
			whole, settled := true, l.Status != provisional && r.Status != provisional
			var sides [2]*pair.Side
			for i, s := range []wire.SideRow{l, r} {
				var err error
				if sides[i], err = pair.ParseSide(s.Epochs); err != nil {
					t.Fatal(err)
				}
				sides[i].Coverage = float64(s.Coverage)
				minutes := k.minutes[[2]string{a, z}[i]]
				whole = whole && len(minutes) == 15
				for m, w := range minutes {
					settled = settled && w.Status != provisional
					if w.State == "WEAR" {
						sides[i].Worn |= 1 << m
					}
				}
			}
			row, ok := pair.Compute(sides[0], sides[1], pair.Unknown)
			if !ok || !whole && !settled {
				continue
			}
			value := wanted{settled: settled}
			for _, v := range []float32{l.Coverage, r.Coverage} {
				value.bytes += fmt.Sprintf("%08x", math.Float32bits(v))
			}
			for _, f := range pair.Features {
				if v := f.Value(&row); v == v {
					value.bytes += fmt.Sprintf("%08x", math.Float32bits(float32(v)))
				} else {
					value.bytes += "-"
				}
			}
			all[fmt.Sprintf("%s %s %s~%s", l.Participant, l.Start.Format("02T15:04"), l.Sensor, r.Sensor)] = value
		}
	}
	return all
}

// grammar checks how rows follow each other, and answers the last of each pair that is
// not retracted.
func grammar(t *testing.T, rows []row) map[string]row {
	t.Helper()
	last := map[string]row{}
	settled := map[string]bool{}
	for _, r := range rows {
		was, known := last[r.id()]
		good := map[string]bool{
			provisional: !settled[r.id()] && was.status != final,
			final:       !settled[r.id()],
			corrected:   settled[r.id()],
			retracted:   known && was.status != retracted,
		}[r.status]
		if !good || r.revision != was.revision+1 || was.bytes == r.bytes && !(was.status == provisional && r.status == final) {
			t.Errorf("%v after %v", r, was)
		}
		last[r.id()] = r
		settled[r.id()] = settled[r.id()] || r.status == final
	}
	maps.DeleteFunc(last, func(_ string, r row) bool { return r.status == retracted })
	return last
}

// TestAnyOrder: however the words of sensors lie over each other, in whatever records and
// transactions, the last rows are those that the last words make.
func TestAnyOrder(t *testing.T) {
	said := 0
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 1))
		corrections := seed%2 == 1
		lives := [][]word{life(r, left, 3, corrections), life(r, right, 3, corrections)}
		if seed%4 == 3 {
			lives = append(lives, life(r, sensor{"k", "P1", "left"}, 3, true), life(r, sensor{"x", "P2", "right"}, 3, true))
		}
		for range 3 {
			words := shuffle(r, lives...)
			b := newBench(t)
			for _, w := range words {
				b.speak(w)
				if r.IntN(15) == 0 {
					b.Commit()
				}
				if r.IntN(100) == 0 {
					b.Commit()
					b.Restart()
				}
			}
			got, want := grammar(t, b.take()), know(words).pairs(t)
			for id, w := range want {
				if g := got[id]; g.bytes != w.bytes || w.settled == (g.status == provisional) {
					t.Errorf("seed %d: %s is %v %s, want settled %t, %s", seed, id, g, g.bytes, w.settled, w.bytes)
				}
			}
			if len(got) != len(want) {
				t.Errorf("seed %d: %d pairs, want %d: %v", seed, len(got), len(want), got)
			}
			said += len(got)
		}
	}
	if said < 80 {
		t.Errorf("%d pairs", said)
	}
	t.Logf("%d pairs were said in the end", said)
}

// TestContinue: wherever a transaction ends, is given up or is cut off by the process's
// end, the rows are the same.
func TestContinue(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	words := shuffle(r, life(r, left, 4, true), life(r, right, 4, true), life(r, sensor{"k", "P2", "left"}, 4, true), life(r, sensor{"x", "P2", "right"}, 4, true))
	steps := func(b *bench) []func() {
		var all []func()
		for i, w := range words {
			all = append(all, func() { b.speak(w) })
			if i%50 == 20 {
				all = append(all, func() {
					b.tick(i%2, origin.AddDate(0, 0, i/50))
				})
			}
		}
		return all
	}
	plain := newBench(t)
	for _, step := range steps(plain) {
		step()
	}
	want := plain.take()
	if len(want) < 20 {
		t.Fatalf("%d rows", len(want))
	}
	for how := 1; how <= 3; how++ {
		b := newBench(t)
		for _, step := range steps(b) {
			b.rough(how, step)
			b.Commit()
		}
		if got := b.take(); !slices.Equal(got, want) {
			t.Errorf("way %d: %d rows are not the %d that they are", how, len(got), len(want))
		}
		if !maps.EqualFunc(b.State, plain.State, slices.Equal) {
			t.Errorf("way %d: the state is another", how)
		}
	}
}

// rough does work, which goes wrong in a way, and again.
func (b *bench) rough(how int, work func()) {
	rows, ticks, log, state := len(b.rows), len(b.ticks), len(b.Records), maps.Clone(b.State)
	work()
	switch how {
	case 1: // the log said no
		b.Flush()
		b.Op.Rollback()
	case 2: // the partition was taken away
		b.Op.Rollback()
	case 3: // the process was killed
		b.State = state
		b.Restart()
	}
	b.State, b.rows, b.ticks, b.Records = state, b.rows[:rows], b.ticks[:ticks], b.Records[:log]
	work()
}
