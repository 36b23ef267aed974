package recording

import (
	"fmt"
	"io"
	"strings"
)

// Damage is what of a file could not be read and was left out.
type Damage struct {
	Rows  int64  // rows; blocks or pages of a format that has them
	First string // the first of them, and why
	Where string // all of them, as "a.cwa blocks 0, 13-14"; ends in "..." after maxSpans runs
	End   error  // why the file ends early; nil: it does not
}

// maxSpans is how many runs of damage are told.
const maxSpans = 20

// damage gathers Damage.
type damage struct {
	Damage
	spans []span
	ended string // file whose end was noted last
}

// span is a run of damaged units of a file.
type span struct {
	file, unit string
	from, to   int64
}

// skip notes a unit (line, block, page) that cannot be read.
func (d *damage) skip(file, unit string, at int64, err error) {
	if d.Rows++; d.Rows == 1 {
		d.First = fmt.Sprintf("%s %s %d: %v", file, unit, at, err)
	}
	if n := len(d.spans); n > 0 {
		if s := &d.spans[n-1]; s.file == file && s.to+1 == at {
			s.to = at
			return
		}
	}
	if len(d.spans) <= maxSpans {
		d.spans = append(d.spans, span{file, unit, at, at})
	}
}

// end notes why a file ends before its end; the first that is said of each.
func (d *damage) end(name string, err error) {
	if err == nil || err == io.EOF || d.ended == name {
		return
	}
	if d.ended = name; d.End == nil {
		d.End = fmt.Errorf("%s: %w", name, err)
	} else {
		d.End = fmt.Errorf("%w; %s: %w", d.End, name, err)
	}
}

// told is the damage in words.
func (d *damage) told() Damage {
	var w strings.Builder
	for i, s := range d.spans {
		switch {
		case i == maxSpans:
			w.WriteString(", ...")
			d.Where = w.String()
			return d.Damage
		case i == 0 || s.file != d.spans[i-1].file:
			if i > 0 {
				w.WriteString("; ")
			}
			fmt.Fprintf(&w, "%s %ss ", s.file, s.unit)
		default:
			w.WriteString(", ")
		}
		fmt.Fprintf(&w, "%d", s.from)
		if s.to > s.from {
			fmt.Fprintf(&w, "-%d", s.to)
		}
	}
	d.Where = w.String()
	return d.Damage
}
