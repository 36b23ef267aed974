package recording

import (
	"bytes"
	"errors"
	"fmt"
)

// The GENEActiv .bin file, as its maker's instructions describe it: lines
// "name:value" in chapters, then pages, each the line "Recorded Data", some such
// lines, and its samples as one line of hexadecimal digits, 12 for a sample: x, y
// and z of 12 bits, then 10 bits of light, the button and a spare bit.
const (
	geneSample = 12
	genePage   = 300 * geneSample // digits of a page
)

// geneactiv reads a .bin file.
type geneactiv struct {
	file  file
	rate  uint32 // mHz
	zone  int64  // east of UTC, ns
	rng   uint32 // milli-g
	gain  [3]int64
	off   [3]int64
	pages int64 // as the header tells
	dev   Device
}

func openGENEActiv(path string, f file) (source, error) {
	s := &geneactiv{file: f}
	l, err := f.lines()
	if err == nil {
		err = s.head(l)
		l.close()
	}
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", path, err)
	}
	return s, nil
}

func (s *geneactiv) format() string { return "GENEActiv bin" }
func (s *geneactiv) files() []file  { return []file{s.file} }

func (s *geneactiv) hint() hint {
	return hint{
		rateMHz: s.rate, kept: true, microG: true, rangeMG: s.rng, tol: 1000, readings: true,
		tempMHz: s.rate / (genePage / geneSample), device: s.dev,
	}
}

// head reads the lines before the first page and goes to it.
func (s *geneactiv) head(l *lines) error {
	about := geneAbout{}
	for number := 0; number < 1000; number++ {
		line, err := l.next()
		if err != nil {
			return headEnd(err)
		}
		if isPage(line) {
			return s.about(about)
		}
		if name, value, ok := bytes.Cut(line, []byte{':'}); ok {
			about.add(name, value)
		}
	}
	return errors.New("has no page of recorded data")
}

// headEnd says why a header ends before its end.
func headEnd(err error) error {
	if err == errLong {
		return fmt.Errorf("has a header with a %w", err)
	}
	return errors.New("ends within its header")
}

// about takes what matters from the header.
func (s *geneactiv) about(about geneAbout) (err error) {
	if s.rate, s.zone, s.rng, s.dev, err = about.common(); err != nil {
		return err
	}
	for i, axis := range []string{"x", "y", "z"} {
		var okGain, okOff bool
		s.gain[i], _, okGain = decimal([]byte(about[axis+" gain"]), 0)
		s.off[i], _, okOff = decimal([]byte(about[axis+" offset"]), 0)
		if g := s.gain[i]; !okGain || !okOff || g < 1000 || g > 1_000_000 || max(s.off[i], -s.off[i]) > 1_000_000 {
			return fmt.Errorf("its header has no calibration of %s", axis)
		}
	}
	s.pages, _, _ = decimal([]byte(about["Number of Pages"]), 0)
	return nil
}

func isPage(line []byte) bool { return string(bytes.TrimSpace(line)) == "Recorded Data" }

var (
	errPageHead  = errors.New("page lacks its time or rate")
	errPageData  = errors.New("page is not 300 samples in hexadecimal digits")
	errPageNone  = errors.New("page has no samples")
	errPageBegin = errors.New("page lacks the line Recorded Data that begins it")
	errPageGone  = errors.New("page is not in the file")
	errPageAfter = errors.New("line belongs to no page")
)

func (s *geneactiv) rows(_ int, yield func(*rows) bool) (Damage, error) {
	var d damage
	l, err := s.file.lines()
	if err != nil {
		return Damage{}, err
	}
	defer l.close()
	if err := s.head(l); err != nil {
		return Damage{}, err
	}
	var r rows
	p := genePlace{damage: &d, file: s.file.name, pages: s.pages}
	about := geneAbout{}
	open := true // the page waits for its samples
	for {
		line, err := l.next()
		if err != nil && err != errLong {
			p.end(err, open, about)
			return d.told(), nil
		}
		line = bytes.TrimSpace(line)
		name, value, field := bytes.Cut(line, []byte{':'})
		switch {
		case isPage(line):
			if open {
				p.found(about)
				p.skip(errPageNone)
			}
			open = true
			clear(about)
		case err == nil && len(line) == 0:
		case !open:
			p.lose(l.number)
		case field:
			about.add(name, value)
		default:
			r.clear()
			p.found(about)
			cut := len(line) < genePage && l.atEnd()
			if err == nil {
				err = s.page(&r, about, line, cut)
			}
			open = cut
			switch {
			case err != nil && cut:
				d.skip(s.file.name, "page", p.page, err)
			case err != nil:
				p.skip(err)
			case !yield(&r):
				return d.told(), nil
			case !cut:
				p.good()
			}
		}
	}
}

// page adds the samples of a page; what is whole of one that is cut.
func (s *geneactiv) page(r *rows, about geneAbout, line []byte, cut bool) error {
	start, okTime := stamp([]byte(about["Page Time"]))
	rate, okRate := hertz(about["Measurement Frequency"])
	start -= s.zone
	if !okTime || !okRate || start < 0 {
		return errPageHead
	}
	temp, ok := celsius(point(about["Temperature"]))
	if !ok {
		temp = noTemp
	}
	if !cut && len(line) != genePage {
		return errPageData
	}
	volts, _, _ := decimal(point(about["Battery voltage"]), 3)
	r.mv = int(volts)
	for i := range len(line) / geneSample {
		v, ok := hex12(line[i*geneSample:])
		if !ok {
			r.clear()
			return errPageData
		}
		g := func(k int) int32 {
			raw := int64(v) << (16 + 12*k) >> 52 // 12 bits, signed
			return int32(divEven((100*raw-s.off[k])*1_000_000, s.gain[k]))
		}
		r.add(start+gridNS(uint64(i), rate), g(0), g(1), g(2), temp)
		temp = noTemp
	}
	return nil
}

// hex12 is what 12 hexadecimal digits say.
func hex12(p []byte) (v uint64, ok bool) {
	for _, c := range p[:geneSample] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'A' <= c&^0x20 && c&^0x20 <= 'F':
			c = c&^0x20 - 'A' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(c)
	}
	return v, true
}
