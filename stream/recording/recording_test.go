package recording

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, o Options) *Recording {
	t.Helper()
	r, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGeneratedExactly(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "G01.csv.gz")
	if err := Generate(path, 1, start, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	r := open(t, path, Options{})
	if r.Samples != 57_600 || r.RateMHz != 32_000 || r.LSBPerG != 64 || r.RangeMG != 2000 || !r.First.Equal(start) {
		t.Errorf("opened as %+v", r)
	}
	exact(t, path, r)
	again := filepath.Join(t.TempDir(), "again.csv.gz")
	if err := Generate(again, 1, start, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	a, b := gunzip(t, path), gunzip(t, again)
	if !bytes.Equal(a, b) {
		t.Error("the same seed gives another recording")
	}
	if err := Generate(again, 2, start, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, gunzip(t, again)) {
		t.Error("another seed gives the same recording")
	}
}

func TestStartMovesEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "G01.csv.gz")
	if err := Generate(path, 1, time.Unix(1_600_000_000, 0), time.Minute); err != nil {
		t.Fatal(err)
	}
	to := time.Date(2026, 3, 1, 8, 0, 0, 500_000_000, time.UTC)
	was, is := open(t, path, Options{}), open(t, path, Options{Start: &to})
	a, b := unpack(t, was), unpack(t, is)
	d := to.UnixNano() - 1_600_000_000e9
	for i := range a.t {
		if b.t[i]-a.t[i] != d {
			t.Fatalf("sample %d moved by %d ns, want %d", i, b.t[i]-a.t[i], d)
		}
	}
	for i := range a.tempT {
		if b.tempT[i]-a.tempT[i] != d {
			t.Fatalf("reading %d moved by %d ns, want %d", i, b.tempT[i]-a.tempT[i], d)
		}
	}
	if !is.First.Equal(to) || b.tempT[0] != to.UnixNano() {
		t.Errorf("first sample at %v, first reading at %d", is.First, b.tempT[0])
	}
}

// TestSetBack: what a recording spans does not depend on where in the file its earliest
// and latest samples are, and all of it is moved into the times that there are, or none.
func TestSetBack(t *testing.T) {
	path := write(t, "a.csv", rowsAt(slices.Concat(count(6400, 8320), count(0, 320), count(3200, 3520)), func(int) string { return "" }))
	far := write(t, "b.csv", csvHeader+"\n0,0,0,1,\n1,0,0,1,\n2,0,0,1,\n7258118399,0,0,1,\n")
	for _, c := range []struct {
		path        string
		start, from int64 // seconds since 1970; 0: as recorded
		says        string
	}{
		{path, 0, 1000, ""},
		{path, 200, 0, ""},
		{path, 199, 0, "would begin in 1969"},
		{far, 7258118000, 0, "would end in 2429"},
	} {
		var o Options
		if c.start != 0 {
			o.Start = new(time.Unix(c.start, 0))
		}
		for name, read := range map[string]func(string, Options) (*Recording, error){"Open": Open, "Begin": Begin} {
			r, err := read(c.path, o)
			switch {
			case c.says != "":
				if err == nil || !strings.Contains(err.Error(), "--start") || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s, moved to %d: %v, want %q", name, c.start, err, c.says)
				}
			case err != nil:
				t.Fatal(err)
			case r.First.Unix() != c.from+200 || r.Earliest.Unix() != c.from || r.Latest.UnixNano() != (c.from+260)*1e9-31_250_000:
				t.Errorf("%s, moved to %d: first %v, from %v to %v", name, c.start, r.First, r.Earliest, r.Latest)
			}
		}
	}
}

// rowsAt is a CSV with rows at the given times, in units of 1/32 s from 1000 s.
func rowsAt(at []int, temp func(i int) string) string {
	var s strings.Builder
	s.WriteString(csvHeader + "\n")
	for i, k := range at {
		fmt.Fprintf(&s, "%d.%05d,0.015625,0.000000,-1.000000,%s\n", 1000+k/32, k%32*3125, temp(i))
	}
	return s.String()
}

func count(from, to int) (k []int) {
	for ; from < to; from++ {
		k = append(k, from)
	}
	return k
}

func TestGapsAndBlanksCut(t *testing.T) {
	always := func(int) string { return "30.5" }
	for _, c := range []struct {
		name string
		at   []int
		temp func(i int) string
		want []int // samples per batch
	}{
		{"steady", count(0, 700), always, []int{320, 320, 60}},
		{"a gap; the count goes on", append(count(0, 100), count(200, 800)...), always, []int{100, 220, 320, 60}},
		{"one sample, then a gap of one: no rate of 16 Hz", append([]int{0}, count(2, 100)...), always, []int{1, 98}},
		{"clock back", append(count(100, 150), count(0, 50)...), always, []int{50, 50}},
		{"twice the same time", append(count(0, 50), count(49, 99)...), always, []int{50, 50}},
		{"blanks at the end", count(0, 320), func(i int) string {
			if i >= 80 {
				return ""
			}
			return "30.5"
		}, []int{320}},
		{"blanks in the middle", count(0, 320), func(i int) string {
			if i >= 80 && i < 96 {
				return ""
			}
			return "30.5"
		}, []int{96, 224}},
		{"a blank between readings", count(0, 320), func(i int) string {
			if i == 81 {
				return ""
			}
			return "30.5"
		}, []int{320}},
	} {
		r := open(t, write(t, "a.csv", rowsAt(c.at, c.temp)), Options{})
		var got []int
		for b, err := range r.Batches() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, int(b.N))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: batches of %v, want %v", c.name, got, c.want)
		}
		u := unpack(t, r)
		k := 0
		for i, at := range c.at {
			if want := 1000e9 + int64(at)*31_250_000; u.t[i] != want {
				t.Fatalf("%s: sample %d at %d, want %d", c.name, i, u.t[i], want)
			}
			if i%8 == 0 && c.temp(i) != "" {
				if u.tempT[k] != u.t[i] || u.temp[k] != 30_500 {
					t.Fatalf("%s: reading %d is %d at %d, want it at %d", c.name, k, u.temp[k], u.tempT[k], u.t[i])
				}
				k++
			}
		}
		if k != len(u.temp) {
			t.Errorf("%s: %d readings, want %d", c.name, len(u.temp), k)
		}
	}
}

func TestDamageIsSkippedAndCounted(t *testing.T) {
	text := rowsAt(count(0, 64), func(int) string { return "30.5" })
	lines := strings.SplitAfter(text, "\n")
	lines[5] = "1000.12500,zero,0,0,30\n"
	lines[9] = "1000.25000,0,0\n"
	lines[10] = strings.Repeat("x", 2*maxLine) + "\n"
	lines[20] = "1000.59375,0,0,0,5000\n"
	r := open(t, write(t, "a.csv", strings.Join(lines, "")), Options{})
	if r.Samples != 60 || r.Damage.Rows != 4 || !strings.Contains(r.Damage.First, "a.csv line 6: acceleration") {
		t.Errorf("%d samples, damage %+v", r.Samples, r.Damage)
	}
	if u := unpack(t, r); u.t[4] != 1000e9+5*31_250_000 {
		t.Errorf("sample after the damaged row at %d", u.t[4])
	}

	// A gzip that was cut off: what is whole stays, the row that was cut goes.
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, text)
	w.Flush()
	r = open(t, write(t, "a.csv.gz", z.String()), Options{})
	if r.Samples != 64 || r.Damage.End == nil {
		t.Errorf("cut gzip: %d samples, damage %+v", r.Samples, r.Damage)
	}
	z.Reset()
	w = gzip.NewWriter(&z)
	io.WriteString(w, strings.TrimSuffix(text, ".5\n"))
	w.Flush()
	r = open(t, write(t, "a.csv.gz", z.String()), Options{})
	if r.Samples != 63 || r.Damage.End == nil {
		t.Errorf("gzip cut within a row: %d samples, damage %+v", r.Samples, r.Damage)
	}

	for name, text := range map[string]string{
		"empty":         csvHeader + "\n",
		"all damaged":   csvHeader + "\n1,2,3\n",
		"not a CSV":     "Device Type,GENEActiv\n",
		"nothing":       "",
		"no rate":       csvHeader + "\n1000,0,0,1,\n",
		"no such scale": "",
	} {
		if _, err := Open(write(t, "a.csv", text), Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		values   []string
		lsb, rng uint32
	}{
		{[]string{"0.015625", "-2.000000", "1.984375"}, 64, 2000},
		{[]string{"0.015625", "-2.000000", "2.000000"}, 64, 0},
		{[]string{"0.003906", "1.000000", "0"}, 256, 0},
		{[]string{"0.000488", "-15.999512", "0"}, 2048, 0},
		{[]string{"16.015625", "-15.999512", "0"}, 0, 0}, // no 16 bits at 2048
		{[]string{"0.1", "0.2", "0.3"}, 0, 0},
		{[]string{"1e-1", "+0.2", "3.0000004E-1"}, 0, 0},
	} {
		text := csvHeader + "\n"
		for i := range 32 {
			text += fmt.Sprintf("%d.%05d,%s,\n", 1000, i*3125, strings.Join(c.values, ","))
		}
		path := write(t, "a.csv", text)
		r := open(t, path, Options{})
		if r.LSBPerG != c.lsb || r.RangeMG != c.rng || (r.Encoding == wire.Int32MicroG) != (c.lsb == 0) {
			t.Errorf("%v: 1/%d g, ±%d mg, encoding %d", c.values, r.LSBPerG, r.RangeMG, r.Encoding)
		}
		unpack(t, r)
		_, err := Open(path, Options{LSBPerG: 64})
		if (err == nil) != (c.lsb == 64) {
			t.Errorf("%v: --lsb 64: %v", c.values, err)
		}
	}
}

func TestE4(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ACC.csv", "1000.00, 1000.00, 1000.00\r\n32.0, 32.0, 32.0\r\n"+strings.Repeat("-1, 2,64\r\n", 40)+"1,2\r\n"+strings.Repeat("0,0,127\r\n", 40))
	put("TEMP.csv", "999.50\n4.0\n20.0\n21.0\n22.02\n23.0\nnone\n25.0\n")
	u := unpack(t, open(t, dir, Options{}))
	if len(u.t) != 80 || u.t[39] != 1000e9+39*31_250_000 || u.t[40] != 1000e9+41*31_250_000 || u.x[0] != -15_625 || u.z[79] != 1_984_375 {
		t.Errorf("%d samples, %d after %d", len(u.t), u.t[40], u.t[39])
	}
	// 20.0 and 21.0 were read before the first sample; one line is damaged.
	if fmt.Sprint(u.temp, u.tempT) != "[22020 23000 25000] [1000000000000 1000250000000 1000750000000]" {
		t.Errorf("readings %v at %v", u.temp, u.tempT)
	}
	r := open(t, dir, Options{})
	if r.Damage.Rows != 4 || r.Damage.Where != "TEMP.csv lines 3-4, 7; ACC.csv lines 43" {
		t.Errorf("damage %+v", r.Damage)
	}

	zipped := filepath.Join(t.TempDir(), "S99.zip")
	f, err := os.Create(zipped)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, name := range []string{"ACC.csv", "TEMP.csv"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := z.Create("S99/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m.Write(b)
	}
	z.Close()
	f.Close()
	a, b := payloads(t, r), payloads(t, open(t, zipped, Options{}))
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the zip gives other batches than the folder")
	}

	if _, err := Open(filepath.Join(dir, "ACC.csv"), Options{}); err == nil || !strings.Contains(err.Error(), "give its folder") {
		t.Errorf("ACC.csv alone: %v", err)
	}
	os.Remove(filepath.Join(dir, "TEMP.csv"))
	if u := unpack(t, open(t, dir, Options{})); len(u.temp) != 0 || len(u.t) != 80 {
		t.Errorf("without TEMP.csv: %d samples, %d readings", len(u.t), len(u.temp))
	}
}

func TestLargestBatchFits(t *testing.T) {
	var s strings.Builder
	s.WriteString(csvHeader + "\n")
	for i := range maxBatch + 1 {
		fmt.Fprintf(&s, "%d.%03d,-2000.000001,2000.000001,0.1,%d\n", 1000+i/1000, i%1000, 999-i%2*1000)
	}
	u := unpack(t, open(t, write(t, "a.csv", s.String()), Options{TempEvery: 1, BatchLength: time.Hour}))
	if u.batches != 2 || len(u.temp) != maxBatch+1 {
		t.Errorf("%d batches, %d readings", u.batches, len(u.temp))
	}
}

func TestName(t *testing.T) {
	for path, want := range map[string]string{
		"a/S01.csv.gz": "S01", "S01.CSV": "S01", "S.01.csv": "S.01", "native/S02": "S02", "native/S02/": "S02", "x.zip": "x", ".csv": ".csv", "S01.gz": "S01",
	} {
		if got := Name(path); got != want {
			t.Errorf("Name(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestStopEarly(t *testing.T) {
	r := open(t, write(t, "a.csv", rowsAt(count(0, 2000), func(int) string { return "" })), Options{})
	n := 0
	for range r.Batches() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d batches", n)
	}
}
