package oracle

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
)

func TestKernelsRef(t *testing.T) {
	d := data(t)
	hold(t, d, names(t, d), Ref, d.Kernels(features.Ref))
}

func TestKernelsOffline(t *testing.T) {
	d := data(t)
	hold(t, d, names(t, d), Offline, d.Kernels(features.Offline))
}

func TestKernelsExt(t *testing.T) {
	d := data(t)
	hold(t, d, names(t, d), Ext, d.Kernels(features.Ext))
}

// TestKernelsCounts takes the recordings as they were given to the reference: at 30
// Hz, rounded to three decimals.
func TestKernelsCounts(t *testing.T) {
	d := data(t)
	hold(t, d, names(t, d), Counts, func(recording string, length time.Duration) (*Rows, error) {
		rec, err := input(filepath.Join(d.Oracle, "inputs", recording+".30hz.csv.gz"), 30_000)
		if err != nil {
			return nil, err
		}
		return blocks(features.Ref, rec, 30_000, length), nil
	})
}

// TestKernels100Hz is another device, at 100 Hz.
func TestKernels100Hz(t *testing.T) {
	d := data(t)
	const name, file = "geneactiv100hz", "geneactiv-right-wrist-100hz.csv.gz"
	var rec *Recording
	err := errors.New("nowhere")
	for _, dir := range []string{d.Recordings, filepath.Join(d.Recordings, "..", "device-samples"), filepath.Join(d.Oracle, "..", "real", "device-samples")} {
		if err != nil {
			rec, err = input(filepath.Join(dir, file), 100_000)
		}
	}
	if err != nil {
		missing(t, fmt.Errorf("%s is neither in RECORDINGS_DIR, %s, nor in the folder device-samples beside it: %w", file, d.Recordings, err))
	}
	list := func(ids ...string) (list []Against) {
		for _, all := range [][]Against{Core, Ref, Offline} {
			for _, a := range all {
				for _, id := range ids {
					if a.Feature == id && a.File == "skdh_metrics" {
						a.Lengths = features.Lengths[:1]
						list = append(list, a)
					}
				}
			}
		}
		if len(list) != len(ids) {
			t.Fatalf("%d references, want %d", len(list), len(ids))
		}
		return list
	}
	for set, references := range map[*features.Set][]Against{
		features.Core:    list("en", "enmo", "mad"),
		features.Ref:     list("anglez_mean5"),
		features.Offline: list("hfen_zp", "bfen_zp"),
	} {
		hold(t, d, []string{name}, references, func(_ string, length time.Duration) (*Rows, error) {
			return blocks(set, rec, 100_000, length), nil
		})
	}
}

// hold compares in float64.
func hold(t *testing.T, d Data, recordings []string, list []Against, rows Provider) {
	t.Helper()
	report, err := d.compareAll(recordings, list, rows, InKernels)
	if err != nil {
		t.Fatal(err)
	}
	log(t, report)
}

// TestFilling shows that what anglez_rm is not compared with is only what the
// reference fills in: with the same filling, all windows agree.
func TestFilling(t *testing.T) {
	const step, width, second, near = 3, 51, 32, 60 * 32
	d := data(t)
	for _, recording := range names(t, d) {
		rec, err := d.Recording(recording)
		if err != nil {
			t.Fatal(err)
		}
		n := len(rec.Samples.X) / 480 * 480
		var median [3][]float64
		for axis, v := range [][]int32{rec.Samples.X, rec.Samples.Y, rec.Samples.Z} {
			var every []int32
			for i := 0; i < n; i += step {
				every = append(every, v[i])
			}
			m := make([]float64, len(every))
			for i := width / 2; i < len(m)-width/2; i++ {
				m[i] = float64(slices.Sorted(slices.Values(every[i-width/2 : i+width/2+1]))[width/2])
			}
			for _, end := range [][]float64{m[:near], m[len(m)-near-1:]} {
				first := slices.IndexFunc(end, func(v float64) bool { return v != 0 })
				for i := range end {
					if end[i] == 0 {
						end[i] = end[first]
					}
				}
			}
			median[axis] = m
		}
		references := tables{d.Oracle, make(map[string]*Rows)}
		rows, err := references.table("ggir_metrics", recording, features.EpochLength)
		if err != nil {
			t.Fatal(err)
		}
		for e, want := range rows.Columns["angle_z"] {
			sum := 0.0
			for i := e * 5 * second; i < (e+1)*5*second; i++ {
				x, y, z := median[0][i/step], median[1][i/step], median[2][i/step]
				sum += math.Atan(z/math.Sqrt(x*x+y*y)) * 180 / math.Pi
			}
			if got := sum / (5 * second); !(math.Abs(got-want) <= 1e-9) {
				t.Errorf("%s, epoch %d: %g, want %g", recording, e, got, want)
			}
		}
	}
}
