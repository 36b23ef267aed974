package features

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata")

// TestGolden fixes every bit of every feature: the same on any processor, and in
// any build of this version.
func TestGolden(t *testing.T) {
	golden(t, "core.v1.golden", fmt.Sprintf("algo %s\n%s", Core.Algo(), digests(len(Core.Features))))
}

// digests are those of the first columns, by length.
func digests(columns int) string {
	var text strings.Builder
	es := epochs(900, 32)
	s, _ := wrist(900, 32)
	for _, length := range Lengths {
		digest := sha256.New()
		per := int(length / EpochLength)
		for i := 0; i < len(es); i += per {
			out := values(merged(es[i:i+per]), s.slice(i*5*32, (i+per)*5*32), length, 32)[:columns]
			for k, v := range out {
				if math.IsNaN(v) {
					out[k] = math.NaN() // one bit pattern
				}
			}
			binary.Write(digest, binary.LittleEndian, out)
		}
		fmt.Fprintf(&text, "%s %x\n", length, digest.Sum(nil))
	}
	return text.String()
}

// TestGoldenBefore: what version 1.1.0 had, has the same bits in this one.
func TestGoldenBefore(t *testing.T) {
	added := len(Core.Features) - len(arms)
	if !slices.Equal(Core.Columns()[added:], []string{"arm_up_x", "arm_up_y", "arm_up_z", "arm_down_x", "arm_down_y", "arm_down_z"}) {
		t.Fatal("the columns that 1.1.0 has not are not the last ones")
	}
	golden(t, "core.v1@1.1.0.golden", digests(added))
}

// TestGoldenFused says what a compiler makes of a product and a sum where nothing
// forbids it to fuse them; TestProcessors reads it.
func TestGoldenFused(t *testing.T) {
	t.Logf("fuses: %v", fusing(1+0x1p-30, 1-0x1p-30, -1) != 0)
}

//go:noinline
func fusing(a, b, c float64) float64 { return a*b + c }

func golden(t *testing.T, name, got string) {
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: a change of a number is a new version of the set\ngot  %s\nwant %s", path, got, want)
	}
}

func TestColumns(t *testing.T) {
	ids := Core.Columns()
	seen := make(map[string]bool)
	for i, f := range Core.Features {
		if ids[i] != f.ID || seen[f.ID] || f.Unit == "" || f.Doc == "" || f.Value == nil || len(f.Windows) == 0 {
			t.Errorf("feature %d, %+v, is twice there or incomplete", i, f)
		}
		seen[f.ID] = true
		for _, w := range f.Windows {
			if !slices.Contains(Lengths, w) || !slices.Contains(Core.ColumnsAt(w), f.ID) {
				t.Errorf("%s is not listed at %s", f.ID, w)
			}
		}
	}
	only := map[string][]time.Duration{"mad": Lengths[:1], "mad5_mean": Lengths[1:], "jerk_rms": {time.Minute}}
	for _, f := range arms {
		only[f.ID] = Lengths[1:]
	}
	for _, f := range Core.Features {
		want := Lengths
		if w, ok := only[f.ID]; ok {
			want = w
		} else if f.Samples {
			want = []time.Duration{time.Minute}
		}
		if !slices.Equal(f.Windows, want) {
			t.Errorf("%s is defined at %v, want %v", f.ID, f.Windows, want)
		}
	}
	if at := Core.SampleLengths(); !slices.Equal(at, []time.Duration{time.Minute}) {
		t.Errorf("samples are needed at %v", at)
	}
	if at := Core.ColumnsAt(time.Hour); at != nil {
		t.Errorf("columns at an hour: %v", at)
	}
}

// TestAlgo: the digest covers ids and parameters, and nothing else.
func TestAlgo(t *testing.T) {
	base := Core.Algo()
	renamed := *Core
	renamed.Features = slices.Clone(Core.Features)
	renamed.Features[0].ID = "x_average"
	changed := *Core
	changed.Parameters = map[string]any{"enmo_offset_g": 2}
	reworded := *Core
	reworded.Features = slices.Clone(Core.Features)
	reworded.Features[0].Doc = "another word"
	if renamed.Algo() == base || changed.Algo() == base || reworded.Algo() != base {
		t.Errorf("%s, renamed %s, changed %s, reworded %s", base, renamed.Algo(), changed.Algo(), reworded.Algo())
	}
}
