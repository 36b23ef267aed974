package recording

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lateRows is more than what is known of a file at first is taken from.
const lateRows = maxSpacings + 9000

// late is a CSV of which something is other from row at on than before.
type late struct {
	name string
	row  func(i int) lateRow
	o    Options
	cut  bool // its last row lacks its end
}

type lateRow struct {
	at    int64 // ns after the first
	v     [3]string
	extra string // another line before it
	us    bool   // its time has microseconds; in a canonical CSV
}

// lateFiles are files in which the end says other than the beginning.
func lateFiles() (files []late) {
	var counts [127]string
	for i := range counts {
		counts[i] = fmt.Sprintf("%.6f", float64(i-63)/64)
	}
	plain := func(i int) lateRow {
		return lateRow{at: int64(i) * 31_250_000, v: [3]string{counts[i*3%127], counts[i*5%127], counts[i*7%127]}}
	}
	from := func(at int, other func(i int, r *lateRow)) func(int) lateRow {
		return func(i int) lateRow {
			r := plain(i)
			if i >= at {
				other(i, &r)
			}
			return r
		}
	}
	value := func(v string) func(int, *lateRow) { return func(_ int, r *lateRow) { r.v[1] = v } }
	add := func(name string, row func(int) lateRow, o Options) {
		files = append(files, late{name: name, row: row, o: o})
	}
	add("as it began", plain, Options{})
	for _, at := range []int{maxSpacings - 1, maxSpacings, maxSpacings + 1, maxSpacings + 5000, lateRows - 1} {
		add(fmt.Sprint("finer scale at ", at), from(at, value("0.003906")), Options{})
	}
	add("finer scale once", func(i int) lateRow {
		r := plain(i)
		if i == maxSpacings+3000 {
			r.v[2] = "0.000488"
		}
		return r
	}, Options{})
	add("finer and finer", func(i int) lateRow {
		r := plain(i)
		switch {
		case i > maxSpacings+8000:
			r.v[0] = "0.1"
		case i > maxSpacings+6000:
			r.v[0] = "0.000488"
		case i > maxSpacings+4000:
			r.v[0] = "0.007812"
		}
		return r
	}, Options{})
	add("larger range", from(lateRows-2000, value("2.000000")), Options{})
	add("larger range downwards", from(lateRows-2000, value("-2.015625")), Options{})
	add("range beyond 16 bits", func(i int) lateRow {
		r := plain(i)
		if i == 5 {
			r.v[0] = "0.000488"
		}
		if i == lateRows-20 {
			r.v[0] = "-17.000000"
		}
		return r
	}, Options{})
	add("range told", from(lateRows-2000, value("2.000000")), Options{RangeMG: 4000})
	add("another rate", from(lateRows-5000, func(i int, r *lateRow) { r.at = (lateRows-5000)*31_250_000 + int64(i-lateRows+5000)*20_000_000 }), Options{})
	add("clock set back", from(lateRows-5000, func(i int, r *lateRow) { r.at -= 3600e9 }), Options{})
	add("finer times", from(lateRows-4000, func(i int, r *lateRow) { r.us, r.at = true, r.at+7000 }), Options{})
	add("damage", from(lateRows-4000, func(i int, r *lateRow) {
		switch i % 1000 {
		case 3:
			r.v[1] = "zero"
		case 4, 5:
			r.extra = "1,2,3"
		case 6:
			r.extra = strings.Repeat("x", 2*maxLine)
		}
	}), Options{})
	add("damage at first", from(0, func(i int, r *lateRow) {
		if i < maxSpacings+100 {
			r.v[1] = "zero"
		}
	}), Options{})
	add("damage alone", from(0, value("zero")), Options{})
	add("damage and a finer scale", from(lateRows-3000, func(i int, r *lateRow) {
		if r.v[0] = "0.007812"; i%100 == 0 {
			r.v[0] = ""
		}
	}), Options{})
	files = append(files, late{name: "cut", row: plain, cut: true}, late{name: "cut and a finer scale", row: from(lateRows-300, value("0.001953")), cut: true})
	start := time.Date(2026, 3, 1, 8, 0, 0, 123_456_000, time.UTC)
	add("moved, in short batches", from(lateRows-300, value("0.001953")), Options{Start: &start, BatchLength: time.Second, TempEvery: 3})
	add("scale told", plain, Options{LSBPerG: 256})
	add("scale told, misfits", from(lateRows-300, value("0.001953")), Options{LSBPerG: 64})
	add("scale told, misfits at first", func(i int) lateRow {
		r := plain(i)
		if i%1000 == 7 {
			r.v[1] = "0.001953"
		}
		return r
	}, Options{LSBPerG: 64})
	early := time.Unix(1000, 0)
	add("set back, moved before all time", from(lateRows-5000, func(i int, r *lateRow) { r.at -= 3600e9 }), Options{Start: &early})
	soon := maxTime.Add(-37 * time.Minute) // of 38.8
	add("moved beyond all time", plain, Options{Start: &soon})
	return files
}

func (l late) canonical() string {
	var s strings.Builder
	s.WriteString(csvHeader + "\n")
	l.lines(&s, func(b []byte, r lateRow) []byte {
		at, digits := 1_600_000_000e9+r.at, 5
		if r.us {
			digits = 6
		}
		b = append(strconv.AppendInt(b, at/1e9, 10), '.')
		return append(b, strconv.Itoa(int(1e9 + at%1e9))[1:1+digits]...)
	}, "")
	return s.String()
}

func (l late) geneactiv() string {
	var s strings.Builder
	s.WriteString("Device Type,GENEActiv\nMeasurement Frequency,32 Hz\nTime Zone,GMT +01\n" + strings.Repeat(",\n", geneCSVHead-3))
	l.lines(&s, func(b []byte, r lateRow) []byte {
		b = time.Unix(1_600_000_000, r.at).UTC().AppendFormat(b, "2006-01-02 15:04:05.000")
		b[len(b)-4] = ':'
		return b
	}, "48,0,")
	return s.String()
}

func (l late) lines(s *strings.Builder, time func(b []byte, r lateRow) []byte, then string) {
	var b []byte
	for i := range lateRows {
		r := l.row(i)
		if b = b[:0]; r.extra != "" {
			b = append(append(b, r.extra...), '\n')
		}
		b = append(time(b, r), ',')
		for _, v := range r.v {
			b = append(append(b, v...), ',')
		}
		b = strconv.AppendFloat(append(b, then...), 30+float64(i/300%8)/4, 'f', 2, 64)
		s.Write(append(b, '\n'))
	}
}

// paths writes it in a format, plain and zipped.
func (l late) paths(t *testing.T, body string) []string {
	if l.cut {
		body = body[:len(body)-7]
	}
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed)
	io.WriteString(w, body)
	if w.Flush(); !l.cut {
		w.Close()
	}
	return []string{write(t, "a.csv", body), write(t, "a.csv.gz", z.String())}
}

func refusal(err error) string { return err.Error()[strings.Index(err.Error(), "a.csv"):] }

// tell is all that a recording says, and its batches.
func tell(r *Recording, digest string) string {
	return fmt.Sprint(r.Format, ", ", r.Samples, " from ", r.Earliest.UnixNano(), " to ", r.Latest.UnixNano(), ", ", r.RateMHz, " mHz, 1/", r.LSBPerG, " g, range ", r.RangeMG,
		", tolerance ", r.tol, ", readings ", r.TempEvery, ", damage ", r.Damage, ", ", digest[:32])
}

// toldOnce is told of a recording that Begin answers, and whether it was to be read again.
func toldOnce(t *testing.T, path string, o Options) (told string, again bool) {
	r, err := Begin(path, o)
	if err != nil {
		return refusal(err), false
	}
	if r.first != nil && r.Whole() != nil {
		t.Fatal("known before it was read")
	}
	h := newDigester()
	for b, err := range r.Batches() {
		switch {
		case errors.Is(err, ErrAgain):
			return tell(r.Whole(), digest(t, r.Whole())), true
		case err != nil:
			return refusal(err), false
		}
		h.add(b)
	}
	return tell(r.Whole(), h.sum()), false
}

// TestLate: whatever the end of a file says that its beginning did not, its batches,
// and what is told of it, are those of when each file was looked through whole before
// it was read.
func TestLate(t *testing.T) {
	var got strings.Builder
	var again []string
	for _, l := range lateFiles() {
		for _, body := range []string{l.canonical(), l.geneactiv()} {
			for _, path := range l.paths(t, body) {
				var whole string
				if r, err := Open(path, l.o); err != nil {
					whole = refusal(err)
				} else {
					whole = tell(r, digest(t, r))
				}
				fmt.Fprintf(&got, "%s: %s\n", l.name, whole)
				once, twice := toldOnce(t, path, l.o)
				if once != whole {
					t.Errorf("%s, read once: %s\nwant %s", l.name, once, whole)
				}
				if twice && !slices.Contains(again, l.name) {
					again = append(again, l.name)
				}
			}
		}
	}
	if got, want := strings.Join(again, ", "), "finer scale at 70536, finer scale at 74535, finer scale once, finer and finer, larger range, "+
		"larger range downwards, range beyond 16 bits, finer times, damage and a finer scale, cut and a finer scale, moved, in short batches"; got != want {
		t.Errorf("begun again: %s", got)
	}
	golden(t, "late.txt", got.String())
}

// TestByteOrderMark: a text that begins with one is the text without it.
func TestByteOrderMark(t *testing.T) {
	l := late{row: lateFiles()[0].row}
	for _, body := range []string{l.canonical(), l.geneactiv()} {
		r := open(t, write(t, "a.csv", body), Options{})
		want := tell(r, digest(t, r))
		for _, path := range l.paths(t, byteOrderMark+body) {
			if got, _ := toldOnce(t, path, Options{}); got != want {
				t.Errorf("%s: %s\nwant %s", path, got, want)
			}
		}
	}
}

// TestExpected: how many samples there will be is about right from the beginning on,
// zipped or not, and right at the end.
func TestExpected(t *testing.T) {
	l := late{row: lateFiles()[0].row}
	text := l.canonical()
	text += strings.Repeat(text[len(csvHeader)+1:], 2)
	for _, path := range l.paths(t, text) {
		r, err := Begin(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range r.Batches() {
			break
		}
		if r.Whole() != nil {
			t.Error("known, but not read")
		}
		for b := range r.Batches() {
			if n := r.Expected(); n < 3*lateRows*9/10 || n > 3*lateRows*11/10 {
				t.Fatalf("%d samples are expected at batch %d, it has %d", n, b.Seq, 3*lateRows)
			}
		}
		if n := r.Expected(); n != 3*lateRows || r.Whole().Samples != n {
			t.Errorf("%d samples are expected at the end, it has %d", n, 3*lateRows)
		}
	}
}
