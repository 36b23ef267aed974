package oracle

import (
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
)

func data(t *testing.T) Data {
	t.Helper()
	d, err := Find()
	if err != nil {
		missing(t, err)
	}
	return d
}

// missing ends a test whose data are not here. It fails where the comparison was asked
// for: by naming the data, or in make oracle.
func missing(t *testing.T, why error) {
	t.Helper()
	for _, name := range []string{"ORACLE_DIR", "RECORDINGS_DIR", "TEST_ORACLE_REQUIRED"} {
		if os.Getenv(name) != "" {
			t.Fatal(why)
		}
	}
	t.Skipf("the references are not here: %v", why)
}

func names(t *testing.T, d Data) []string {
	t.Helper()
	all, err := d.Names()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKernels(t *testing.T) {
	d := data(t)
	check(t, d, d.Kernels(features.Core), InKernels)
}

// TestFloat32 is what the stores hold.
func TestFloat32(t *testing.T) {
	d := data(t)
	stored := func(recording string, length time.Duration) (*Rows, error) {
		rows, err := d.Kernels(features.Core)(recording, length)
		if err == nil {
			for _, column := range rows.Columns {
				for i, v := range column {
					column[i] = float64(float32(v))
				}
			}
		}
		return rows, err
	}
	check(t, d, stored, InStore)
}

func check(t *testing.T, d Data, rows Provider, stage Stage) {
	report, err := d.Compare(Core, rows, stage)
	if err != nil {
		t.Fatal(err)
	}
	log(t, report)
}

func log(t *testing.T, report Report) {
	t.Helper()
	var table strings.Builder
	if err := report.Table(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

// unreferenced are features that no reference has: the axes that it leaves out, and
// a root of sums that it has. Package features derives them from those that have.
var unreferenced = map[string]bool{"anglex_mean5": true, "angley_mean5": true, "counts_li_vm": true}

// TestEveryFeatureHasAReference, at every length at which it is defined.
func TestEveryFeatureHasAReference(t *testing.T) {
	for _, c := range []struct {
		set  *features.Set
		list []Against
	}{
		{features.Core, Core},
		{features.Ref, slices.Concat(Ref, Counts)},
		{features.Offline, Offline},
		{features.Ext, Ext},
	} {
		for _, f := range c.set.Features {
			if unreferenced[f.ID] {
				continue
			}
			for _, w := range f.Windows {
				if !slices.ContainsFunc(c.list, func(a Against) bool { return a.Feature == f.ID && slices.Contains(a.Lengths, w) }) {
					t.Errorf("%s of %s has no reference at %s", f.ID, c.set.Name, w)
				}
			}
		}
	}
}

// TestCompareFinds checks that a comparison fails for every kind of difference.
func TestCompareFinds(t *testing.T) {
	const length = 5 * time.Second
	rec := &Recording{}
	for i := range 10 * 32 {
		s := &rec.Samples
		s.T = append(s.T, int64(i)*31_250_000)
		s.X, s.Y, s.Z = append(s.X, int32(i*997)), append(s.Y, int32(-i)), append(s.Z, 1_000_000)
		if i%readEvery == 0 {
			rec.Readings.T = append(rec.Readings.T, s.T[i])
			rec.Readings.MilliC = append(rec.Readings.MilliC, int32(30_000+i*i%77))
		}
	}
	want := Compute(features.Core, rec, length)
	late := Against{Feature: "mad", Lengths: features.Lengths[:1], After: time.Minute}
	if _, err := compare(want, &late, want.Start, want.Columns["mad"], Tolerance{}); err == nil {
		t.Error("nothing was compared, and that passed")
	}
	if _, err := (Data{Oracle: t.TempDir()}).Names(); err == nil {
		t.Error("an empty folder has references")
	}
	for name, c := range map[string]struct {
		spoil      func(*Rows)
		incomplete bool
	}{
		"same":           {func(*Rows) {}, false},
		"exact column":   {func(r *Rows) { r.Columns["x_min"][1] = math.Nextafter(r.Columns["x_min"][1], 1) }, false},
		"close column":   {func(r *Rows) { r.Columns["mad"][1] += 2e-9 }, false},
		"undefined":      {func(r *Rows) { r.Columns["enmo"][0] = math.NaN() }, false},
		"count":          {func(r *Rows) { r.Columns["n"][0]-- }, false},
		"missing window": {func(r *Rows) { r.Start = r.Start[1:] }, true},
		"missing column": {func(r *Rows) { delete(r.Columns, "vm_sd") }, true},
	} {
		got := &Rows{slices.Clone(want.Start), maps.Clone(want.Columns)}
		for id := range got.Columns {
			got.Columns[id] = slices.Clone(got.Columns[id])
		}
		c.spoil(got)
		var report Report
		var incomplete error
		for i := range Core {
			if a := &Core[i]; slices.Contains(a.Lengths, length) {
				line, err := compare(got, a, want.Start, want.Columns[a.Feature], InKernels(a))
				report, incomplete = append(report, line), errors.Join(incomplete, err)
			}
		}
		if (incomplete != nil) != c.incomplete {
			t.Errorf("%s: error %v", name, incomplete)
		}
		if differs := report.Err() != nil; differs != (name != "same" && !c.incomplete) {
			t.Errorf("%s: %v", name, report.Err())
		}
	}
}
