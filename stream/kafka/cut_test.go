package kafka

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rec is a record at an offset, so many seconds after epoch.
func rec(offset int64, seconds float64, size int, tick bool) stream.Record {
	r := stream.Record{Topic: "t", Offset: offset, AppendTime: epoch.Add(time.Duration(seconds * float64(time.Second))), Value: make([]byte, size)}
	if tick {
		r.Headers = []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}
	}
	return r
}

func cutAll(c *Cutter, records []stream.Record) (cuts []stream.Cut) {
	for _, r := range records {
		c.Push(r)
	}
	for cut, ok := c.Next(); ok; cut, ok = c.Next() {
		cuts = append(cuts, cut)
	}
	return cuts
}

func ranges(cuts []stream.Cut) (rs [][3]int64) {
	for _, c := range cuts {
		rs = append(rs, [3]int64{c.First, c.Next, int64(len(c.Records))})
	}
	return rs
}

func TestCutterEnds(t *testing.T) {
	limits := Limits{Records: 4, Bytes: 100, Age: 10 * time.Second, IdleAge: time.Minute}
	for _, c := range []struct {
		name    string
		first   int64
		records []stream.Record
		want    [][3]int64
	}{
		{"records", 0, []stream.Record{rec(0, 0, 1, false), rec(1, 0, 1, false), rec(2, 0, 1, true), rec(3, 0, 1, false)}, [][3]int64{{0, 4, 4}}},
		{"one short", 0, []stream.Record{rec(0, 0, 1, false), rec(1, 0, 1, false), rec(2, 0, 1, false)}, nil},
		{"bytes", 0, []stream.Record{rec(0, 0, 99, false), rec(1, 0, 1, false)}, [][3]int64{{0, 2, 2}}},
		{"one large record", 0, []stream.Record{rec(0, 0, 1000, false)}, [][3]int64{{0, 1, 1}}},
		{"age, by the next record", 0, []stream.Record{rec(0, 0, 1, false), rec(1, 9.999, 1, false), rec(2, 10, 1, true)}, [][3]int64{{0, 2, 2}}},
		{"age counts from the first that is no tick", 0, []stream.Record{rec(0, 0, 1, true), rec(1, 20, 1, false), rec(2, 29, 1, true), rec(3, 30, 1, true)}, [][3]int64{{0, 3, 3}}},
		{"ticks only", 0, []stream.Record{rec(0, 0, 1, true), rec(1, 59, 1, true), rec(2, 60, 1, true)}, [][3]int64{{0, 2, 2}}},
		{"ticks only, ended by data", 0, []stream.Record{rec(0, 0, 1, true), rec(1, 60, 1, false)}, [][3]int64{{0, 1, 1}}},
		{"gaps in front belong to the range that follows", 5, []stream.Record{rec(9, 0, 100, false), rec(12, 0, 100, false)}, [][3]int64{{5, 10, 1}, {10, 13, 1}}},
		{"a clock put back a little", 0, []stream.Record{rec(0, 5, 1, false), rec(1, 3, 1, false), rec(2, 12.9, 1, false), rec(3, 13, 1, false)}, [][3]int64{{0, 3, 3}}},
		{"a clock put back by years", 0, []stream.Record{rec(0, 1e8, 1, false), rec(1, 0, 1, false), rec(2, 1, 1, false), rec(3, 10, 1, false)}, [][3]int64{{0, 1, 1}, {1, 3, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ranges(cutAll(NewCutter(stream.Range{First: c.first}, limits), c.records)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("cuts %v, want %v", got, c.want)
			}
		})
	}
}

// byDefinition cuts a log whose clock never goes back, read off the definition.
func byDefinition(first int64, l Limits, log []stream.Record) (cuts [][3]int64) {
	for len(log) > 0 {
		n, bytes := 0, 0
		var data, idle *time.Time
		for ended := false; !ended; {
			if n == len(log) {
				return cuts
			}
			at := log[n].AppendTime
			switch {
			case data != nil:
				ended = !at.Before(data.Add(l.Age))
			case idle != nil:
				ended = !at.Before(idle.Add(l.IdleAge))
			}
			if ended {
				break
			}
			if idle == nil {
				idle = &at
			}
			if data == nil && len(log[n].Headers) == 0 {
				data = &at
			}
			bytes += len(log[n].Key) + len(log[n].Value)
			n++
			ended = n == l.Records || bytes >= l.Bytes
		}
		next := log[n-1].Offset + 1
		cuts = append(cuts, [3]int64{first, next, int64(n)})
		first, log = next, log[n:]
	}
	return cuts
}

// However the records arrive, wherever the reader starts again, and with whatever
// limits an intent is made again, the cuts are the same and tile the log.
func TestCutterIsAFunctionOfTheLog(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var log []stream.Record
		offset, at := int64(rng.IntN(10)), 0.0
		forward := seed%2 == 0
		for range rng.IntN(400) {
			offset += 1 + int64(rng.IntN(3))*int64(rng.IntN(2))
			at += rng.Float64() * 4
			if !forward && rng.IntN(20) == 0 {
				at -= rng.Float64() * 1000
			}
			log = append(log, rec(offset, at, rng.IntN(40), rng.IntN(3) == 0))
		}
		limits := Limits{1 + rng.IntN(40), 1 + rng.IntN(600), time.Duration(1+rng.IntN(60)) * time.Second, time.Duration(1+rng.IntN(120)) * time.Second}
		first := int64(rng.IntN(5))
		if len(log) > 0 {
			first = min(first, log[0].Offset)
		}
		want := cutAll(NewCutter(stream.Range{First: first}, limits), log)
		if def := byDefinition(first, limits, log); forward && !reflect.DeepEqual(ranges(want), def) {
			t.Fatalf("seed %d: cuts %v, by definition %v", seed, ranges(want), def)
		}
		tiles(t, first, want, log)

		// One after the other; the reader dies now and then, before or after the
		// intent of the cut that it holds is known.
		var got []stream.Cut
		c := NewCutter(stream.Range{First: first}, limits)
		for i := 0; i < len(log); {
			c.Push(log[i])
			i++
			if rng.IntN(3) > 0 {
				continue // as in one fetch
			}
			for cut, ok := c.Next(); ok; cut, ok = c.Next() {
				if rng.IntN(4) > 0 {
					got = append(got, cut)
					continue
				}
				if rng.IntN(2) == 0 {
					c = NewCutter(stream.Range{First: cut.First}, limits)
				} else {
					c = NewCutter(stream.Range{First: cut.First}, Limits{1, 1, 1, 1})
					c.Until(cut.Next)
					c.limits = limits
				}
				for i = 0; i < len(log) && log[i].Offset < cut.First; i++ {
				}
				break
			}
		}
		for cut, ok := c.Next(); ok; cut, ok = c.Next() {
			got = append(got, cut)
		}
		if !reflect.DeepEqual(ranges(got), ranges(want)) {
			t.Fatalf("seed %d: cuts %v, want %v", seed, ranges(got), ranges(want))
		}
		for i := range got {
			if digest(got[i].Records) != digest(want[i].Records) {
				t.Fatalf("seed %d: cut %d holds other records", seed, i)
			}
		}
	}
}

// tiles checks that cuts follow each other from first on and hold the records of
// the log.
func tiles(t *testing.T, first int64, cuts []stream.Cut, log []stream.Record) {
	t.Helper()
	i := 0
	for _, c := range cuts {
		if c.First != first || c.Next <= c.First || len(c.Records) == 0 {
			t.Fatalf("cut [%d,%d) of %d records where one from %d on was due", c.First, c.Next, len(c.Records), first)
		}
		for _, r := range c.Records {
			if r.Offset != log[i].Offset || r.Offset < c.First || r.Offset >= c.Next {
				t.Fatalf("cut [%d,%d) holds offset %d where %d was due", c.First, c.Next, r.Offset, log[i].Offset)
			}
			i++
		}
		first = c.Next
	}
}

func TestCutterAgain(t *testing.T) {
	var log []stream.Record
	for i := range int64(20) {
		log = append(log, rec(2*i, 0, 1, false))
	}
	for _, next := range []int64{3, 7, 9, 25} { // shorter, the same, one more, beyond what is here
		c := NewCutter(stream.Range{}, Limits{4, 100, time.Second, time.Second})
		for _, r := range log[:6] {
			c.Push(r)
		}
		cut, _ := c.Next()
		c.Again(cut, next)
		cuts := cutAll(c, log[6:])
		if cuts[0].First != 0 || cuts[0].Next != next {
			t.Fatalf("cut again [%d,%d), want [0,%d)", cuts[0].First, cuts[0].Next, next)
		}
		tiles(t, 0, cuts, log)
		if n := len(cuts[1].Records); n != 4 {
			t.Errorf("the cut after it holds %d records", n)
		}
	}
}

func TestDigest(t *testing.T) {
	base := func() []stream.Record {
		return []stream.Record{{Offset: 1, AppendTime: epoch, Key: []byte("ab"), Value: []byte("c"), Headers: []stream.Header{{Key: "k", Value: []byte("v")}}}, {Offset: 2}}
	}
	seen := map[string]int{digest(base()): -1}
	for i, change := range []func(r []stream.Record) []stream.Record{
		func(r []stream.Record) []stream.Record { return r[:1] },
		func(r []stream.Record) []stream.Record { r[1].Offset = 3; return r },
		func(r []stream.Record) []stream.Record { r[0].AppendTime = epoch.Add(time.Millisecond); return r },
		func(r []stream.Record) []stream.Record { r[0].Key, r[0].Value = []byte("a"), []byte("bc"); return r },
		func(r []stream.Record) []stream.Record { r[0].Headers[0].Value = nil; return r },
		func(r []stream.Record) []stream.Record { r[0].Headers = nil; return r },
	} {
		d := digest(change(base()))
		if j, ok := seen[d]; ok {
			t.Errorf("changes %d and %d have the same digest", i, j)
		}
		seen[d] = i
	}
	if d := digest(base()); len(d) != 16 || seen[d] != -1 {
		t.Errorf("digest %q", d)
	}
}

func FuzzMark(f *testing.F) {
	for _, s := range []string{`{"log":"ab","next":7,"n":2,"h":"0123456789abcdef"}`, `{"log":"ab"}`, `{"log":"ab","next":1}`, ``, `member-1`, `{}`, `[]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := decodeMark(3, s)
		if err != nil {
			return
		}
		if m.Log == "" || m.Next != 0 && m.Next <= 3 {
			t.Fatalf("%q passed as %+v", s, m)
		}
		out, err := m.encode()
		if err != nil {
			if len(s) <= maxMark/6 { // JSON may escape a byte with six
				t.Fatalf("encode %+v: %v", m, err)
			}
			return
		}
		if again, err := decodeMark(3, out); err != nil || again != m {
			t.Fatalf("%+v became %q, then %+v, %v", m, out, again, err)
		}
	})
}

func TestMarkIsBounded(t *testing.T) {
	m := mark{Log: stream.LogID(make([]byte, maxMark))}
	if s, err := m.encode(); err == nil {
		t.Fatalf("encoded %d bytes", len(s))
	}
}
