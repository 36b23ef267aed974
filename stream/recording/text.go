package recording

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// parser reads one line of samples.
type parser interface {
	// fast reads the line that begins at p[i], appends its row and answers where
	// the next begins; -1 where it is not of the usual form. The line ends with
	// \n, and 8 bytes may be read from any byte of it.
	fast(p []byte, i int, out *rows) int
	// slow reads any line, or says why it cannot.
	slow(line []byte, out *rows) error
}

// maxLine is the longest line that is looked at, with its end.
const maxLine = 64 << 10

var errLong = fmt.Errorf("line of more than %d bytes", maxLine)

// block is a run of whole lines of a text and, parsed, their rows.
type block struct {
	buf    []byte // maxLine and room to read beyond
	from   int    // lines are buf[from:n]
	n      int
	long   bool  // a line that is too long stood here
	head   int64 // lines before these that are no rows
	rows   rows
	lines  int64 // all, with head
	faults []fault
	parsed chan struct{}
}

// fault is a run of lines that cannot be read.
type fault struct {
	from, to int64 // from 1 in its block
	err      error // of the first
}

func (b *block) fault(err error) {
	if n := len(b.faults); n > 0 && b.faults[n-1].to == b.lines-1 {
		b.faults[n-1].to++
		return
	}
	b.faults = append(b.faults, fault{b.lines, b.lines, err})
}

func newBlock() *block {
	return &block{buf: make([]byte, maxLine+16), parsed: make(chan struct{}, 1)}
}

func (b *block) parse(p parser) {
	b.rows.clear()
	b.faults = b.faults[:0]
	b.lines = b.head
	if b.long {
		b.lines++
		b.fault(errLong)
	}
	for i := b.from; i < b.n; {
		b.lines++
		if next := p.fast(b.buf, i, &b.rows); next >= 0 {
			i = next
			continue
		}
		end := i + bytes.IndexByte(b.buf[i:b.n], '\n')
		line := bytes.TrimSuffix(b.buf[i:end], []byte{'\r'})
		if i = end + 1; len(line) == 0 {
			continue
		}
		if err := p.slow(line, &b.rows); err != nil {
			b.fault(err)
		}
	}
}

// text cuts a text into blocks.
type text struct {
	name  string
	r     io.Reader
	head  int    // lines at the beginning that are no rows
	carry []byte // begin of the line that the block before cut
	err   error  // how the text ended: io.EOF, or its damage
}

// fill reads the next block; false where it is the last. What a damaged end cuts
// off is not a line: its last number may be half.
func (t *text) fill(b *block) (more bool) {
	b.from, b.head, b.long = 0, 0, false
	have := t.read(b.buf[:maxLine], copy(b.buf, t.carry))
	end := bytes.LastIndexByte(b.buf[:have], '\n') + 1
	switch {
	case end == 0 && have == maxLine:
		b.long = true
		end, have = t.skip(b.buf[:maxLine])
	case t.err == io.EOF && end < have && have < maxLine:
		b.buf[have] = '\n' // the last line has no end
		have++
		end = have
	}
	t.carry = append(t.carry[:0], b.buf[end:have]...)
	if t.err != nil && t.err != io.EOF {
		t.carry = nil
	}
	if b.n = end; b.long {
		b.n = 0
	}
	for ; t.head > 0 && b.from < b.n; t.head-- {
		b.from += bytes.IndexByte(b.buf[b.from:b.n], '\n') + 1
		b.head++
	}
	return t.err == nil || len(t.carry) > 0
}

// read fills p from have on, as far as the text goes.
func (t *text) read(p []byte, have int) int {
	for have < len(p) && t.err == nil {
		var n int
		n, t.err = t.r.Read(p[have:])
		have += n
	}
	return have
}

// skip reads to the end of a line; p[end:have] is then what follows it.
func (t *text) skip(p []byte) (end, have int) {
	for {
		have = t.read(p, 0)
		if end = bytes.IndexByte(p[:have], '\n') + 1; end > 0 {
			return end, have
		}
		if t.err != nil {
			return have, have
		}
	}
}

// rows hands out the rows of all lines, in order.
func (t *text) rows(p parser, workers int, yield func(*rows) bool) Damage {
	var d damage
	line := int64(0)
	take := func(b *block) bool {
		for _, f := range b.faults {
			for i := f.from; i <= f.to; i++ {
				d.skip(t.name, "line", line+i, f.err)
			}
		}
		line += b.lines
		return yield(&b.rows)
	}
	if workers > 1 {
		t.ahead(p, workers, take)
	} else {
		b := newBlock()
		for more := true; more; {
			more = t.fill(b)
			b.parse(p)
			if !take(b) {
				break
			}
		}
	}
	d.end(t.name, t.err)
	return d.told()
}

// ahead reads and parses in goroutines of its own, some blocks ahead of take. All
// have ended when it returns.
func (t *text) ahead(p parser, workers int, take func(*block) bool) {
	n := 2*workers + 1
	free, work, order := make(chan *block, n), make(chan *block, n), make(chan *block, n)
	for range n {
		free <- newBlock()
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(order)
		defer close(work)
		for more := true; more; {
			select {
			case b := <-free:
				more = t.fill(b)
				order <- b // never full, nor work: there are n blocks
				work <- b
			case <-stop:
				return
			}
		}
	})
	for range workers {
		wg.Go(func() {
			for b := range work {
				b.parse(p)
				b.parsed <- struct{}{}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for b := range order {
		<-b.parsed
		if !take(b) {
			return
		}
		free <- b
	}
}
