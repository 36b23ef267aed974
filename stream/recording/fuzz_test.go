package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wearstream/wearstream/stream/wire"
)

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0.015625", "1644226061.03125", "1e-5", "+.5", "5.", "0.0000005", "0.0000015", "-2.5e0", "999999999999999999999", "1e99", ".", "", "-", "1e", "0.00000049999999999999999999", "123456789012345678901e-5", "1700000000.019999981", "9223372036854.7758075", "-9223372036854.775808", "0.5e-6", "9999999999999999999e-19", "5000000000000000000.1e-25"} {
		f.Add(s, 6)
	}
	f.Fuzz(func(t *testing.T, s string, scale int) {
		if scale < 0 || scale > 9 || len(s) > 60 {
			return
		}
		got, _, ok := decimal([]byte(s), scale)
		if strings.ContainsAny(s, "/_xXbBoOpPiInN") || strings.Contains(strings.ToLower(s), "e") && len(s) > 40 {
			if ok && strings.ContainsAny(s, "/_xXbBoOpPiInN") {
				t.Fatalf("%q is %d", s, got)
			}
			return
		}
		if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
			return // big.Rat would take its time
		}
		want, valid := new(big.Rat).SetString(s)
		if !valid {
			if ok {
				t.Fatalf("%q is no number but %d", s, got)
			}
			return
		}
		want.Mul(want, new(big.Rat).SetInt64(pow10[scale]))
		if !ok {
			if n := halfEven(want); n.IsInt64() {
				t.Fatalf("%q is not read", s)
			}
			return
		}
		if n := halfEven(want); !n.IsInt64() || n.Int64() != got {
			t.Fatalf("%q times 10^%d is %d, want %s", s, scale, got, n)
		}
	})
}

func halfEven(r *big.Rat) *big.Int {
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	switch c := m.Lsh(m, 1).Cmp(r.Denom()); {
	case c > 0, c == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(1))
	}
	return q
}

// FuzzCSV: whatever a file holds, what is answered are valid batches that have
// each of its good rows once and in order, within the tolerance of its time.
func FuzzCSV(f *testing.F) {
	f.Add([]byte(rowsAt(append(count(0, 20), count(40, 60)...), func(i int) string { return "30.5" }))[len(csvHeader)+1:], 0.0, 4)
	f.Add([]byte("1000,0,0,1,\n1001,0.1,0,1,20\n1002,0,0,1,21\n"), 1.0, 1)
	f.Add([]byte("0,0,0,1,\n0.000000001,0.1,0,1,20\n7000000000,0,0,1,21\n5,5,5,5,5"), 1000.0, 0)
	f.Fuzz(func(t *testing.T, rows []byte, rate float64, every int) {
		if every < 0 || rate != 0 && !(rate >= 1 && rate <= 1000) {
			return
		}
		src := &canonical{memory("a.csv", append([]byte(csvHeader+"\n"), rows...))}
		r, err := scan("a.csv", src, Options{RateHz: rate, TempEvery: every})
		if err != nil {
			return
		}
		valid(t, r)
	})
}

// rowwise hands out the rows of a source one by one.
type rowwise struct{ source }

func (s rowwise) rows(workers int, yield func(*rows) bool) (Damage, error) {
	return s.source.rows(workers, func(r *rows) bool {
		for i := range r.t {
			one := rows{t: r.t[i : i+1], xyz: r.xyz[3*i : 3*i+3], temp: r.temp[i : i+1], places: r.places}
			if !yield(&one) {
				return false
			}
		}
		return true
	})
}

// FuzzOnce: wherever a file's beginning ends, reading it once gives what looking through
// it first does, or says that it is to be read again: only if its beginning does not
// say what all of it does.
func FuzzOnce(f *testing.F) {
	f.Add([]byte("1000,0,0,1,\n1000.5,0.015625,0,1,20\n1001.25,0,0.003906,1,21\n1002,0,0,0.1,21\n"), 1, uint32(0))
	f.Add([]byte("1000,0,0,1,\n1001,0,0,2,\n1002,0,0,1,\n"), 1, uint32(0))
	f.Add([]byte("1000,0,0,0.000488,\n1001,0,0,17,\nx\n1002.0000001,0,0,1,\n"), 0, uint32(0))
	f.Add([]byte("1000,0,0,0.5,\n1001,0,0,1,\n1002,0,0,0.015625,\n1003,0,0,0.1,\n"), 2, uint32(64))
	f.Fuzz(func(t *testing.T, text []byte, n int, lsb uint32) {
		o := Options{RateHz: 1, LSBPerG: lsb}
		if n < 0 || o.Validate() != nil {
			return
		}
		src := rowwise{&canonical{memory("a.csv", append([]byte(csvHeader+"\n"), text...))}}
		want, wantErr := scan("a.csv", src, o)
		r, err := begin("a.csv", src, o, n)
		var got []*wire.SampleBatch
		if err == nil {
			for b, fault := range r.Batches() {
				if err = fault; b != nil {
					got = append(got, b)
				}
			}
		}
		switch again := errors.Is(err, ErrAgain); {
		case wantErr != nil:
			if err == nil || again || !strings.HasSuffix(err.Error(), wantErr.Error()) {
				t.Fatalf("%v, want %v", err, wantErr)
			}
			return
		case again:
			if r.tol == want.tol && r.coarse == want.coarse && r.LSBPerG == want.LSBPerG && r.RangeMG == want.RangeMG {
				t.Fatal("read again for nothing")
			}
		case err != nil:
			t.Fatal(err)
		default:
			var all []*wire.SampleBatch
			for b := range want.Batches() {
				all = append(all, b)
			}
			if !reflect.DeepEqual(got, all) {
				t.Fatalf("%d batches, want %d", len(got), len(all))
			}
		}
		whole := *r.Whole()
		if whole.src, want.src = nil, nil; !reflect.DeepEqual(whole, *want) {
			t.Fatalf("%+v, want %+v", whole, *want)
		}
	})
}

// FuzzE4 is FuzzCSV for an export.
func FuzzE4(f *testing.F) {
	f.Add([]byte("1000.0, 1000.0, 1000.0\n32.0, 32.0, 32.0\n1,2,3\n4,5,6\n"), []byte("1000.0\n4.0\n20.0\n"))
	f.Add([]byte("1000\n32\n1,2,3\nx\n\n4,5,6"), []byte("999.9\n32\n20.0\n\n21\n22\n"))
	f.Fuzz(func(t *testing.T, acc, temp []byte) {
		src, err := findE4("x", fstest.MapFS{"ACC.csv": {Data: acc}, "TEMP.csv": {Data: temp}})
		if err != nil {
			return
		}
		r, err := scan("x", src, Options{})
		if err != nil {
			return
		}
		valid(t, r)
	})
}

func memory(name string, b []byte) file {
	return file{name: name, open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// sample is one of rows.
type sample struct {
	t, tempT      int64
	x, y, z, temp int32
}

func samples(t testing.TB, src source) (list []sample) {
	t.Helper()
	_, err := src.rows(1, func(r *rows) bool {
		for i, at := range r.t {
			s := sample{at, at, r.xyz[3*i], r.xyz[3*i+1], r.xyz[3*i+2], r.temp[i]}
			if len(r.tempT) > 0 {
				s.tempT = r.tempT[i]
			}
			list = append(list, s)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func valid(t *testing.T, r *Recording) {
	t.Helper()
	list := samples(t, r.src)
	u := unpack(t, r)
	if len(u.t) != len(list) {
		t.Fatalf("%d samples of %d rows", len(u.t), len(list))
	}
	k := 0
	for i, s := range list {
		if u.x[i] != s.x || u.y[i] != s.y || u.z[i] != s.z {
			t.Fatalf("sample %d has other values", i)
		}
		if d := u.t[i] - s.t; max(d, -d) > r.tol+r.coarse {
			t.Fatalf("sample %d is %d ns off, allowed are %d", i, d, r.tol+r.coarse)
		}
		if s.temp == noTemp || i%r.TempEvery != 0 {
			continue
		}
		if d := u.tempT[k] - s.tempT; u.temp[k] != s.temp || max(d, -d) > r.readTol()+r.coarse {
			t.Fatalf("reading %d is %d, %d ns off; want %d, allowed %d", k, u.temp[k], d, s.temp, r.readTol())
		}
		k++
	}
	if k != len(u.temp) {
		t.Fatalf("%d readings, want %d", len(u.temp), k)
	}
}

// FuzzFast: a line that the fast forms take is what the slow ones say of it.
func FuzzFast(f *testing.F) {
	for _, line := range []string{
		"1644226061.03125,-0.015625,0.000000,1.984375,30.50", "1644226061,1,-2,3.,", "999.5,0.1,12.3456,999.999999,-5.125\r", "1644226061.12345678,0,0,0,0", "1644226061.123456789,0,0,0,0",
		"7258118400,0,0,0,1", "1644226061.0,0.0000005,0,0,1", "1644226061.0,-0.0,1000,0,1", "1644226061.0,0,0,0,100.5", "2011-10-09 10:25:02:500,-0.421,-0.6751,0.305,48,0,24.5", "2011-10-09 10:25:02:500,1,2,3,48,0,",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > 1000 || bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		for _, p := range []parser{canonicalLine{}, &geneactivCSV{zone: 3600e9}} {
			b := newBlock()
			copy(b.buf, line)
			b.buf[len(line)] = '\n'
			copy(b.buf[len(line)+1:], "12345678901234567890")
			var fast, slow rows
			end := p.fast(b.buf, 0, &fast)
			if end < 0 {
				if len(fast.t) > 0 {
					t.Fatalf("%q: not read, and a row", line)
				}
				continue
			}
			if err := p.slow(bytes.TrimSuffix(line, []byte{'\r'}), &slow); err != nil {
				t.Fatalf("%q: read, but %v", line, err)
			}
			var again rows
			again.held = fast.held
			if p.fast(b.buf, 0, &again); !reflect.DeepEqual(fast, again) {
				t.Fatalf("%q: %+v, then %+v", line, fast, again)
			}
			fast.held = held{}
			if end != len(line)+1 || !reflect.DeepEqual(fast, slow) {
				t.Fatalf("%q: %+v, slowly %+v", line, fast, slow)
			}
		}
	})
}

// FuzzCounts: counts is its definition: the nearest count, if its micro-g are the
// value and 16 bits hold it.
func FuzzCounts(f *testing.F) {
	for _, v := range []int32{0, 15_625, -15_625, 3906, 3907, 488, -2_000_000, 1_984_375, math.MaxInt32, math.MinInt32, 999_999} {
		for _, lsb := range []uint32{64, 256, 2048, 16384, 100, 999_999, 1_000_000} {
			f.Add(v, lsb)
		}
	}
	f.Fuzz(func(t *testing.T, v int32, lsb uint32) {
		if lsb == 0 || lsb > 1_000_000 {
			return
		}
		c := divEven(int64(v)*int64(lsb), 1_000_000)
		want := math.MinInt16 <= c && c <= math.MaxInt16 && microG(c, int64(lsb)) == int64(v)
		if got, ok := counts(v, lsb); ok != want || ok && int64(got) != c {
			t.Fatalf("%d µg in 1/%d g: %d %v, want %d %v", v, lsb, got, ok, c, want)
		}
	})
}

// FuzzText: lines of any length and end are told apart as bufio tells them.
func FuzzText(f *testing.F) {
	f.Add([]byte("1,0,0,0,\n2,0,0,0,\r\n\n3,0,0,0,"), uint32(0), uint32(1))
	f.Add([]byte(byteOrderMark+"1,0,0,0,\n2,0,0,0,\n"), uint32(0), uint32(9))
	f.Add([]byte("1,0,0,0,\n2,0,0,0,\n"), uint32(maxLine), uint32(9))
	f.Add([]byte("1,0,0,0,\n2,0,0,0,\n"), uint32(3*maxLine-9), uint32(9))
	f.Fuzz(func(t *testing.T, b []byte, long, at uint32) {
		if i := int(at) % (len(b) + 1); true { // a long line somewhere
			b = slices.Concat(b[:i], bytes.Repeat([]byte{'x'}, int(long%(4*maxLine))), b[i:])
		}
		read := func(workers int) string {
			var got rows
			d, err := memory("a", b).text(0, canonicalLine{}, workers, func(r *rows) bool {
				got.t, got.xyz, got.temp = append(got.t, r.t...), append(got.xyz, r.xyz...), append(got.temp, r.temp...)
				return true
			})
			return fmt.Sprint(got.t, got.xyz, got.temp, d, err)
		}
		var want rows
		var d damage
		l, err := memory("a", b).lines()
		if err != nil {
			return // looks like gzip
		}
		for {
			line, err := l.next()
			if err != nil && err != errLong {
				d.end("a", err)
				break
			}
			if err == nil && len(line) > 0 {
				err = canonicalLine{}.slow(line, &want)
			}
			if err != nil {
				d.skip("a", "line", l.number, err)
			}
		}
		for _, workers := range []int{1, 3} {
			if got, want := read(workers), fmt.Sprint(want.t, want.xyz, want.temp, d.told(), nil); got != want {
				t.Fatalf("%d workers: %.300s\nwant %.300s", workers, got, want)
			}
		}
	})
}
