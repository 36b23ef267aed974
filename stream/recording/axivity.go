package recording

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

// The .cwa file of an Axivity AX3 or AX6, as its maker documents it in cwa.h: a
// header of two sectors, then a block of samples in each. Numbers are
// little-endian.
const (
	cwaSector = 512
	cwaHeader = 2 * cwaSector
	cwaData   = 480 // bytes of samples in a block, from byte 30
	cwaTick   = 1_000_000_000 >> 15
)

// axivity reads a .cwa file.
type axivity struct {
	file  file
	first cwaBlock // first that is whole: its settings are the recording's
	dev   Device
}

// openAxivity reads the header and looks for the first whole block.
func openAxivity(path string, f file) (source, error) {
	s := &axivity{file: f}
	var d damage
	err := s.blocks(&d, func(b *cwaBlock) bool { s.first = *b; return false })
	if err == nil && s.first.count == 0 {
		err = fmt.Errorf("no block can be read: %s", cmp.Or(d.First, "there is none"))
	}
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", path, err)
	}
	return s, nil
}

func (s *axivity) format() string { return "Axivity CWA" }
func (s *axivity) files() []file  { return []file{s.file} }

func (s *axivity) hint() hint {
	b := s.first
	h := hint{
		rateMHz: b.rateMHz, kept: true, lsbPerG: b.lsb, rangeMG: b.rangeMG,
		tol: cwaTick + 1, readings: true, tempMHz: b.rateMHz / uint32(b.count), device: s.dev,
		notes: []string{"times are those of the device's clock, which has no time zone, taken as UTC"},
	}
	if b.axes > 3 {
		h.notes = append(h.notes, "gyroscope and magnetometer are left out")
	}
	return h
}

// head reads what the header says of the device.
func (s *axivity) head(p []byte) error {
	if string(p[:2]) != "MD" || binary.LittleEndian.Uint16(p[2:]) != cwaHeader-4 {
		return errors.New("does not begin with the header of a .cwa file")
	}
	id := uint32(binary.LittleEndian.Uint16(p[5:]))
	if upper := binary.LittleEndian.Uint16(p[11:]); upper != 0xffff {
		id |= uint32(upper) << 16
	}
	s.dev = Device{Model: "Axivity AX3", Serial: strconv.FormatUint(uint64(id), 10)}
	if p[4] == 0x64 {
		s.dev.Model = "Axivity AX6"
	}
	end := func(c byte) bool { return c == ' ' || c == 0 || c == 0xff }
	about := p[64:512]
	for len(about) > 0 && end(about[len(about)-1]) {
		about = about[:len(about)-1]
	}
	notes, _ := url.ParseQuery(string(about))
	s.dev.Side = side(notes.Get("_p"))
	return nil
}

// blocks reads the file and hands out every whole block of the recording's
// settings, in order of the file.
func (s *axivity) blocks(d *damage, yield func(*cwaBlock) bool) error {
	r, c, err := s.file.stream()
	if err != nil {
		return err
	}
	defer c.Close()
	p := make([]byte, cwaHeader)
	if _, err := io.ReadFull(r, p); err != nil {
		return fmt.Errorf("%s ends within its header", s.file.name)
	}
	if err := s.head(p); err != nil {
		return err
	}
	var b cwaBlock
	for i := int64(0); ; i++ {
		n, err := readSector(r, b.raw[:])
		if err != nil {
			if n > 0 && err == io.EOF {
				err = fmt.Errorf("cut off within block %d", i)
			}
			d.end(s.file.name, err)
			return nil
		}
		err = b.parse()
		if err == nil && s.first.count > 0 && (b.rateMHz != s.first.rateMHz || b.axes != s.first.axes || b.lsb != s.first.lsb) {
			err = errSettings
		}
		switch {
		case err != nil:
			d.skip(s.file.name, "block", i, err)
		case b.count > 0 && !yield(&b):
			return nil
		}
	}
}

// readSector tells an end of the file, io.EOF, from a damaged one.
func readSector(r *bufio.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}

func (s *axivity) rows(_ int, yield func(*rows) bool) (Damage, error) {
	var d damage
	var r rows
	var last cwaBlock                     // whose samples wait for the time of the next
	each := tera / int64(s.first.rateMHz) // ns from sample to sample, times count
	span, count := each, int64(1)
	more := true
	err := s.blocks(&d, func(b *cwaBlock) bool {
		if last.count > 0 {
			if last.before(b) {
				span, count = b.start-last.start, int64(last.count)
			}
			r.clear()
			last.rows(&r, span, count)
			more = yield(&r)
		}
		last = *b
		return more
	})
	if err == nil && more && last.count > 0 {
		r.clear()
		last.rows(&r, span, count)
		yield(&r)
	}
	return d.told(), err
}

// cwaBlock is a block of samples.
type cwaBlock struct {
	raw     [cwaSector]byte
	session uint32
	seq     uint32
	start   int64 // of the first sample by the device's clock, ns
	rateMHz uint32
	rangeMG uint32
	lsb     uint32
	axes    int
	packed  bool
	count   int
}

var (
	errBlock    = errors.New("not a block of samples")
	errChecksum = errors.New("checksum does not match")
	errClock    = errors.New("time of the block is none")
	errLayout   = errors.New("unknown layout of samples")
	errSettings = errors.New("rate, axes or scale differ from the blocks before")
)

// parse reads the block's head and checks the whole.
func (b *cwaBlock) parse() error {
	p := b.raw[:]
	u16 := func(i int) uint16 { return binary.LittleEndian.Uint16(p[i:]) }
	if string(p[:2]) != "AX" || u16(2) != cwaSector-4 {
		return errBlock
	}
	sum := uint16(0)
	for i := 0; i < cwaSector; i += 2 {
		sum += u16(i)
	}
	if sum != 0 {
		return errChecksum
	}
	b.session, b.seq = binary.LittleEndian.Uint32(p[6:]), binary.LittleEndian.Uint32(p[10:])
	b.axes, b.packed, b.count = int(p[25]>>4), p[25]&15 == 0, int(u16(28))
	bytes := 2 * b.axes
	switch {
	case b.packed && b.axes == 3:
		b.lsb, bytes = 256, 4
	case p[25]&15 == 2 && (b.axes == 3 || b.axes == 6 || b.axes == 9):
		b.lsb = 256 << (p[19] >> 5)
	default:
		return errLayout
	}
	code := p[24]
	if b.count*bytes > cwaData || code&15 < 5 || code == 0xff {
		return errLayout
	}
	b.rateMHz = 3_200_000 >> (15 - code&15)
	b.rangeMG = 16_000 >> (code >> 6)
	return b.clock()
}

// clock dates the first sample. The block holds whole seconds, the sample that
// they belong to, and in later firmware the fraction of the second; that sample
// was then moved back by the whole samples of the fraction.
func (b *cwaBlock) clock() error {
	v := binary.LittleEndian.Uint32(b.raw[14:])
	year, month, day := int(v>>26)+2000, time.Month(v>>22&15), int(v>>17&31)
	hour, minute, second := int(v>>12&31), int(v>>6&63), int(v&63)
	at := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	if at.Month() != month || at.Day() != day || at.Hour() != hour || at.Minute() != minute || month == 0 {
		return errClock
	}
	index := int64(int16(binary.LittleEndian.Uint16(b.raw[26:])))
	var fraction int64 // of 1<<15
	if f := binary.LittleEndian.Uint16(b.raw[4:]); f&0x8000 != 0 {
		fraction = int64(f & 0x7fff)
		index += fraction * int64(b.rateMHz/1000) >> 15 // whole Hz: the firmware has 12 for 12.5
	}
	b.start = at.UnixNano() + divEven(fraction*1_000_000_000, 1<<15) - divEven(index*tera, int64(b.rateMHz))
	if b.start < 0 {
		return errClock
	}
	return nil
}

// before reports whether next goes on where b ends: by number, and by a time that
// makes a rate near the nominal one.
func (b *cwaBlock) before(next *cwaBlock) bool {
	span, want := next.start-b.start, int64(b.count)*tera/int64(b.rateMHz)
	return next.session == b.session && next.seq == b.seq+1 && span*(slack+1) >= want*slack && span*(slack-1) <= want*slack
}

// rows adds the samples, span/count apart.
func (b *cwaBlock) rows(r *rows, span, count int64) {
	temp := int32(noTemp)
	if raw := int64(b.raw[20]) | int64(b.raw[21]&3)<<8; raw != 0 {
		temp = int32(divEven(raw*75_000, 256) - 50_000)
	}
	if raw := int(b.raw[23]); raw != 0 {
		r.mv = (raw + 512) * 6000 / 1024
	}
	for i := range b.count {
		x, y, z := b.sample(i)
		g := func(v int32) int32 { return int32(divEven(int64(v)*1_000_000, int64(b.lsb))) }
		r.add(b.start+divEven(int64(i)*span, count), g(x), g(y), g(z), temp)
		temp = noTemp
	}
}

// sample is the acceleration of the i-th sample in counts.
func (b *cwaBlock) sample(i int) (x, y, z int32) {
	if b.packed {
		v := binary.LittleEndian.Uint32(b.raw[30+4*i:])
		ten := func(at int) int32 { return int32(v<<(22-at)) >> 22 << (v >> 30) }
		return ten(0), ten(10), ten(20)
	}
	p := b.raw[30+2*b.axes*i:]
	if b.axes > 3 {
		p = p[6:] // the gyroscope comes first
	}
	n := func(at int) int32 { return int32(int16(binary.LittleEndian.Uint16(p[at:]))) }
	return n(0), n(2), n(4)
}
