package window

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/stream/wire"
)

// evidence is something that a device says: a batch, or an end where batch is nil.
type evidence struct {
	batch *wire.SampleBatch
	boot  uint64
	next  uint64
}

func (e evidence) tell(s *Sequence, ends map[[2]uint64]int64, now int64) {
	if e.batch == nil {
		s.End(e.boot, e.next, now)
	} else {
		s.Add(e.batch, ends[[2]uint64{e.batch.Boot, e.batch.Seq}], now)
	}
	s.Advance(func(boot, from, to uint64) (int64, bool) {
		for seq := to; seq > from; seq-- {
			if end, ok := ends[[2]uint64{boot, seq - 1}]; ok && end != MinTime {
				return end, true
			}
		}
		return 0, false
	}, now)
}

func randomEvidence(rng *rand.Rand) (all []evidence, ends map[[2]uint64]int64) {
	ends = map[[2]uint64]int64{}
	for boot := uint64(1); boot < 6; boot++ {
		if rng.IntN(4) == 0 {
			continue
		}
		n := uint64(rng.IntN(12))
		for seq := range n {
			ends[[2]uint64{boot, seq}] = rng.Int64N(100)
			if rng.IntN(9) == 0 {
				ends[[2]uint64{boot, seq}] = MinTime
			}
			b := &wire.SampleBatch{Boot: boot, Seq: seq}
			if rng.IntN(9) == 0 {
				b.OldestSeqHeld = wire.Some(rng.Uint64N(14))
			}
			if rng.IntN(9) == 0 {
				b.PrevBootLastSeq = wire.Some(rng.Uint64N(12))
			}
			if rng.IntN(7) > 0 {
				all = append(all, evidence{batch: b})
			}
		}
		if rng.IntN(2) == 0 {
			all = append(all, evidence{boot: boot, next: rng.Uint64N(14)})
		}
	}
	return all, ends
}

// What is known does not depend on the order in which it was told.
func TestRunIsAFunctionOfTheEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for round := range 3000 {
		all, ends := randomEvidence(rng)
		var want, got Sequence
		for _, e := range all {
			e.tell(&want, ends, 0)
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i, e := range all {
			got.Commit()
			before := got.Clone()
			snapshot := fmt.Sprint(before)
			e.tell(&got, ends, 0)
			if i%3 == 0 { // it is taken back and told again
				if fmt.Sprint(before) != snapshot {
					t.Fatalf("round %d: what followed changed the clone: %v, was %s", round, before, snapshot)
				}
				got = before
				e.tell(&got, ends, 0)
			}
		}
		got.Commit()
		want.Commit()
		if got.Run != want.Run || !slices.EqualFunc(got.Boots, want.Boots, func(a, b Boot) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("round %d:\n got %+v\nwant %+v", round, got, want)
		}
		if (len(got.Waits) > 0) != got.Waiting() {
			t.Fatalf("round %d: waits %v, waiting %v", round, got.Waits, got.Waiting())
		}
	}
}

// However many holes there are, giving them up one by one comes to an end, behind
// everything.
func TestAssumeEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	for round := range 2000 {
		all, ends := randomEvidence(rng)
		if len(all) == 0 {
			continue
		}
		var s Sequence
		for _, e := range all {
			e.tell(&s, ends, int64(1+rng.IntN(5))*3600e9)
		}
		steps := 0
		for ; s.Due(6 * 3600e9); steps++ {
			if steps > 100 {
				t.Fatalf("round %d: %+v", round, s)
			}
			s.Assume()
			s.Advance(func(uint64, uint64, uint64) (int64, bool) { return 0, false }, 7*3600e9)
		}
		last := s.Boots[len(s.Boots)-1]
		if s.Waiting() || s.Run.Boot != last.Number || s.Run.Seq < last.Got.Top() {
			t.Fatalf("round %d: %+v", round, s)
		}
	}
}

func TestAHoleWaitsForItsOwnTime(t *testing.T) {
	const hour = int64(3600e9)
	var s Sequence
	tell := func(seq uint64, now int64) {
		evidence{batch: &wire.SampleBatch{Boot: 1, Seq: seq}}.tell(&s, map[[2]uint64]int64{}, now)
	}
	tell(0, 1*hour)
	tell(2, 2*hour)
	tell(3, 3*hour)
	tell(5, 4*hour)
	tell(4, 5*hour)
	tell(9, 6*hour)
	tell(7, 7*hour)
	for _, c := range []struct{ since, seq uint64 }{{2, 1}, {6, 6}, {6, 8}} {
		if s.Run.Seq != c.seq || s.Due(int64(c.since)*hour-1) || !s.Due(int64(c.since)*hour) {
			t.Errorf("the run stands at %d with %v, want %d since hour %d", s.Run.Seq, s.Waits, c.seq, c.since)
		}
		s.Assume()
		s.Advance(func(uint64, uint64, uint64) (int64, bool) { return 0, false }, 8*hour)
	}
	if s.Waiting() || s.Run.Seq != 10 {
		t.Errorf("%+v", s)
	}
}
