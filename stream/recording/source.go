package recording

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// source is a format's reader.
type source interface {
	format() string
	files() []file
	// rows reads from the beginning and hands out every row that can be read until
	// yield says no; the rows are valid during the call. Damage in the middle or at
	// the end is told; the error says that nothing can be read at all. More than one
	// worker may read ahead.
	rows(workers int, yield func(*rows) bool) (Damage, error)
	// hint is what the format itself knows.
	hint() hint
}

// hint is what a format knows without looking at the values. The zero value knows
// nothing.
type hint struct {
	rateMHz  uint32
	kept     bool // its blocks are dated by that rate: no other can be asked for
	lsbPerG  uint32
	microG   bool // values are on no scale
	rangeMG  uint32
	tol      int64  // of times, ns
	readings bool   // each row's temperature is a reading
	tempMHz  uint32 // rate of such readings
	device   Device
	notes    []string
}

// file is something to read from the beginning, as often as needed.
type file struct {
	name string
	open func() (io.ReadCloser, error)
	size int64         // bytes
	at   *atomic.Int64 // of which the last reading has come so far; nil: not told
}

// counted tells how far a file is read.
type counted struct {
	io.ReadCloser
	n  int64
	at *atomic.Int64
}

func (c *counted) Read(p []byte) (n int, err error) {
	n, err = c.ReadCloser.Read(p)
	c.n += int64(n)
	c.at.Store(c.n)
	return n, err
}

const known = "formats are canonical CSV (timestamp,x,y,z,temperature), Axivity .cwa, GENEActiv .bin and its CSV export, each also as .gz, and an Empatica E4 export, as folder or .zip with ACC.csv and TEMP.csv (also .gz)"

// find recognises the format of a path.
func find(name string) (source, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open recording: %w", err)
	case info.IsDir():
		return findE4(name, os.DirFS(name))
	case strings.EqualFold(filepath.Ext(name), ".zip"):
		return findZip(name)
	}
	return findIn(name, file{filepath.Base(name), func() (io.ReadCloser, error) { return os.Open(name) }, info.Size(), new(atomic.Int64)})
}

// findIn recognises the format of a file.
func findIn(name string, f file) (source, error) {
	head, err := f.begin()
	first, _, _ := bytes.Cut(head, []byte{'\n'})
	first = bytes.TrimSuffix(first, []byte{'\r'})
	switch {
	case err != nil && len(head) == 0:
		return nil, fmt.Errorf("open recording %s: %w; %s", name, err, known)
	case string(first) == csvHeader:
		return &canonical{f}, nil
	case bytes.HasPrefix(head, []byte("MD\xfc\x03")):
		return openAxivity(name, f)
	case string(first) == "Device Identity":
		return openGENEActiv(name, f)
	case bytes.HasPrefix(first, []byte("Device Type,GENEActiv")):
		return openGENEActivCSV(name, f)
	case strings.EqualFold(Name(name), "ACC") || strings.EqualFold(Name(name), "TEMP"):
		return nil, fmt.Errorf("open recording %s: this is one file of an Empatica E4 export: give its folder", name)
	}
	return nil, fmt.Errorf("open recording %s: format not known: %s", name, known)
}

// findE4 looks for the files of an export at the top of a folder.
func findE4(name string, fsys fs.FS) (source, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	src := &e4{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("open recording: %w", err)
		}
		src.take(file{e.Name(), func() (io.ReadCloser, error) { return fsys.Open(e.Name()) }, info.Size(), new(atomic.Int64)})
	}
	return src.found(name)
}

// findZip looks for the files of an export anywhere in an archive.
func findZip(name string) (source, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", name, err)
	}
	defer z.Close()
	src := &e4{}
	for _, m := range z.File {
		member := m.Name
		src.take(file{path.Base(member), func() (io.ReadCloser, error) { return openMember(name, member) }, int64(m.UncompressedSize64), new(atomic.Int64)})
	}
	return src.found(name)
}

// member closes the archive with the file.
type member struct {
	io.ReadCloser
	archive io.Closer
}

func (m member) Close() error { return errors.Join(m.ReadCloser.Close(), m.archive.Close()) }

func openMember(archive, name string) (io.ReadCloser, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	for _, m := range z.File {
		if m.Name == name {
			f, err := m.Open()
			if err != nil {
				z.Close()
				return nil, err
			}
			return member{f, z}, nil
		}
	}
	z.Close()
	return nil, fmt.Errorf("open %s in %s: %w", name, archive, fs.ErrNotExist)
}

// byteOrderMark is what some editors and spreadsheets begin a text with.
const byteOrderMark = "\ufeff"

// stream opens the file, unzipped where it is gzip, whatever its name, after a byte
// order mark: no binary format begins with one.
func (f file) stream() (*bufio.Reader, io.Closer, error) {
	c, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	if f.at != nil {
		c = &counted{ReadCloser: c, at: f.at}
	}
	r := bufio.NewReaderSize(c, maxLine)
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			c.Close()
			return nil, nil, fmt.Errorf("unzip %s: %w", f.name, err)
		}
		z.Multistream(false)
		r = bufio.NewReaderSize(&members{z, r}, maxLine)
	}
	if mark, _ := r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = r.Discard(len(mark)) // the buffer holds it
	}
	return r, c, nil
}

// members reads the members of a gzip file one after another, and over the zeros that
// a tape or a disk has filled its last block with, as gzip does.
type members struct {
	z *gzip.Reader
	r *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		switch {
		case n > 0 && err == io.EOF:
			return n, nil
		case err != io.EOF:
			return n, err
		}
		if err = m.next(); err != nil {
			return 0, err
		}
	}
}

// next goes to the next member.
func (m *members) next() error {
	for {
		switch b, err := m.r.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			_ = m.r.UnreadByte() // was just read
			err = m.z.Reset(m.r)
			m.z.Multistream(false)
			return err
		}
	}
}

// lines opens the file as a text.
func (f file) lines() (*lines, error) {
	r, c, err := f.stream()
	if err != nil {
		return nil, err
	}
	return &lines{closer: c, r: r}, nil
}

// text reads the lines of a file as rows, but for a head of some lines.
func (f file) text(head int, p parser, workers int, yield func(*rows) bool) (Damage, error) {
	r, c, err := f.stream()
	if err != nil {
		return Damage{}, err
	}
	defer c.Close()
	t := &text{name: f.name, r: r, head: head}
	return t.rows(p, workers, yield), nil
}

// begin is the first bytes of the file.
func (f file) begin() ([]byte, error) {
	r, c, err := f.stream()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	head, err := r.Peek(64)
	return bytes.Clone(head), err
}

// lines reads a text line by line.
type lines struct {
	r      *bufio.Reader
	closer io.Closer
	number int64 // of the line last read, from 1
}

func (l *lines) close() { l.closer.Close() }

// atEnd reports whether no more follows.
func (l *lines) atEnd() bool {
	_, err := l.r.Peek(1)
	return err != nil
}

// next returns the next line without its end, valid until the call after it. A
// line that is too long is skipped and answered with errLong. A line that the
// file's damaged end cuts off is not answered: its last number may be half.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		for err == bufio.ErrBufferFull {
			_, err = l.r.ReadSlice('\n')
		}
		l.number++
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, errLong
	case err == io.EOF && len(line) > 0:
	case err != nil:
		return nil, err
	}
	l.number++
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), nil
}

// Digest is the SHA-256 of the bytes of the recording's files, in hex.
func (r *Recording) Digest() (string, error) {
	h := sha256.New()
	for _, f := range r.src.files() {
		c, err := f.open()
		if err != nil {
			return "", fmt.Errorf("digest %s: %w", r.Path, err)
		}
		_, err = io.Copy(h, c)
		c.Close()
		if err != nil {
			return "", fmt.Errorf("digest %s: %w", r.Path, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
