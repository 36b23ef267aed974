package recording

import (
	"bytes"
	"errors"
	"fmt"
)

// geneCSVHead is the number of lines before the samples of a GENEActiv CSV.
const geneCSVHead = 100

// geneactivCSV reads the CSV that the maker's software exports: 100 lines
// "name,value", then a row per sample: local time, three times g, lux, button,
// degrees Celsius. As in a canonical CSV, rows repeat the last temperature.
type geneactivCSV struct {
	file file
	rate uint32 // mHz
	zone int64  // east of UTC, ns
	rng  uint32 // milli-g
	dev  Device
}

func openGENEActivCSV(path string, f file) (source, error) {
	s := &geneactivCSV{file: f}
	if err := s.head(); err != nil {
		return nil, fmt.Errorf("open recording %s: %w", path, err)
	}
	return s, nil
}

func (s *geneactivCSV) head() (err error) {
	l, err := s.file.lines()
	if err != nil {
		return err
	}
	defer l.close()
	about := geneAbout{}
	for range geneCSVHead {
		line, err := l.next()
		if err != nil {
			return headEnd(err)
		}
		if name, value, ok := bytes.Cut(line, []byte{','}); ok {
			about.add(name, value)
		}
	}
	s.rate, s.zone, s.rng, s.dev, err = about.common()
	return err
}

func (s *geneactivCSV) format() string { return "GENEActiv CSV" }
func (s *geneactivCSV) files() []file  { return []file{s.file} }

func (s *geneactivCSV) hint() hint {
	return hint{rateMHz: s.rate, rangeMG: s.rng, tol: 1_000_000, device: s.dev}
}

func (s *geneactivCSV) rows(workers int, yield func(*rows) bool) (Damage, error) {
	return s.file.text(geneCSVHead, s, workers, yield)
}

const stampLen = len("2011-10-09 10:25:02:500")

func (s *geneactivCSV) fast(p []byte, i int, out *rows) int {
	if len(p)-i < 2*stampLen || p[i+stampLen] != ',' {
		return -1
	}
	t, ok := stamp(p[i : i+stampLen])
	if t -= s.zone; !ok || t < 0 {
		return -1
	}
	x, i := fastAccel(p, i+stampLen+1, ',')
	if i < 0 {
		return -1
	}
	y, i := fastAccel(p, i+1, ',')
	if i < 0 {
		return -1
	}
	z, i := fastAccel(p, i+1, ',')
	if i < 0 {
		return -1
	}
	for range 2 { // light and button
		if _, i = digits(p, i+1, 9); i < 0 || p[i] != ',' {
			return -1
		}
	}
	temp, i := out.held.celsius(p, i+1)
	if i < 0 {
		return -1
	}
	out.add(t, x, y, z, temp)
	return i
}

var (
	errSeven = errors.New("not seven fields")
	errStamp = errors.New("timestamp is no time as 2011-10-09 10:25:02:500")
)

func (s *geneactivCSV) slow(line []byte, out *rows) error {
	var f [7][]byte
	if !cutAll(f[:], line) {
		return errSeven
	}
	t, ok := stamp(f[0])
	if t -= s.zone; !ok || t < 0 {
		return errStamp
	}
	return out.addFields(t, f[1:4], f[6])
}
