package recording

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// endless is a file of a beginning and 16 MB of one piece again and again, which
// looks at the heap as it is read.
func endless(name, begin, piece string) (file, *uint64) {
	most := new(uint64)
	return file{name: name, open: func() (io.ReadCloser, error) {
		r := io.LimitReader(&repeated{piece: []byte(piece), most: most}, 16<<20)
		return io.NopCloser(io.MultiReader(strings.NewReader(begin), r)), nil
	}}, most
}

type repeated struct {
	piece []byte
	at    int
	since int
	most  *uint64 // live bytes of the heap
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], r.piece[r.at:])
		n += m
		r.at = (r.at + m) % len(r.piece)
	}
	if r.since += n; r.since > 5<<20 {
		r.since = 0
		*r.most = max(*r.most, live())
	}
	return n, nil
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryIsFlat: whatever a file is full of, reading it holds no more than a
// small part of its size.
func TestMemoryIsFlat(t *testing.T) {
	row := csvHeader + "\n1000.00,0,0,1,\n1000.01,0,0,1,\n"
	block := cwaBytes(0, maxTime.AddDate(-170, 0, 0), 9, 0, 0x4a, 0x32, 0, words(0, 0, 256, 0, 0, 256), 2)
	for _, c := range []struct{ name, file, begin, piece string }{
		{"a line without end", "a.csv", row, "x"},
		{"lines that are no rows", "a.csv", row, "x\n"},
		{"empty lines", "a.csv", row, "\n"},
		{"blocks that are none", "a.cwa", string(cwa(block)), "x"},
		{"damage, good, damage", "a.cwa", string(cwa(block)), string(block) + strings.Repeat("x", cwaSector)},
		{"a header without end", "a.bin", "Device Identity\n", "name:value\n"},
		{"pages without samples", "a.bin", genePages(strings.Repeat("7ff80000103c", 300)), "Recorded Data\n"},
		{"a page head without end", "a.bin", genePages(strings.Repeat("7ff80000103c", 300)) + "Recorded Data\n", "name:value\n"},
		{"a page of other length", "a.bin", genePages(strings.Repeat("7ff80000103c", 300)) + "Recorded Data\n", "7"},
		{"an export without rows", "a.csv", "Device Type,GENEActiv\n", "name,value\n"},
		{"an export in long lines", "a.csv", "Device Type,GENEActiv\n", "x"},
		{"E4 lines that are no row", "ACC.csv", "1000,1000,1000\n32,32,32\n1,2,3\n4,5,6\n", "x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, most := endless(c.file, c.begin, c.piece)
			before := live()
			read(f)
			if n := int64(*most) - int64(before); n > 4<<20 {
				t.Errorf("%d MB are held", n>>20)
			} else if *most == 0 && !strings.HasPrefix(c.name, "a header") && !strings.HasPrefix(c.name, "an export") {
				t.Error("the file was not read")
			}
		})
	}
}

// read opens a file and drains it.
func read(f file) {
	src, err := findIn(f.name, f)
	if f.name == "ACC.csv" {
		src, err = (&e4{acc: []file{f}}).found("x")
	}
	if err != nil {
		return
	}
	if r, err := scan(f.name, src, Options{}); err == nil {
		for range r.BatchesAhead() {
		}
	}
	if r, err := begin(f.name, src, Options{}, maxSpacings); err == nil {
		for range r.Batches() {
		}
	}
}
