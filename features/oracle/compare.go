package oracle

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// Tolerance is how far a value may be from its reference: the greater of both.
type Tolerance struct{ Absolute, Relative float64 }

func (t Tolerance) allows(got, want float64) bool {
	if math.IsNaN(got) || math.IsNaN(want) {
		return math.IsNaN(got) && math.IsNaN(want)
	}
	return math.Abs(got-want) <= max(t.Absolute, t.Relative*math.Abs(want))
}

func (t Tolerance) String() string {
	switch {
	case t == Tolerance{}:
		return "exact"
	case t.Relative == 0:
		return fmt.Sprintf("%.0e", t.Absolute)
	}
	return fmt.Sprintf("%.0e or %.0e relative", t.Absolute, t.Relative)
}

// Stage says how exact a comparison must be, given the tolerance in float64.
type Stage func(*Against) Tolerance

// InKernels is the tolerance in float64.
func InKernels(a *Against) Tolerance { return a.Tolerance }

// InStore is the tolerance for rows stored as Float32.
func InStore(a *Against) Tolerance {
	if a.Count {
		return Tolerance{}
	}
	return Tolerance{Absolute: max(a.Tolerance.Absolute, 1e-9), Relative: max(a.Tolerance.Relative, 1e-6)}
}

// Line is one feature of one recording at one length.
type Line struct {
	Feature, Recording, File string
	Length                   time.Duration
	Windows, Exceeded        int
	Largest                  float64 // absolute difference
	Tolerance                Tolerance
}

// Report is everything that was compared.
type Report []Line

// Compare holds the rows of every recording that has references against a list of
// them. The error is about what could not be compared, such as a column without a
// number; Report.Err is about what differs.
func (d Data) Compare(list []Against, rows Provider, stage Stage) (Report, error) {
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	return d.compareAll(names, list, rows, stage)
}

func (d Data) compareAll(recordings []string, list []Against, rows Provider, stage Stage) (Report, error) {
	var report Report
	for _, recording := range recordings {
		references := tables{d.Oracle, make(map[string]*Rows)}
		got := make(map[time.Duration]*Rows)
		for i := range list {
			a := &list[i]
			for _, length := range a.Lengths {
				start, want, err := references.reference(a, recording, length)
				if err != nil {
					return nil, err
				}
				if got[length] == nil {
					if got[length], err = rows(recording, length); err != nil {
						return nil, err
					}
				}
				line, err := compare(got[length], a, start, want, stage(a))
				if err != nil {
					return nil, fmt.Errorf("compare %s of %s at %s with %s: %w", a.Feature, recording, length, a.File, err)
				}
				line.Recording, line.Length = recording, length
				report = append(report, line)
			}
		}
	}
	return report, nil
}

func compare(rows *Rows, a *Against, start []time.Duration, want []float64, t Tolerance) (Line, error) {
	n := len(start)
	got := rows.Columns[a.Feature]
	switch {
	case n == 0 || len(want) != n:
		return Line{}, fmt.Errorf("the reference has %d windows and %d values of %s", n, len(want), a.Column)
	case len(rows.Start) < n || !slices.Equal(rows.Start[:n], start):
		return Line{}, fmt.Errorf("the %d windows do not begin where the %d of the reference do", len(rows.Start), n)
	case len(got) < n:
		return Line{}, fmt.Errorf("%d values, want %d", len(got), n)
	}
	l, undefined := Line{Feature: a.Feature, File: a.File, Windows: n, Tolerance: t}, 0
	for i := range n {
		if start[i] < a.After || start[n-1]-start[i] < a.Before {
			l.Windows--
			continue
		}
		if math.IsNaN(got[i]) && math.IsNaN(want[i]) {
			undefined++
			continue
		}
		l.Largest = max(l.Largest, math.Abs(got[i]-want[i])) // NaN shows as NaN
		if !t.allows(got[i], want[i]) {
			l.Exceeded++
		}
	}
	if l.Windows == undefined {
		return l, fmt.Errorf("none of %d windows is compared, of which %d are undefined", n, undefined)
	}
	return l, nil
}

// Err names every line on which a value exceeds its tolerance.
func (r Report) Err() error {
	var errs []error
	for _, l := range r {
		if l.Exceeded > 0 {
			errs = append(errs, fmt.Errorf("%s of %s at %s against %s: %d of %d windows differ by more than %s, largest %.3g",
				l.Feature, l.Recording, l.Length, l.File, l.Exceeded, l.Windows, l.Tolerance, l.Largest))
		}
	}
	return errors.Join(errs...)
}

// Table writes the report as a table for people.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "feature\treference\trecording\twindow\twindows\tlargest difference\ttolerance\t")
	for _, l := range r {
		verdict := "ok"
		if l.Exceeded > 0 {
			verdict = fmt.Sprintf("%d EXCEED", l.Exceeded)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.2e\t%s\t%s\n", l.Feature, l.File, l.Recording, l.Length, l.Windows, l.Largest, l.Tolerance, verdict)
	}
	return t.Flush()
}
