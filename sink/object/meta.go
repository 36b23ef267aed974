package object

import (
	"fmt"
	"strconv"

	"github.com/wearstream/wearstream/stream"
)

// Meta is what an object says about itself: in the key-value metadata of the
// Parquet file (each name with the prefix "wearstream."), which counts, and as
// the object's metadata, which is the copy.
type Meta struct {
	stream.Range        // the cut that it was made from
	Rows         int64  // rows in the file
	RowSHA256    string // over the rows, leaf column by leaf column (rowHash), hex
	Schema       string // SchemaLanding, or the row type of a table
	Build        string // of the binary that wrote it
}

const metaPrefix = "wearstream."

// Map is the metadata by name.
func (m *Meta) Map() map[string]string {
	return map[string]string{
		"log":        string(m.Log),
		"topic":      m.Topic,
		"partition":  strconv.FormatInt(int64(m.Partition), 10),
		"first":      strconv.FormatInt(m.First, 10),
		"next":       strconv.FormatInt(m.Next, 10),
		"rows":       strconv.FormatInt(m.Rows, 10),
		"row_sha256": m.RowSHA256,
		"schema":     m.Schema,
		"build":      m.Build,
	}
}

// ParseMeta reads what Map wrote.
func ParseMeta(values map[string]string) (Meta, error) {
	var fault error
	text := func(name string) string {
		v := values[name]
		if v == "" && fault == nil {
			fault = fmt.Errorf("parse object metadata: %s is missing", name)
		}
		return v
	}
	number := func(name string, bits int) int64 {
		v := text(name)
		n, err := strconv.ParseInt(v, 10, bits)
		if fault == nil && (err != nil || n < 0) {
			fault = fmt.Errorf("parse object metadata: %s is %q", name, v)
		}
		return n
	}
	m := Meta{
		Range: stream.Range{
			Log:       stream.LogID(text("log")),
			Topic:     text("topic"),
			Partition: int32(number("partition", 32)),
			First:     number("first", 64),
			Next:      number("next", 64),
		},
		Rows:      number("rows", 64),
		RowSHA256: text("row_sha256"),
		Schema:    text("schema"),
		Build:     values["build"],
	}
	if fault == nil && m.Next <= m.First {
		fault = fmt.Errorf("parse object metadata: next is %d, first %d", m.Next, m.First)
	}
	return m, fault
}
