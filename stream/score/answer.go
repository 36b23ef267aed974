package score

import (
	"errors"
	"fmt"
	"math"
)

// Score is one number or text of a window, by its column's name.
type Score struct {
	Name  string
	Value float64 // NaN: there is none
	Text  string
}

// Scores reads an answer to the request: the scores of each window that was asked, in
// the order of the answer's columns; none where the model said nothing of a window.
// Of a refusal it is nil.
func (q *Request) Scores(a Answer) ([][]Score, error) {
	if a.Result == ResultRefused {
		return nil, nil
	}
	said := make([][]Score, len(q.Asked))
	if a.Result == ResultAnswered {
		if err := q.read(a.Body, said); err != nil {
			return nil, err
		}
	}
	return said, nil
}

// read fills said, one entry for each window that was asked.
func (q *Request) read(body []byte, said [][]Score) (err error) {
	defer catch(&err)
	index := make(map[key]int, len(q.Asked))
	for i, w := range q.Asked {
		index[key{w.Sensor, w.StartMS, w.LengthS}] = i
	}
	messages := &messages{rest: body}
	columns, err := messages.schema()
	if err != nil {
		return err
	}
	names, values, err := roles(columns)
	if err != nil {
		return err
	}
	texts := len(body) // columns may say that they share their bytes, but honest ones do not
	for left := len(q.Asked); ; {
		rows, err := messages.rows(columns)
		if err != nil || rows < 0 {
			return err
		}
		if left -= rows; left < 0 {
			return fmt.Errorf("it has more rows than the %d that were asked", len(q.Asked))
		}
		for row := range rows {
			k, err := names.key(row)
			if err != nil {
				return fmt.Errorf("row %d: %w", row, err)
			}
			i, ok := index[k]
			switch {
			case !ok:
				return fmt.Errorf("row %d: window %d of %d s of sensor %q was not asked", row, k.startMS, k.lengthS, clip(k.sensor))
			case said[i] != nil:
				return fmt.Errorf("row %d: window %d of %d s of sensor %q is answered twice", row, k.startMS, k.lengthS, k.sensor)
			}
			said[i] = make([]Score, len(values))
			for j, c := range values {
				s := Score{Name: c.name, Value: math.NaN()}
				if !c.null(row) {
					if c.kind == text {
						s.Text, err = c.text(row)
					} else {
						s.Value, err = c.number(row)
					}
				}
				if texts -= len(s.Text); err == nil && texts < 0 {
					err = errors.New("its texts are longer than it is")
				}
				if err != nil {
					return fmt.Errorf("row %d: %s: %w", row, c.name, err)
				}
				said[i][j] = s
			}
		}
	}
}

// naming are the columns that name the window of a row.
type naming struct{ sensor, start, length *column }

// roles finds what the columns are for.
func roles(columns []column) (n naming, values []*column, err error) {
	seen := map[string]bool{}
	for i := range columns {
		c := &columns[i]
		if !scoreName.MatchString(c.name) || seen[c.name] {
			return n, nil, fmt.Errorf("column name %q: names are letters, digits and _ . : -, begin with a letter or _, and stand once", clip(c.name))
		}
		seen[c.name] = true
		fits := c.kind != instant
		switch c.name {
		case "sensor":
			n.sensor, fits = c, c.kind == text
		case "window_start":
			n.start, fits = c, c.kind == instant
		case "length_s":
			n.length, fits = c, c.kind == signed || c.kind == unsigned
		default:
			values = append(values, c)
		}
		if !fits {
			return n, nil, fmt.Errorf("column %q has a type that does not fit its name", c.name)
		}
	}
	if n.sensor == nil || n.start == nil || n.length == nil {
		return n, nil, errors.New("it needs the columns sensor, window_start and length_s, as they were asked")
	}
	return n, values, nil
}

func (n naming) key(row int) (k key, err error) {
	for _, c := range []*column{n.sensor, n.start, n.length} {
		if c.null(row) {
			return k, fmt.Errorf("%s is NULL", c.name)
		}
	}
	if k.sensor, err = n.sensor.text(row); err != nil {
		return k, fmt.Errorf("sensor: %w", err)
	}
	const ms = 1_000_000
	start, unit := n.start.integer(row), n.start.unit
	switch {
	case unit < ms && start%(ms/unit) == 0:
		k.startMS = start / (ms / unit)
	case unit >= ms && start <= math.MaxInt64/1000 && start >= math.MinInt64/1000:
		k.startMS = start * (unit / ms)
	default:
		return k, fmt.Errorf("window_start %d in units of %d ns is none of a window", start, unit)
	}
	length := n.length.integer(row)
	if length < 0 || length > math.MaxUint32 {
		return k, fmt.Errorf("length_s %d is none of a window", length)
	}
	k.lengthS = uint32(length)
	return k, nil
}
