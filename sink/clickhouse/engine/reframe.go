package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The Native format in short. A block is
//
//	[BlockInfo]  columns:uvarint  rows:uvarint  columns x (name:string  type:string  [custom:u8]  body)
//
// libchdb writes it without the two bracketed parts (revision 0). A client that
// announces a revision reads them: BlockInfo from the first revision on, custom
// from 54454 on. To know where a column ends its body must be walked, which needs
// no decoding: only lengths, offsets and counts are looked at.

const revisionCustom = 54454

// blockInfo: field 1, no overflows; field 2, bucket -1; end.
var blockInfo = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}

// errShort says that the bytes end inside a block.
var errShort = errors.New("the Native data end inside a block")

// maxTypeDepth limits nesting of types.
const maxTypeDepth = 32

// reframe appends to dst the whole blocks of src as a client of the revision
// expects them and returns what is left of src.
func reframe(dst, src []byte, revision int) (out, rest []byte, err error) {
	for len(src) > 0 {
		start := len(dst)
		c := cursor{b: src}
		if dst, err = reframeBlock(dst, &c, revision); err != nil {
			if errors.Is(err, errShort) {
				return dst[:start], src, nil
			}
			return dst[:start], src, err
		}
		src = src[c.at:]
	}
	return dst, nil, nil
}

func reframeBlock(dst []byte, c *cursor, revision int) ([]byte, error) {
	columns, rows := c.uvarint(), c.uvarint()
	if c.err != nil {
		return dst, c.err
	}
	dst = append(dst, blockInfo...)
	dst = append(dst, c.b[:c.at]...)
	for range columns {
		from := c.at
		c.skip(c.uvarint(), 1) // name
		kind := c.take(c.uvarint())
		if c.err != nil {
			return dst, c.err
		}
		dst = append(dst, c.b[from:c.at]...)
		if revision >= revisionCustom {
			dst = append(dst, 0)
		}
		from = c.at
		if rows > 0 {
			t, err := parseType(string(kind), 0)
			if err != nil {
				return dst, err
			}
			t.prefix(c)
			t.body(c, rows)
			if c.err != nil {
				return dst, c.err
			}
		}
		dst = append(dst, c.b[from:c.at]...)
	}
	return dst, nil
}

// cursor walks bytes. After the first error it stays where it is and yields zeros.
type cursor struct {
	b   []byte
	at  int
	err error
}

// skip passes n items of the given size.
func (c *cursor) skip(n uint64, size int) {
	if c.err != nil || size == 0 {
		return
	}
	if n > uint64(len(c.b)-c.at)/uint64(size) {
		c.err = errShort
		return
	}
	c.at += int(n) * size
}

func (c *cursor) take(n uint64) []byte {
	from := c.at
	c.skip(n, 1)
	return c.b[from:c.at]
}

func (c *cursor) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.at:])
	switch {
	case n == 0:
		c.err = errShort
		return 0
	case n < 0:
		c.err = errors.New("the Native data hold a length that is too long")
		return 0
	}
	c.at += n
	return v
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// typ knows how the values of a type lie in a column.
type typ struct {
	shape shape
	size  int    // fixed
	args  []*typ // the types inside
}

type shape byte

const (
	fixed  shape = iota // size bytes a value
	text                // length and bytes
	null                // a byte a value, then the values
	list                // an end offset a value, then the elements
	tuple               // column after column
	lookup              // LowCardinality: a dictionary and indexes
)

// prefix passes what stands once before the body of a column: the version of the
// dictionary of each LowCardinality in it.
func (t *typ) prefix(c *cursor) {
	if t.shape == lookup {
		c.skip(1, 8)
		return
	}
	for _, a := range t.args {
		a.prefix(c)
	}
}

func (t *typ) body(c *cursor, rows uint64) {
	if c.err != nil {
		return
	}
	switch t.shape {
	case fixed:
		c.skip(rows, t.size)
	case text:
		for ; rows > 0 && c.err == nil; rows-- {
			c.skip(c.uvarint(), 1)
		}
	case null:
		c.skip(rows, 1)
		t.args[0].body(c, rows)
	case list:
		if rows > 0 {
			c.skip(rows-1, 8)
			rows = c.u64()
		}
		t.args[0].body(c, rows)
	case tuple:
		for _, a := range t.args {
			a.body(c, rows)
		}
	case lookup:
		t.lookupBody(c, rows)
	}
}

func (t *typ) lookupBody(c *cursor, rows uint64) {
	if rows == 0 {
		return
	}
	const hasKeys = 1 << 9
	flags := c.u64()
	if flags&0xff > 3 || flags&hasKeys == 0 {
		if c.err == nil {
			c.err = fmt.Errorf("a LowCardinality column with flags %#x", flags)
		}
		return
	}
	t.args[0].body(c, c.u64())
	c.skip(c.u64(), 1<<(flags&0xff))
}

// fixedSizes are the types without parameters, by bytes a value.
var fixedSizes = map[string]int{
	"Int8": 1, "UInt8": 1, "Bool": 1, "Nothing": 1, "Int16": 2, "UInt16": 2, "BFloat16": 2, "Date": 2,
	"Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "Time": 4, "IPv4": 4,
	"Int64": 8, "UInt64": 8, "Float64": 8, "Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Int256": 32, "UInt256": 32,
}

// aliases are types that are others by another name.
var aliases = map[string]string{
	"Point": "Tuple(Float64, Float64)", "Ring": "Array(Point)", "LineString": "Array(Point)",
	"Polygon": "Array(Ring)", "MultiLineString": "Array(LineString)", "MultiPolygon": "Array(Polygon)",
}

func parseType(s string, depth int) (*typ, error) {
	if depth > maxTypeDepth {
		return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "Types nested deeper than %d cannot be sent in the Native format", maxTypeDepth)
	}
	name, inside, _ := strings.Cut(s, "(")
	inside = strings.TrimSuffix(inside, ")")
	if size, ok := fixedSizes[name]; ok { // DateTime('UTC') has a parameter that does not matter
		return &typ{size: size}, nil
	}
	if other, ok := aliases[name]; ok {
		return parseType(other, depth+1)
	}
	args := splitArgs(inside)
	switch name {
	case "String":
		return &typ{shape: text}, nil
	case "Enum8":
		return &typ{size: 1}, nil
	case "Enum16":
		return &typ{size: 2}, nil
	case "DateTime64", "Time64":
		return &typ{size: 8}, nil
	case "FixedString":
		if n, err := strconv.Atoi(inside); err == nil && n > 0 {
			return &typ{size: n}, nil
		}
	case "Decimal":
		return parseDecimal(args[0])
	case "SimpleAggregateFunction":
		return parseType(args[len(args)-1], depth+1)
	case "Nullable":
		return around(null, args[:1], depth)
	case "Array":
		return around(list, args[:1], depth)
	case "LowCardinality":
		key := args[0] // the dictionary of a Nullable holds plain values
		if inner, ok := strings.CutPrefix(key, "Nullable("); ok {
			key = strings.TrimSuffix(inner, ")")
		}
		return around(lookup, []string{key}, depth)
	case "Tuple":
		return around(tuple, args, depth)
	case "Map", "Nested":
		t, err := around(tuple, args, depth)
		return &typ{shape: list, args: []*typ{t}}, err
	}
	if strings.HasPrefix(name, "Interval") {
		return &typ{size: 8}, nil
	}
	return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "Type %s cannot be sent in the Native format by the embedded engine: convert it, for example with toString or finalizeAggregation", s)
}

// around makes a type that contains others, by shape.
func around(s shape, args []string, depth int) (*typ, error) {
	t := &typ{shape: s}
	for _, a := range args {
		if a == "" {
			continue
		}
		if s == tuple {
			a = withoutName(a)
		}
		inner, err := parseType(a, depth+1)
		if err != nil {
			return nil, err
		}
		t.args = append(t.args, inner)
	}
	if s != tuple && len(t.args) == 0 {
		return nil, fmt.Errorf("a type without the type inside")
	}
	return t, nil
}

func parseDecimal(precision string) (*typ, error) {
	p, err := strconv.Atoi(precision)
	if err != nil || p < 1 || p > 76 {
		return nil, fmt.Errorf("a Decimal of precision %q", precision)
	}
	switch {
	case p <= 9:
		return &typ{size: 4}, nil
	case p <= 18:
		return &typ{size: 8}, nil
	case p <= 38:
		return &typ{size: 16}, nil
	}
	return &typ{size: 32}, nil
}

// splitArgs splits at the commas that stand in no brackets and no quotes. It
// returns at least one.
func splitArgs(s string) []string {
	var args []string
	from := 0
	outside(s, func(i int) bool {
		if s[i] == ',' {
			args = append(args, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
		return true
	})
	return append(args, strings.TrimSpace(s[from:]))
}

// withoutName cuts the name off an element of a Tuple: what stands before the
// first space outside brackets and quotes.
func withoutName(s string) string {
	outside(s, func(i int) bool {
		if s[i] == ' ' {
			s = s[i+1:]
			return false
		}
		return true
	})
	return s
}

// outside calls f for each byte that stands in no brackets and no quotes.
func outside(s string, f func(i int) bool) {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case quote != 0:
			if ch == '\\' {
				i++
			} else if ch == quote {
				quote = 0
			}
		case ch == '\'' || ch == '`' || ch == '"':
			quote = ch
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case depth == 0:
			if !f(i) {
				return
			}
		}
	}
}
