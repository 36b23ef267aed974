package window

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestIntervalsEqualASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s Intervals
		set := map[uint64]bool{}
		for range 60 {
			from := rng.Uint64N(50)
			to := from + rng.Uint64N(8)
			add := rng.IntN(3) > 0
			for v := from; v < to; v++ {
				set[v] = add
			}
			if add {
				s.Add(from, to)
			} else {
				s.Remove(from, to)
			}
		}
		for v := range uint64(60) {
			if s.Has(v) != set[v] {
				t.Fatalf("%v: has %d is %v", s, v, s.Has(v))
			}
			next, ok := s.Next(v)
			want := v
			for want < 60 && !set[want] {
				want++
			}
			if ok != (want < 60) || ok && next != want {
				t.Fatalf("%v: next of %d is %d %v", s, v, next, ok)
			}
			end := v
			for set[end] {
				end++
			}
			if s.End(v) != end {
				t.Fatalf("%v: end of %d is %d, want %d", s, v, s.End(v), end)
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i-1].To >= s[i].From {
				t.Fatalf("%v: neighbours are not merged", s)
			}
		}
	}
}

func TestLedgerEqualsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	l, want := NewLedger(), map[Key]Entry{}
	state := map[blockKey][]byte{}
	for range 4000 {
		length := []time.Duration{5 * time.Second, time.Minute, 15 * time.Minute}[rng.IntN(3)]
		k := At(length, rng.Int64N(int64(5*time.Hour))-int64(2*time.Hour))
		e := Entry{State(1 + rng.IntN(3)), rng.Uint32N(4)}
		l.Set(k, e)
		want[k] = e
		if rng.IntN(100) == 0 { // as a restart does
			_ = l.Changes(func(length time.Duration, block int64, v []byte) error {
				state[blockKey{length, block}] = slices.Clone(v)
				return nil
			})
			l = NewLedger()
			for bk, v := range state {
				if err := l.Restore(bk.length, bk.block, v); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	open := 0
	for k, e := range want {
		if got := l.Get(k); got != e {
			t.Fatalf("%v is %v, want %v", k, got, e)
		}
		if e.State == Provisional {
			open++
		}
	}
	if got := len(l.Open(MaxTime)); got != open {
		t.Errorf("%d open windows, want %d", got, open)
	}
	var all []Key
	for from := int64(-1 << 62); from < 1<<62; {
		keys, next := l.HandedOut(from, 1<<62, 100)
		all, from = append(all, keys...), next
	}
	if len(all) != len(want) {
		t.Errorf("handed out %d windows, want %d", len(all), len(want))
	}
}

func TestAtIsOnTheGridOnBothSidesOf1970(t *testing.T) {
	for _, at := range []int64{0, 1, -1, 4_999_999_999, 5_000_000_000, -5_000_000_000, -5_000_000_001} {
		k := At(5*time.Second, at)
		if k.Start%int64(k.Length) != 0 || at < k.Start || k.End() <= at {
			t.Errorf("%d is in %v", at, k)
		}
	}
}

func FuzzLedgerRestore(f *testing.F) {
	f.Add([]byte{6, 1, 8})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, value []byte) {
		l := NewLedger()
		if l.Restore(time.Minute, 3, value) != nil {
			return
		}
		k := Key{Length: time.Minute, Start: 3 * int64(time.Hour)}
		l.Set(k, Entry{Final, 9})
		if l.Get(k) != (Entry{Final, 9}) {
			t.Fatal("what was set is not there")
		}
	})
}
