package window

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestIntervalsEqualASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s Intervals
		set := map[uint64]bool{}
		top := uint64(0)
		for range rng.IntN(20) {
			from := rng.Uint64N(50)
			to := from + rng.Uint64N(8)
			for v := from; v < to; v++ {
				set[v], top = true, max(top, v+1)
			}
			s.Add(from, to)
		}
		if s.Top() != top {
			t.Fatalf("%v: top is %d, want %d", s, s.Top(), top)
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
			end, begin := v, v
			for set[end] {
				end++
			}
			for set[v] && begin > 0 && set[begin-1] {
				begin--
			}
			if s.End(v) != end || s.Begin(v) != begin {
				t.Fatalf("%v: %d is in %d..%d, want %d..%d", s, v, s.Begin(v), s.End(v), begin, end)
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i-1].To >= s[i].From {
				t.Fatalf("%v: neighbours are not merged", s)
			}
		}
	}
}

func TestPagesEqualAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pages, want := map[PageKey]Page{}, map[Key]Entry{}
	for range 8000 {
		length := []time.Duration{5 * time.Second, time.Minute, 15 * time.Minute}[rng.IntN(3)]
		k := At(length, rng.Int64N(int64(5*time.Hour))-int64(2*time.Hour))
		e := Entry{State(rng.IntN(4)), rng.Uint32N(4)}
		if e.State == None {
			e.Revision = 0
		}
		p, i := Locate(k)
		if k.Start < p.Start() || p.End() < k.End() || p.Window(i) != k {
			t.Fatalf("%v is not at %d of %v", k, i, p)
		}
		pages[p] = pages[p].Set(i, e)
		want[k] = e
	}
	for k, e := range want {
		p, i := Locate(k)
		if got := pages[p].Get(i); got != e {
			t.Fatalf("%v is %v, want %v", k, got, e)
		}
	}
	for k, p := range pages {
		if again, err := ParsePage(k, []byte(p)); err != nil || again != p {
			t.Fatalf("page %q: %v", p, err)
		}
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

func FuzzPage(f *testing.F) {
	f.Add([]byte{6, 1, 8}, 3)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, 0)
	f.Add([]byte(Page("").Set(59, Entry{Final, 1 << 31}).Set(7, Entry{Provisional, 1})), 59)
	f.Fuzz(func(t *testing.T, value []byte, at int) {
		p, err := ParsePage(PageKey{time.Minute, 3}, value)
		if err != nil || at < 0 || at >= 60 {
			return
		}
		var was [60]Entry
		for i := range was {
			was[i] = p.Get(i)
		}
		if p.Set(at, was[at]) != p && at < total(p) {
			t.Fatalf("%q and the same is %q", p, p.Set(at, was[at]))
		}
		was[at] = Entry{Final, 9}
		p = p.Set(at, was[at])
		for i, e := range was {
			if p.Get(i) != e {
				t.Fatalf("%d is %v, want %v", i, p.Get(i), e)
			}
		}
		if _, err := ParsePage(PageKey{time.Minute, 3}, []byte(p)); err != nil {
			t.Fatal(err)
		}
	})
}

func total(p Page) (n int) {
	for run := range p.Runs() {
		n += run
	}
	return n
}
