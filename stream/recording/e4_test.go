package recording

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestE4Damage: an export whose temperatures are damaged is read without them, and what
// of them is left out is told.
func TestE4Damage(t *testing.T) {
	const head, row = "1000.0,1000.0,1000.0\n32.0,32.0,32.0\n", "0,0,64\n"
	const temp = "1000.0\n4.0\n20.0\n21.0\n22.0\n23.0\n"
	whole := head + strings.Repeat(row, 32)
	cut := gzipped(t, temp)
	for _, c := range []struct {
		name, acc, file string
		temp            []byte
		reads           string
		where, end      string
	}{
		{"whole", whole, "TEMP.csv", []byte(temp), "[20000 21000 22000 23000]", "", ""},
		{"empty", whole, "TEMP.csv", nil, "[]", "", "TEMP.csv: read without temperature: "},
		{"no header", whole, "TEMP.csv", []byte("0.0\n0.0\n"), "[]", "", "TEMP.csv: read without temperature: "},
		{"no number", whole, "TEMP.csv", []byte("\x00\x01\x02"), "[]", "", "TEMP.csv: read without temperature: "},
		{"one line", whole, "TEMP.csv", []byte("1000.0\n"), "[]", "", "TEMP.csv: read without temperature: "},
		{"cut at once", whole, "TEMP.csv.gz", cut[:5], "[]", "", "TEMP.csv.gz: read without temperature: "},
		{"cut in its head", whole, "TEMP.csv.gz", cut[:14], "[]", "", "TEMP.csv.gz: read without temperature: "},
		{"header only", whole, "TEMP.csv", []byte("1000.0\n4.0\n"), "[]", "", ""},
		{"a damaged line of ACC", head + strings.Repeat(row, 8) + "x\n" + strings.Repeat(row, 23), "TEMP.csv", []byte(temp), "[20000 22000 23000]", "ACC.csv lines 11; TEMP.csv lines 4", ""},
		{"more than a minute after the last", whole, "TEMP.csv", []byte("1000.0\n4.0\n" + strings.Repeat("20.0\n", 250)), "[20000 20000 20000 20000]", "TEMP.csv lines 247-252", ""},
		{"before the first and after the last", whole, "TEMP.csv", []byte("999.5\n4.0\n20.0\n21.0\n22.0\n23.0\n24.0\n25.0\n26.0\n27.0\n"), "[22000 23000 24000 25000]", "TEMP.csv lines 3-4", ""},
	} {
		src, err := findE4("x", fstest.MapFS{"ACC.csv": {Data: []byte(c.acc)}, c.file: {Data: c.temp}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r, err := scan("x", src, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		end := ending(r)
		if r.Damage.Where != c.where || !strings.HasPrefix(end, c.end) || (end == "") != (c.end == "") {
			t.Errorf("%s: damage %+v", c.name, r.Damage)
		}
		if u := unpack(t, r); fmt.Sprint(u.temp) != c.reads {
			t.Errorf("%s: readings %v, want %v", c.name, u.temp, c.reads)
		}
		valid(t, r)
	}
}

// TestE4BothEnds: that one file ends early does not hide that the other does.
func TestE4BothEnds(t *testing.T) {
	acc := gzipped(t, "1000,1000,1000\n32,32,32\n"+strings.Repeat("0,0,64\n", 3000))
	src, err := findE4("x", fstest.MapFS{"ACC.csv.gz": {Data: acc[:len(acc)-9]}, "TEMP.csv": {}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := scan("x", src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if end := fmt.Sprint(r.Damage.End); !strings.Contains(end, "TEMP.csv: ") || !strings.Contains(end, "ACC.csv.gz: ") {
		t.Errorf("the end is told as %q", end)
	}
}

// TestGzipMembers: members follow one another, with zeros after them as tapes leave.
func TestGzipMembers(t *testing.T) {
	a := rowsAt(count(0, 64), func(int) string { return "30.5" })
	one, two := gzipped(t, a[:700]), gzipped(t, a[700:])
	zeros := make([]byte, 3000)
	for _, c := range []struct {
		name    string
		file    []byte
		samples int64
		damaged bool
	}{
		{"two members", bytes.Join([][]byte{one, two}, nil), 64, false},
		{"zeros after them", bytes.Join([][]byte{one, two, zeros}, nil), 64, false},
		{"an empty member", bytes.Join([][]byte{one, gzipped(t, ""), two}, nil), 64, false},
		{"trash after them", bytes.Join([][]byte{one, two, []byte("trash")}, nil), 64, true},
		{"trash after zeros", bytes.Join([][]byte{one, two, zeros, []byte("trash")}, nil), 64, true},
		{"the second is cut", bytes.Join([][]byte{one, two[:5]}, nil), -1, true},
	} {
		src, err := findIn("a.csv.gz", memory("a.csv.gz", c.file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := scan("a.csv.gz", src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c.samples >= 0 && r.Samples != c.samples || (r.Damage.End != nil) != c.damaged {
			t.Errorf("%s: %d samples, damage %+v", c.name, r.Samples, r.Damage)
		}
	}
}
