package features

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var blockSets = []*Set{Core, Ref, Offline}

// window is what a Block said of one.
type window struct {
	start  int64
	length time.Duration
	n      int
	warmup bool
	values string // bits
}

func keep(to *[]window) func(*Result) {
	return func(r *Result) {
		*to = append(*to, window{r.Start, r.Window.Length, r.Window.N(), r.Warmup, fmt.Sprintf("%x", bitsOf(r.Values))})
	}
}

func bitsOf(values []float64) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		if out[i] = math.Float64bits(v); v != v {
			out[i] = math.Float64bits(math.NaN())
		}
	}
	return out
}

// atOnce is a block whose samples are all there.
func atOnce(set *Set, rate int, start int64, s Samples, r Readings) (ws []window) {
	b := NewBlock(set, milli(rate))
	b.Begin(start)
	b.Extend(s, r, math.MaxInt64, keep(&ws))
	return ws
}

// holey is a wrist of 26 minutes with holes: of one sample, of 0.2 s, of 0.3 s, of
// 20 s, of 7 min, and where a block begins at `start`.
func holey(rate int) (s Samples, r Readings, start int64) {
	whole, r := wrist(26*60, rate)
	start = whole.T[0] + int64(5*time.Minute)
	for i, t := range whole.T {
		at := time.Duration(t - start)
		in := func(from, length time.Duration) bool { return at >= from && at < from+length }
		switch {
		case in(-2*time.Second, time.Second/5), in(3*time.Second, time.Second/40), in(63*time.Second, time.Second/5),
			in(100*time.Second, 300*time.Millisecond), in(200*time.Second, 20*time.Second), in(9*time.Minute, 4*time.Minute):
		default:
			s.T, s.X, s.Y, s.Z = append(s.T, t), append(s.X, whole.X[i]), append(s.Y, whole.Y[i]), append(s.Z, whole.Z[i])
		}
	}
	return s, r, start
}

// TestAnySteps: however the samples come, in whatever steps, and however much is
// known that does not matter, the windows have the same bytes.
func TestAnySteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, rate := range []int{25, 50} {
		s, r, start := holey(rate)
		for _, set := range blockSets {
			want := atOnce(set, rate, start, s, r)
			if len(want) < 130 {
				t.Fatalf("%s: only %d windows", set.Name, len(want))
			}
			from, to := within(s.T, 0, start-int64(set.Lead), start+int64(BlockLength+set.Trail))
			if got := atOnce(set, rate, start, s.part(from, to), r); !reflect.DeepEqual(got, want) {
				t.Errorf("%s at %d Hz: the windows depend on what is beyond Lead and Trail", set.Name, rate)
			}
			for round := range 4 {
				var got []window
				b := NewBlock(set, milli(rate))
				b.Begin(start - int64(BlockLength)) // another block leaves nothing
				b.Extend(s, r, math.MaxInt64, func(*Result) {})
				b.Begin(start)
				most := []int{3, 400, 6000, 20_000}[round]
				for n := rng.IntN(5000); n < len(s.T) && (round > 0 || n < 8000); n += 1 + rng.IntN(most) {
					b.Extend(s.part(0, n), r, s.T[n], keep(&got))
				}
				b.Extend(s, r, math.MaxInt64, keep(&got))
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s at %d Hz, steps below %d: the windows depend on the steps", set.Name, rate, most)
				}
			}
		}
	}
}

// TestNext: block after block has the bytes of each alone, also where one was left
// before its end was known.
func TestNext(t *testing.T) {
	const rate = 50
	s, r, start := holey(rate)
	first := start - int64(BlockLength) + int64(12*time.Minute)
	for _, set := range blockSets {
		var want, got []window
		b := NewBlock(set, milli(rate))
		for i := range int64(3) {
			want = append(want, atOnce(set, rate, first+i*int64(BlockLength), s, r)...)
		}
		b.Begin(first)
		for range 3 {
			for n := 5000; n < len(s.T); n += 7001 {
				b.Extend(s.part(0, n), r, s.T[n], keep(&got))
			}
			b.Extend(s, r, math.MaxInt64, keep(&got))
			b.Next()
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: windows of blocks in a row differ", set.Name)
		}
	}
}

// TestWarmBlocks: a filter that began a minute before the block is where one is that
// runs since the block before.
func TestWarmBlocks(t *testing.T) {
	const rate = 50
	s, _ := wrist(1000, rate)
	epochs := func(start int64, skip int) (values [][]float64) {
		b := NewBlock(Ref, milli(rate))
		b.Begin(start)
		b.Extend(s, Readings{}, math.MaxInt64, func(r *Result) {
			if r.Window.Length == EpochLength && r.Start >= s.T[0]+int64(skip)*int64(EpochLength) {
				values = append(values, slices.Clone(r.Values[:3]))
			}
		})
		return values
	}
	const from = 70 // epochs after the first sample a block begins
	one, other := epochs(s.T[0], from), epochs(s.T[0]+from*int64(EpochLength), from)
	if len(one) != 180-from {
		t.Fatalf("%d epochs", len(one))
	}
	for i := range one {
		for k := range one[i] {
			if d := math.Abs(one[i][k] - other[i][k]); !(d < 1e-10) {
				t.Fatalf("epoch %d, %s: %g apart", i, Ref.Features[k].ID, d)
			}
		}
	}
}

// TestGoldenBlocks fixes every bit of the sets that are, or may be, computed in blocks.
func TestGoldenBlocks(t *testing.T) {
	for _, set := range []*Set{Ref, Offline, Ext} {
		var text strings.Builder
		fmt.Fprintf(&text, "algo %s\n", set.Algo())
		for _, rate := range []int{12, 32, 50} {
			s, r, start := holey(rate)
			digest := sha256.New()
			b := NewBlock(set, milli(rate))
			b.Begin(start)
			b.Extend(s, r, math.MaxInt64, func(r *Result) {
				binary.Write(digest, binary.LittleEndian, []int64{r.Start, int64(r.Window.Length)})
				binary.Write(digest, binary.LittleEndian, r.Warmup)
				binary.Write(digest, binary.LittleEndian, bitsOf(r.Values))
			})
			fmt.Fprintf(&text, "%d Hz %x\n", rate, digest.Sum(nil))
		}
		golden(t, set.Name+".golden", text.String())
	}
}

// values of a feature at a length.
func columnOf(set *Set, id string, length time.Duration, rate int, start int64, s Samples) (values []float64) {
	k := slices.Index(set.Columns(), id)
	b := NewBlock(set, milli(rate))
	b.Begin(start)
	b.Extend(s, Readings{}, math.MaxInt64, func(r *Result) {
		if r.Window.Length == length {
			values = append(values, r.Values[k])
		}
	})
	return values
}

func TestDerived(t *testing.T) {
	s, _ := wrist(120, 50)
	turned := Samples{s.T, s.Z, s.X, s.Y}
	get := func(id string, length time.Duration, s Samples) []float64 {
		return columnOf(Ref, id, length, 50, s.T[0], s)
	}
	for _, c := range []struct {
		one, other string // the same, of the turned samples
		length     time.Duration
	}{
		{"anglez_mean5", "anglex_mean5", EpochLength},
		{"anglex_mean5", "angley_mean5", EpochLength},
		{"zc_x", "zc_y", EpochLength},
		{"counts_li_y", "counts_li_z", time.Minute},
		{"y_mcr", "z_mcr", time.Minute},
	} {
		if one, other := get(c.one, c.length, s), get(c.other, c.length, turned); !slices.Equal(one, other) || len(one) == 0 {
			t.Errorf("%s %v is not the %s of turned axes, %v", c.one, one, c.other, other)
		}
	}
	x, y, z, vm := get("counts_li_x", time.Minute, s), get("counts_li_y", time.Minute, s), get("counts_li_z", time.Minute, s), get("counts_li_vm", time.Minute, s)
	for i := range vm {
		if want := math.Sqrt(x[i]*x[i] + y[i]*y[i] + z[i]*z[i]); vm[i] != want || want == 0 {
			t.Errorf("counts_li_vm is %g, want %g", vm[i], want)
		}
	}
}

// TestWarmup: ten seconds after the first sample and after a long hole.
func TestWarmup(t *testing.T) {
	s, r, start := holey(50)
	for _, w := range atOnce(Ref, 50, start, s, r) {
		if w.length != EpochLength {
			continue
		}
		at := time.Duration(w.start-start) / time.Second
		want := at >= 100 && at <= 110 || at >= 220 && at < 230 || at >= 780 && at < 790
		if w.warmup != want {
			t.Errorf("%d s after the start, warm-up is %v", at, w.warmup)
		}
	}
}

// TestSustained: what begins with a turn and ends with one, more than 5 min later.
func TestSustained(t *testing.T) {
	const quarter = 90
	run := func(turns ...int) string { // epochs before which the angle changes
		var p posture
		angle := 0.0
		for e := range len(p.angles) {
			if slices.Contains(turns, e-postureEpochs) {
				angle = quarter - angle
			}
			p.angles[e].sum, p.angles[e].n = angle*math.Pi/180, 1
		}
		var text strings.Builder
		for e := range int(BlockLength / EpochLength) {
			fmt.Fprint(&text, p.sustained(e))
		}
		return text.String()
	}
	many := func(c string, n int) string { return strings.Repeat(c, n) }
	// A turn before epoch 10 is one from 9 to 10: 9 is in the bout, and so is the one
	// before the next turn.
	for name, c := range map[string]struct{ got, want string }{
		"61 epochs between turns": {run(-1, 10, 71, 75), many("0", 9) + many("1", 62) + many("0", 3) + many("1", 106)},
		"60 epochs between turns": {run(-1, 10, 70, 75), many("0", 74) + many("1", 106)},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, c.got, c.want)
		}
	}
}

func TestFourier(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{2, 3, 4, 5, 6, 8, 30, 49, 62, 77, 100, 120, 131, 257, 750, 2 * 857} {
		re, im := make([]float64, n), make([]float64, n)
		for i := range re {
			re[i], im[i] = rng.Float64()-0.5, rng.Float64()-0.5
		}
		wantR, wantI := make([]float64, n), make([]float64, n)
		for k := range wantR {
			for j := range re {
				s, c := sincos(-(j * k % n), n)
				wantR[k] += c*re[j] - s*im[j]
				wantI[k] += c*im[j] + s*re[j]
			}
		}
		newFourier(n).transform(re, im)
		for k := range re {
			if math.Hypot(re[k]-wantR[k], im[k]-wantI[k]) > 1e-11 {
				t.Fatalf("n = %d, k = %d: %g%+gi, want %g%+gi", n, k, re[k], im[k], wantR[k], wantI[k])
			}
		}
	}
}

// TestSpectrumNeedsSamples: jitter is interpolated, a hole is not.
func TestSpectrumNeedsSamples(t *testing.T) {
	s, _ := wrist(60, 50)
	get := func(s Samples) float64 {
		return columnOf(Ref, "x_p_total", time.Minute, 50, 1_700_000_000_000_000_000, s)[0]
	}
	whole := get(s)
	less := get(Samples{slices.Delete(slices.Clone(s.T), 700, 705), slices.Delete(slices.Clone(s.X), 700, 705), slices.Delete(slices.Clone(s.Y), 700, 705), slices.Delete(slices.Clone(s.Z), 700, 705)})
	if !(math.Abs(less/whole-1) < 0.1) || less == whole {
		t.Errorf("with a hole of 0.1 s %g, without %g", less, whole)
	}
	if v := get(s.part(20, 3000)); math.IsNaN(v) == false {
		t.Errorf("without the first 0.4 s %g", v)
	}
	still := Samples{T: s.T, X: make([]int32, 3000), Y: make([]int32, 3000), Z: slices.Repeat([]int32{perG}, 3000)}
	for id, undefined := range map[string]bool{"x_p_total": false, "x_dom_freq": true, "vm_dom_frac": true, "z_spec_entropy": true} {
		if v := columnOf(Ref, id, time.Minute, 50, s.T[0], still)[0]; math.IsNaN(v) != undefined {
			t.Errorf("%s of no movement is %g", id, v)
		}
	}
}

func TestColumnsBlocks(t *testing.T) {
	for _, set := range []*Set{Ref, Offline} {
		seen := make(map[string]bool)
		for _, f := range set.Features {
			if seen[f.ID] || f.ID == "" || f.Unit == "" || f.Doc == "" || f.Value == nil || len(f.Windows) == 0 {
				t.Errorf("%s: %+v is twice there or incomplete", set.Name, f)
			}
			seen[f.ID] = true
			for _, w := range f.Windows {
				if w%EpochLength != 0 || BlockLength%w != 0 {
					t.Errorf("%s of %s at %s: a block does not hold a whole number of such windows", f.ID, set.Name, w)
				}
			}
		}
	}
}

// TestRates: every rate that a device may have, and what is defined there.
func TestRates(t *testing.T) {
	for _, rate := range []uint32{1_000, 3_000, 6_000, 9_990, 12_500, 19_999, 31_250, 66_700, 85_700, 97_561, 1_000_000} {
		s, _ := wrist(75, int(rate/1000)+1)
		for i := range s.T {
			s.T[i] = s.T[0] + int64(i)*1_000_000_000_000/int64(rate)
		}
		got := make(map[string]float64)
		for _, set := range []*Set{Ref, Offline} {
			b := NewBlock(set, rate)
			b.Begin(s.T[0])
			b.Extend(s, Readings{}, math.MaxInt64, func(r *Result) {
				for i, v := range r.Values {
					if r.Start == s.T[0] && !math.IsNaN(v) {
						got[set.Features[i].ID] = v
					}
				}
			})
		}
		for id, from := range map[string]uint32{ // the lowest rate that has it
			"hfen_c": 0, "hfen_zp": 0, "anglez_mean5": 0, "anglez_rm": 0, "counts_li_x": 0, "x_p_total": 0, "vm_mcr": 0,
			"bfen_c": 3_000, "zc_x": 6_001, "x_p_03_08": 1_600, "x_p_08_3": 6_000, "x_p_7_12": 24_000,
		} {
			if v, ok := got[id]; ok != (rate >= from) {
				t.Errorf("%s at %d mHz is %g, defined: %v", id, rate, v, ok)
			}
		}
	}
}
