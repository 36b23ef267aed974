package oracle

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// comparisons are the tests that hold something against references, as make oracle
// runs them.
const comparisons = "^(TestKernels|TestFloat32|TestPairs|TestCalibration|TestWear)"

// folders is a copy of the references and recordings in their layout, in which one of
// each has another name and one of each is there twice.
type folders struct {
	*testing.T
	Data
}

func copied(t *testing.T) folders {
	d, dir := data(t), t.TempDir()
	to := folders{t, Data{filepath.Join(dir, "references"), filepath.Join(dir, "recordings", "wrists")}}
	devices := filepath.Join("..", "device-samples")
	for _, folder := range []string{"", "inputs"} {
		to.link(filepath.Join(d.Oracle, folder), filepath.Join(to.Oracle, folder))
	}
	to.link(d.Recordings, to.Recordings)
	to.link(filepath.Join(d.Recordings, devices), filepath.Join(to.Recordings, devices))
	to.rename("S01.", "X77.")
	to.rename("compositeA_", "other_7_")
	to.rename("pairP_lag3s", "late")
	to.rename("calib_seed20140701.", "bench.")
	to.twice("S02.", "S99.")
	to.twice("other_7_2.", "single_1.")
	to.twice("pairP.", "again.")
	to.twice("pairP_left.", "again_left.")
	to.twice("pairP_right.", "again_right.")
	to.twice("bench.", "spare.")
	return to
}

// link fills a folder with links to the files of another.
func (f folders) link(from, to string) {
	files, err := os.ReadDir(from)
	if err == nil {
		err = os.MkdirAll(to, 0o755)
	}
	for _, file := range files {
		if err == nil && file.Type().IsRegular() {
			err = os.Symlink(filepath.Join(from, file.Name()), filepath.Join(to, file.Name()))
		}
	}
	if err != nil {
		f.Fatal(err)
	}
}

// each does something with the files whose names begin so, given another beginning.
func (f folders) each(from, to string, do func(from, to string) error) {
	n := 0
	for _, dir := range []string{f.Oracle, filepath.Join(f.Oracle, "inputs"), f.Recordings} {
		files, err := filepath.Glob(filepath.Join(dir, from+"*"))
		for _, file := range files {
			if err == nil {
				err = do(file, filepath.Join(dir, to+strings.TrimPrefix(filepath.Base(file), from)))
				n++
			}
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	if n == 0 {
		f.Fatalf("no files %s*", from)
	}
}

func (f folders) rename(from, to string) { f.each(from, to, os.Rename) }

func (f folders) twice(from, to string) {
	f.each(from, to, func(from, to string) error {
		at, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(at, to)
	})
}

// spoil changes a value of a column in the row of a file of references that begins so,
// in the middle one where that is empty.
func (f folders) spoil(name, row, column string, to func(float64) float64) {
	path := filepath.Join(f.Oracle, name)
	rows, err := readCSV(path)
	if err != nil {
		f.Fatal(err)
	}
	i, k := len(rows)/2, slices.Index(rows[0], column)
	if row != "" {
		i = slices.IndexFunc(rows, func(r []string) bool { return r[0] == row })
	}
	if i < 1 || k < 0 {
		f.Fatalf("%s has no row %q or no column %s", name, row, column)
	}
	v, err := strconv.ParseFloat(rows[i][k], 64)
	if err != nil {
		f.Fatal(err)
	}
	rows[i][k] = strconv.FormatFloat(to(v), 'g', 17, 64)
	var text strings.Builder
	for _, row := range rows {
		fmt.Fprintln(&text, strings.Join(row, ","))
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(text.String()), 0o600)); err != nil {
		f.Fatal(err)
	}
}

// compare runs the comparisons on the folders, each named by the environment, and
// answers their lines.
func (f folders) compare() (lines [][]string, out string, passed bool) {
	cmd := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.run", comparisons)
	cmd.Env = append(os.Environ(), "ORACLE_DIR="+f.Oracle, "RECORDINGS_DIR="+f.Recordings)
	text, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v := columns.Split(strings.TrimSpace(line), -1); len(v) > 3 && (v[len(v)-1] == "ok" || strings.HasSuffix(v[len(v)-1], "EXCEED")) {
			lines = append(lines, v)
		}
	}
	return lines, string(text), err == nil
}

// columns of a table are at least so far apart.
var columns = regexp.MustCompile("  +")

// TestOtherFolders: ORACLE_DIR and RECORDINGS_DIR may name any folders in the layout of
// the shared ones, with recordings of other names and more of them. Every comparison is
// made there, and none passes for want of something to compare.
func TestOtherFolders(t *testing.T) {
	f := copied(t)
	lines, out, passed := f.compare()
	if !passed || strings.Contains(out, "--- SKIP") {
		t.Fatalf("in a copy of the shared folders:\n%s", out)
	}
	met := make(map[string]int)
	for _, l := range lines {
		name, _, _ := strings.Cut(l[2], " ")
		met[name]++
	}
	for _, same := range [][]string{
		{"S02", "S28", "S99", "X77"}, {"pairP", "late", "again"}, {"bench", "spare"}, {"geneactiv100hz"},
		{"other_7_1"}, {"other_7_2", "single_1"}, {"other_7", "single"}, // SKDH's CTA has not both sessions
	} {
		n := met[same[0]]
		for _, name := range same {
			if met[name] == 0 || met[name] != n {
				t.Errorf("%d lines of %s, %d of %s", met[name], name, n, same[0])
			}
			delete(met, name)
		}
	}
	if len(met) > 0 {
		t.Errorf("lines of recordings that are not there: %v", met)
	}
	t.Logf("%d comparisons in a copy", len(lines))

	var want []string
	flip := func(v float64) float64 { return 1 - v }
	more := func(v float64) float64 { return v + 1 }
	later := func(v float64) float64 { return v + 600 }
	for _, c := range []struct {
		file, row, column string
		change            func(float64) float64
		lines             []string // that must exceed: feature, file, recording
	}{
		{"X77.basic_60s.csv", "", "jerk_rms", more, []string{"jerk_rms basic X77"}},
		{"S99.basic_5s.csv", "", "n", more, []string{"n basic S99"}},
		{"S99.skdh_metrics_5s.csv", "", "anglez_mean", more, []string{"anglez_mean5 skdh_metrics S99"}},
		{"S99.skdh_metrics_900s.csv", "", "hfen_zp", more, []string{"hfen_zp skdh_metrics S99"}},
		{"S99.causal_filters_5s.csv", "", "bfen_ss", more, []string{"bfen_c causal_filters S99"}},
		{"S99.ggir_metrics_5s.csv", "", "ZCX", more, []string{"zc_x ggir_metrics S99"}},
		{"S99.ggir_sib_5s.csv", "", "sib_T5A5", flip, []string{"sib ggir_sib S99"}},
		{"S99.bands_60s.csv", "", "vm_dom_freq", more, []string{"vm_dom_freq bands S99"}},
		{"S99.skdh_features_60s.csv", "", "x_mean_cross_rate", more, []string{"x_mcr skdh_features S99"}},
		{"S99.skdh_features_60s.csv", "", "vm_kurtosis", more, []string{"vm_kurtosis skdh_features S99"}},
		{"S99.counts30hz_60s.csv", "", "x", more, []string{"counts_li_x counts30hz S99"}},
		{"geneactiv100hz.skdh_metrics_5s.csv", "", "enmo", more, []string{"enmo skdh_metrics geneactiv100hz"}},
		{"late.pair_900s.csv", "", "lag_s", more, []string{"lag_s pair late"}},
		{"spare.ggir.csv", "without_temperature", "offset_x", more, []string{"offset_x ggir spare without_temperature"}},
		{"spare.result.csv", "with_temperature", "scale_y", more, []string{"scale_y result spare with_temperature"}},
		{"other_7_1.cta_minutes.csv", "", "wear_sd0.003", flip, []string{"wear_sd0.003 cta_minutes other_7_1"}},
		{"other_7_1.wear_minutes.csv", "", "skdh_Count_60min", flip, []string{"skdh_Count_60min wear_minutes other_7_1"}},
		{"other_7_2.wear_minutes.csv", "", "nimbaldetach", flip, []string{"nimbaldetach wear_minutes other_7_2", "nimbaldetach wear_minutes other_7"}},
		{"other_7_2.ggir_nonwear_2023_range50mg.csv", "", "r1_nonwear", flip, []string{"r1 ggir_nonwear_2023_range50mg other_7_2", "r1, r3 ggir_nonwear_2023_range50mg other_7_2"}},
		{"single_1.wear_intervals.csv", "skdh.CTA", "wear_end_unix", later, []string{"skdh.CTA sd0.003 wear_intervals single_1"}},
	} {
		f.spoil(c.file, c.row, c.column, c.change)
		want = append(want, c.lines...)
	}
	lines, out, passed = f.compare()
	if passed {
		t.Errorf("with changed values:\n%s", out)
	}
	var found []string
	for _, l := range lines {
		if l[len(l)-1] != "ok" {
			found = append(found, strings.Join(l[:3], " "))
		}
	}
	slices.Sort(want)
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}
