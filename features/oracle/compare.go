package oracle

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wearstream/wearstream/features"
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

// Tolerances says how exact a column must be.
type Tolerances func(column string) Tolerance

// InKernels are the tolerances for float64 (README.md of the references).
func InKernels(column string) Tolerance {
	signal, statistic, _ := strings.Cut(column, "_")
	extreme := statistic == "min" || statistic == "max" || statistic == "range"
	switch {
	case column == "n", column == "temp_n":
		return Tolerance{}
	case column == "temp_slope_per_min":
		return Tolerance{1e-9, 1e-9}
	case signal == "vm" && extreme:
		return Tolerance{Absolute: 1e-12}
	case signal != "temp" && extreme:
		return Tolerance{}
	}
	return Tolerance{Absolute: 1e-9}
}

// InStore are the tolerances for rows stored as Float32.
func InStore(column string) Tolerance {
	if column == "n" || column == "temp_n" {
		return Tolerance{}
	}
	return Tolerance{Absolute: 1e-9, Relative: 1e-6}
}

// Line is one column of one recording at one length.
type Line struct {
	Column, Recording string
	Length            time.Duration
	Windows, Exceeded int
	Largest           float64 // absolute difference
	Tolerance         Tolerance
}

// Report is everything that was compared.
type Report []Line

// Compare compares every column of core.v1, and n, of every recording at every
// length with the references. The error is about what could not be compared;
// Report.Err is about what differs.
func (d Data) Compare(rows Provider, tolerances Tolerances) (Report, error) {
	var report Report
	for _, recording := range Recordings {
		for _, length := range features.Lengths {
			want, err := d.Reference(recording, length)
			if err != nil {
				return nil, err
			}
			got, err := rows(recording, length)
			if err != nil {
				return nil, err
			}
			lines, err := compare(got, want, length, tolerances)
			if err != nil {
				return nil, fmt.Errorf("compare %s at %s: %w", recording, length, err)
			}
			for _, l := range lines {
				l.Recording = recording
				report = append(report, l)
			}
		}
	}
	return report, nil
}

func compare(got, want *Rows, length time.Duration, tolerances Tolerances) ([]Line, error) {
	n := len(want.Start)
	if len(got.Start) < n || !slices.Equal(got.Start[:n], want.Start) {
		return nil, fmt.Errorf("the %d windows do not begin where the %d of the reference do", len(got.Start), n)
	}
	var lines []Line
	for _, id := range append([]string{"n"}, features.Core.ColumnsAt(length)...) {
		g, w := got.Columns[id], want.Columns[id]
		if len(g) < n || len(w) != n {
			return nil, fmt.Errorf("column %s has %d values, its reference %d, want %d", id, len(g), len(w), n)
		}
		l := Line{Column: id, Length: length, Windows: n, Tolerance: tolerances(id)}
		for i := range n {
			l.Largest = max(l.Largest, math.Abs(g[i]-w[i])) // NaN shows as NaN
			if !l.Tolerance.allows(g[i], w[i]) {
				l.Exceeded++
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// Err names every line on which a value exceeds its tolerance.
func (r Report) Err() error {
	var errs []error
	for _, l := range r {
		if l.Exceeded > 0 {
			errs = append(errs, fmt.Errorf("%s of %s at %s: %d of %d windows differ by more than %s, largest %.3g",
				l.Column, l.Recording, l.Length, l.Exceeded, l.Windows, l.Tolerance, l.Largest))
		}
	}
	return errors.Join(errs...)
}

// Table writes the report as a table for people.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "feature\trecording\twindow\twindows\tlargest difference\ttolerance\t")
	for _, l := range r {
		verdict := "ok"
		if l.Exceeded > 0 {
			verdict = fmt.Sprintf("%d EXCEED", l.Exceeded)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.2e\t%s\t%s\n", l.Column, l.Recording, l.Length, l.Windows, l.Largest, l.Tolerance, verdict)
	}
	return t.Flush()
}
