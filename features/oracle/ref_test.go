package oracle

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
)

func TestKernelsRef(t *testing.T) {
	d := data(t)
	hold(t, d, Recordings, Ref, d.Kernels(features.Ref))
}

func TestKernelsOffline(t *testing.T) {
	d := data(t)
	hold(t, d, Recordings, Offline, d.Kernels(features.Offline))
}

// TestKernelsCounts takes the recordings as they were given to the reference: at 30
// Hz, rounded to three decimals.
func TestKernelsCounts(t *testing.T) {
	d := data(t)
	hold(t, d, Recordings, Counts, func(recording string, length time.Duration) (*Rows, error) {
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
	rec, err := input(filepath.Join(d.Recordings, "..", "device-samples", "geneactiv-right-wrist-100hz.csv.gz"), 100_000)
	if err != nil {
		t.Skipf("the device's recording is not here: %v", err)
	}
	const name = "geneactiv100hz"
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
