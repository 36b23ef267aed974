package recording

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/stream/wire"
)

// shared is a path in the data shared by the developers, beside the repository.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", "data", "real", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("real recordings are missing: %v", err)
	}
	return path
}

var e4Files = []string{"S01", "S02", "S04", "S05", "S12", "S18", "S28", "S29"}

// unpacked is what batches say, sample by sample.
type unpacked struct {
	t, tempT []int64
	x, y, z  []int32
	temp     []int32
	batches  int
}

// unpack sends every batch through its payload and back.
func unpack(t testing.TB, r *Recording) unpacked {
	t.Helper()
	var u unpacked
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		if b.Seq != uint64(u.batches) {
			t.Fatalf("seq %d after %d batches", b.Seq, u.batches)
		}
		p := b.Append(nil)
		if len(p) > wire.MaxPayload {
			t.Fatalf("payload of %d bytes", len(p))
		}
		d, err := wire.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(d.N) {
			u.t = append(u.t, d.SampleTime(i))
		}
		for i := range d.TempMdegC {
			u.tempT = append(u.tempT, d.ReadingTime(i))
		}
		u.x, u.y, u.z = d.AppendMicroG(u.x, u.y, u.z)
		u.temp = append(u.temp, d.TempMdegC...)
		u.batches++
	}
	return u
}

func lineText(t int64, x, y, z int32) string {
	g := func(v int32) string {
		sign, u := "", int64(v)
		if u < 0 {
			sign, u = "-", -u
		}
		return fmt.Sprintf("%s%d.%06d", sign, u/1e6, u%1e6)
	}
	return fmt.Sprintf("%d.%05d,%s,%s,%s", t/1e9, t%1e9/1e4, g(x), g(y), g(z))
}

// TestE4FilesExactly writes each file anew from its batches, row by row.
func TestE4FilesExactly(t *testing.T) {
	for _, name := range e4Files {
		t.Run(name, func(t *testing.T) {
			path := shared(t, "e4-stress-predict/"+name+".csv.gz")
			r, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.RateMHz != 32_000 || r.LSBPerG != 64 || r.RangeMG != 2000 || r.TempEvery != 8 || r.Damage != (Damage{}) {
				t.Errorf("opened as %+v", r)
			}
			exact(t, path, r)
		})
	}
}

// exact compares a recording with the text of its file, read without the package.
func exact(t *testing.T, path string, r *Recording) {
	t.Helper()
	u := unpack(t, r)
	lines := strings.Split(strings.TrimSuffix(string(gunzip(t, path)), "\n"), "\n")[1:]
	if len(lines) != len(u.t) || r.Samples != int64(len(u.t)) {
		t.Fatalf("%d rows, %d samples, %d told", len(lines), len(u.t), r.Samples)
	}
	if want := (len(lines) + 319) / 320; u.batches != want {
		t.Errorf("%d batches, want %d", u.batches, want)
	}
	k := 0
	for i, line := range lines {
		cut := strings.LastIndexByte(line, ',')
		if got := lineText(u.t[i], u.x[i], u.y[i], u.z[i]); got != line[:cut] {
			t.Fatalf("row %d: %s, want %s", i, got, line[:cut])
		}
		if temp := line[cut+1:]; i%8 == 0 && temp != "" {
			if k == len(u.temp) {
				t.Fatalf("row %d: reading %s is missing", i, temp)
			}
			if got := fmt.Sprintf("%d.%02d", u.temp[k]/1000, u.temp[k]%1000/10); got != temp || u.temp[k]%10 != 0 || u.tempT[k] != u.t[i] {
				t.Fatalf("row %d: reading %s at %d, want %s at %d", i, got, u.tempT[k], temp, u.t[i])
			}
			k++
		}
	}
	if k != len(u.temp) {
		t.Errorf("%d readings, want %d", len(u.temp), k)
	}
}

// TestNativeEqualsCSV: the export of S02 gives the same batches as its CSV,
// byte by byte.
func TestNativeEqualsCSV(t *testing.T) {
	for _, pair := range [][2]string{
		{"e4-stress-predict/native/S02", "e4-stress-predict/S02.csv.gz"},
		{"e4-stress-predict/native/S28", "e4-stress-predict/S28.csv.gz"},
		{"e4-msr2023", "e4-msr2023/session.csv.gz"},
	} {
		native, err := Open(shared(t, pair[0]), Options{})
		if err != nil {
			t.Fatal(err)
		}
		csv, err := Open(shared(t, pair[1]), Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, b := payloads(t, native), payloads(t, csv)
		if len(a) != len(b) {
			t.Fatalf("%s: %d batches, CSV %d", pair[0], len(a), len(b))
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%s: batch %d differs", pair[0], i)
			}
		}
	}
}

func payloads(t testing.TB, r *Recording) (p []string) {
	t.Helper()
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, string(b.Append(nil)))
	}
	return p
}

// TestOtherDevices: what is not on a grid stays within the tolerance that is
// promised, and values are exact; the figures are what the files hold.
func TestOtherDevices(t *testing.T) {
	for _, c := range []struct {
		file    string
		rate    uint32
		lsb     uint32
		tol     int64
		batches int // at most; an AX device dates its samples in blocks of 40 to 120
	}{
		{"axivity-ax3-skdh-sample", 200_000, 64, 100_000, 330},
		{"axivity-ax3-ggirread-testfile", 100_000, 64, 100_000, 126},
		{"axivity-ax6-skdh-sample", 100_000, 2048, 100_000, 182},
		{"axivity-ax6-ggirread-testfile", 100_000, 2048, 100_000, 225},
		{"geneactiv-ggirread-testfile", 85_700, 0, 100_000, 22},
		{"geneactiv-skdh-sample", 50_000, 0, 100_000, 3},
		{"geneactiv-right-wrist-100hz", 100_000, 0, 1_000_000, 10},
	} {
		path := shared(t, "device-samples/"+c.file+".csv.gz")
		r, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.RateMHz != c.rate || r.LSBPerG != c.lsb || r.tol != c.tol {
			t.Errorf("%s: %d mHz, 1/%d g, ±%d ns", c.file, r.RateMHz, r.LSBPerG, r.tol)
		}
		u := unpack(t, r)
		lines := strings.Split(strings.TrimSuffix(string(gunzip(t, path)), "\n"), "\n")[1:]
		if len(lines) != len(u.t) {
			t.Fatalf("%s: %d samples of %d", c.file, len(u.t), len(lines))
		}
		var worst int64
		for i, line := range lines {
			var at, x, y, z float64
			if _, err := fmt.Sscanf(strings.ReplaceAll(line, ",", " "), "%g %g %g %g", &at, &x, &y, &z); err != nil {
				t.Fatal(err)
			}
			if d := u.t[i] - int64(at*1e4+0.5)*100_000; max(d, -d) > worst {
				worst = max(d, -d)
			}
			for k, v := range [3]float64{x, y, z} {
				if got := [3]int32{u.x[i], u.y[i], u.z[i]}[k]; fmt.Sprintf("%.6f", float64(got)/1e6) != fmt.Sprintf("%.6f", v) {
					t.Fatalf("%s row %d: %d µg, want %v g", c.file, i, got, v)
				}
			}
		}
		if worst > c.tol {
			t.Errorf("%s: a sample is %d ns off", c.file, worst)
		}
		if u.batches > c.batches {
			t.Errorf("%s: %d batches, want at most %d", c.file, u.batches, c.batches)
		}
		t.Logf("%s: %d samples, %d batches, at most %d ns off, %d readings", c.file, len(u.t), u.batches, worst, len(u.temp))
	}
}
