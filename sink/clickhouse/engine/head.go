package engine

import (
	"bytes"
	"encoding/binary"
)

// heads are the formats that begin with the names of the columns and go on with
// rows. The engine puts the head in front of every chunk; the function says how
// long it is, so that an answer has it once.
var heads = map[string]func(chunk []byte) int{
	"RowBinaryWithNames": binaryHead(1), "RowBinaryWithNamesAndTypes": binaryHead(2),
	"CSVWithNames": lines(1, '"'), "CSVWithNamesAndTypes": lines(2, '"'),
	"TSVWithNames": lines(1, 0), "TSVWithNamesAndTypes": lines(2, 0),
	"TabSeparatedWithNames": lines(1, 0), "TabSeparatedWithNamesAndTypes": lines(2, 0),
	"JSONCompactEachRowWithNames": lines(1, 0), "JSONCompactEachRowWithNamesAndTypes": lines(2, 0),
}

// binaryHead is a count of columns and for each of them n strings.
func binaryHead(n uint64) func([]byte) int {
	return func(chunk []byte) int {
		c := cursor{b: chunk}
		for left := n * c.uvarint(); left > 0 && c.err == nil; left-- {
			c.skip(c.uvarint(), 1)
		}
		return c.at
	}
}

// lines is n lines. Between two quotes, if there are any, a line break ends no line.
func lines(n int, quote byte) func([]byte) int {
	return func(chunk []byte) int {
		quoted, left := false, n
		for i, b := range chunk {
			switch {
			case b == quote && quote != 0:
				quoted = !quoted
			case b == '\n' && !quoted:
				if left--; left == 0 {
					return i + 1
				}
			}
		}
		return len(chunk)
	}
}

// withoutHead is a chunk but the first. In that of totals and extremes, which begins
// with an empty line, the head comes last.
func withoutHead(chunk, head []byte) []byte {
	if rest, ok := bytes.CutPrefix(chunk, head); ok {
		return rest
	}
	rest, _ := bytes.CutSuffix(chunk, head)
	return rest
}

// writeHead sends what says which columns an empty result has: the engine leaves it
// out, and clients take names and types from it. The statement without rows costs
// nothing. Where it cannot be had, the answer stays empty.
func (q *request) writeHead(s *session, a *answer, st statement) error {
	format := st.format
	if format == "Native" {
		format = "RowBinaryWithNamesAndTypes"
	}
	out, _, err := s.run("SELECT * FROM ("+withoutFormat(st.sql)+") LIMIT 0", format, q.bound...)
	if err != nil {
		return nil
	}
	if st.format == "Native" {
		out = emptyBlock(out)
	}
	return q.write(a, st.format, &out)
}

// emptyBlock makes a Native block (revision 0) without rows of a binary head.
func emptyBlock(head []byte) []byte {
	c := cursor{b: head}
	var texts [][]byte // all names, all types
	for left := 2 * c.uvarint(); left > 0 && c.err == nil; left-- {
		texts = append(texts, c.take(c.uvarint()))
	}
	n := len(texts) / 2
	block := binary.AppendUvarint(nil, uint64(n))
	block = binary.AppendUvarint(block, 0)
	for i := range n {
		for _, text := range [][]byte{texts[i], texts[n+i]} {
			block = append(binary.AppendUvarint(block, uint64(len(text))), text...)
		}
	}
	return block
}
