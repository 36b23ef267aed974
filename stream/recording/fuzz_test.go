package recording

import (
	"bytes"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
)

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0.015625", "1644226061.03125", "1e-5", "+.5", "5.", "0.0000005", "0.0000015", "-2.5e0", "999999999999999999999", "1e99", ".", "", "-", "1e", "0.00000049999999999999999999", "123456789012345678901e-5"} {
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
			if n := halfEven(want); n.IsInt64() && len(s) <= 18 && !strings.ContainsAny(s, "eE") {
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
	return file{name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
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
		if d := u.t[i] - s.t; max(d, -d) > r.tol {
			t.Fatalf("sample %d is %d ns off, allowed are %d", i, d, r.tol)
		}
		if s.temp == noTemp || i%r.TempEvery != 0 {
			continue
		}
		if d := u.tempT[k] - s.tempT; u.temp[k] != s.temp || max(d, -d) > r.readTol() {
			t.Fatalf("reading %d is %d, %d ns off; want %d, allowed %d", k, u.temp[k], d, s.temp, r.readTol())
		}
		k++
	}
	if k != len(u.temp) {
		t.Fatalf("%d readings, want %d", len(u.temp), k)
	}
}
