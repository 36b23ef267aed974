package score

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"
)

// This file reads an Arrow IPC stream of plain columns out of memory, and nothing
// else of the format (Schema.fbs, Message.fbs). Arrow's own reader believes every
// length that a stream says of itself, also those of lists in its metadata, and a few
// bytes make it ask for more memory than there is, which ends the process. Here
// every length is one of a slice of what came; an offset that leads out of it panics
// and is caught.

// Limits of an answer beside its bytes.
const (
	maxColumns = 256
	maxText    = 64 << 10
	maxInteger = 1 << 53 // a float64 holds all up to it
)

var scoreName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)

type kind int

const (
	signed kind = iota
	unsigned
	floating
	truth
	text
	instant
)

// column is one column, with the rows of one record batch at a time.
type column struct {
	name  string
	kind  kind
	width int   // bytes of a number, or of an offset of a text
	unit  int64 // nanoseconds of an instant's

	valid, offsets, data []byte // valid nil: none is NULL
}

func (c *column) null(row int) bool { return c.valid != nil && c.valid[row/8]>>(row%8)&1 == 0 }

// integer is the value of an integer or instant; unsigned above int64 are negative.
func (c *column) integer(row int) int64 { return integer(c.data, row, c.width, c.kind != unsigned) }

func integer(b []byte, i, width int, signed bool) int64 {
	switch b = b[i*width : (i+1)*width]; {
	case width == 1 && signed:
		return int64(int8(b[0]))
	case width == 1:
		return int64(b[0])
	case width == 2 && signed:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case width == 2:
		return int64(binary.LittleEndian.Uint16(b))
	case width == 4 && signed:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case width == 4:
		return int64(binary.LittleEndian.Uint32(b))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// number is the value of what is no text. An integer that is kept as another one,
// which identifiers and hashes would be, is an error.
func (c *column) number(row int) (float64, error) {
	switch c.kind {
	case truth:
		return float64(c.data[row/8] >> (row % 8) & 1), nil
	case floating:
		if bits := c.integer(row); c.width == 8 {
			return math.Float64frombits(uint64(bits)), nil
		} else {
			return float64(math.Float32frombits(uint32(bits))), nil
		}
	}
	v := c.integer(row)
	if v < -maxInteger || v > maxInteger || c.kind == unsigned && v < 0 {
		return 0, errors.New("an integer is beyond 2^53, which a score does not hold exactly: send such a column as text")
	}
	return float64(v), nil
}

func (c *column) text(row int) (string, error) {
	b := c.data[integer(c.offsets, row, c.width, true):integer(c.offsets, row+1, c.width, true)]
	if len(b) > maxText || !utf8.Valid(b) {
		return "", fmt.Errorf("a text is longer than %d bytes, or no UTF-8", maxText)
	}
	return string(b), nil
}

// messages are those of a stream.
type messages struct{ rest []byte }

// Types of messages.
const (
	isSchema = 1
	isRows   = 3
)

// next answers the table of the next message, and its body; a nil table at the end,
// which is the mark of it and not that of the bytes: nothing else shows that a body
// which ends with its connection was cut off between two messages.
func (m *messages) next() (kind byte, head *table, body []byte) {
	const continuation = 0xffffffff
	if binary.LittleEndian.Uint32(m.rest) != continuation {
		panic("no message begins here")
	}
	size := int(binary.LittleEndian.Uint32(m.rest[4:]))
	if size == 0 {
		return 0, nil, nil
	}
	meta := m.rest[8 : 8+size]
	message := root(meta)
	n := message.int64(3)
	body, m.rest = m.rest[8+size:][:n], m.rest[8+size:][n:]
	return message.byte(1), message.table(2), body
}

// schema reads the first message.
func (m *messages) schema() (columns []column, err error) {
	kind, head, _ := m.next()
	if head == nil || kind != isSchema {
		return nil, errors.New("it does not begin with a schema")
	}
	if head.int16(0) != 0 {
		return nil, errors.New("it is big-endian")
	}
	fields := head.vector(1)
	if fields == nil || fields.n > maxColumns {
		return nil, fmt.Errorf("it has no columns, or more than %d", maxColumns)
	}
	for i := range fields.n {
		f := fields.table(i)
		c := column{name: f.string(0)}
		if f.table(4) != nil {
			return nil, fmt.Errorf("column %q is a dictionary: write its values", clip(c.name))
		}
		if !c.typed(f.byte(2), f.table(3)) {
			return nil, fmt.Errorf("column %q is none of float, integer, bool, utf8 and timestamp", clip(c.name))
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// typed reads the type of a field (union Type).
func (c *column) typed(which byte, t *table) bool {
	switch which {
	case 2: // Int
		c.width, c.kind = int(t.int32(0))/8, unsigned
		if t.byte(1) != 0 {
			c.kind = signed
		}
		return c.width == 1 || c.width == 2 || c.width == 4 || c.width == 8
	case 3: // FloatingPoint: half, single, double
		c.kind, c.width = floating, 2<<t.int16(0)
		return c.width == 4 || c.width == 8
	case 5: // Utf8
		c.kind, c.width = text, 4
	case 6: // Bool
		c.kind = truth
	case 10: // Timestamp: s, ms, us, ns
		units := []int64{1_000_000_000, 1_000_000, 1000, 1}
		c.kind, c.width, c.unit = instant, 8, units[t.int16(0)]
	case 20: // LargeUtf8
		c.kind, c.width = text, 8
	default:
		return false
	}
	return true
}

// rows reads the next record batch into the columns and answers how many rows it
// has; -1 at the end.
func (m *messages) rows(columns []column) (int, error) {
	kind, head, body := m.next()
	if head == nil {
		return -1, nil
	}
	if kind != isRows {
		return 0, errors.New("it has messages that are neither schema nor rows; write columns plainly, without dictionaries")
	}
	if head.table(3) != nil {
		return 0, errors.New("its rows are compressed; write them without compression")
	}
	rows, nodes, buffers := head.int64(0), head.vector(1), head.vector(2)
	if rows < 0 || rows > int64(len(body))*8 { // each row has a bit of something
		return 0, fmt.Errorf("it says that it has %d rows", rows)
	}
	next := 0
	buffer := func() []byte {
		at := buffers.struct16(next)
		next++
		offset, length := integer(at, 0, 8, true), integer(at, 1, 8, true)
		return body[offset:][:length]
	}
	for i := range columns {
		c := &columns[i]
		node := nodes.struct16(i)
		if n := integer(node, 0, 8, true); n != rows {
			return 0, fmt.Errorf("column %q has %d rows of %d", clip(c.name), n, rows)
		}
		if c.valid = buffer(); integer(node, 1, 8, true) == 0 {
			c.valid = nil
		}
		if c.kind == text {
			c.offsets = buffer()
		}
		c.data = buffer()
	}
	return int(rows), nil
}
