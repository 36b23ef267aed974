package pair_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/pair"
)

// made is a window of epochs that a seed decides; shared is how much of its movement is
// that of another seed.
func made(seed, with uint64, shared float64, lag int) pair.Side {
	own, common := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(with, 2))
	steps := make([]float64, 900+2*pair.MaxLag)
	for i := range steps {
		steps[i] = shared*common.ExpFloat64() + (1-shared)*own.ExpFloat64()
	}
	s := pair.Side{Coverage: 1, Worn: 1<<15 - 1, Temperature: 30 + own.Float64()}
	for i := range pair.Epochs {
		e := pair.Epoch{Digest: own.Uint64(), Gravity: [3]int32{int32(own.IntN(1e6)), 0, int32(own.IntN(1e6))}}
		for k := range e.Apart {
			e.Apart[k] = 0.02 * steps[pair.MaxLag+5*i+k-lag]
			e.MAD += e.Apart[k] / 7
		}
		s.Put(i, e)
	}
	return s
}

func values(r pair.Row) []float64 {
	var v []float64
	for _, f := range pair.Features {
		v = append(v, f.Value(&r))
	}
	return v
}

func same(a, b pair.Row) bool {
	return fmt.Sprintf("%b %v", values(a), a) == fmt.Sprintf("%b %v", values(b), b)
}

// TestMirror: exchanging the sides changes the sign of what is right minus left,
// exchanges what is of a side, and nothing else, to the last bit.
func TestMirror(t *testing.T) {
	for seed := range uint64(20) {
		left, right := made(seed, 99, float64(seed%10)/10, 0), made(seed+100, 99, float64(seed%7)/7, int(seed%61)-30)
		if seed%3 == 0 { // gaps
			left.Put(int(seed), pair.Epoch{MAD: math.NaN()})
			right.Put(int(seed)+7, pair.Epoch{MAD: math.NaN()})
		}
		for _, hands := range [][2]pair.Wrist{{pair.Left, pair.Right}, {pair.Right, pair.Left}, {pair.Unknown, pair.Unknown}} {
			row, ok := pair.Compute(&left, &right, hands[0])
			mirror, ok2 := pair.Compute(&right, &left, hands[1])
			if !ok || !ok2 {
				t.Fatal("not paired")
			}
			a, b := values(row), values(mirror)
			for i, f := range pair.Features {
				want := a[i]
				switch f.ID {
				case "asym", "log_ratio", "lag_s", "temp_diff":
					want = -want
				case "mad_left", "active_frac_left":
					want = a[i+1]
				case "mad_right", "active_frac_right":
					want = a[i-1]
				}
				if b[i] != want && (b[i] == b[i] || want == want) {
					t.Errorf("seed %d: %s is %v, exchanged %v", seed, f.ID, a[i], b[i])
				}
			}
		}
	}
}

// TestOrder: the same bytes in whatever order epochs arrive, more than once and
// corrected.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for seed := range uint64(4) {
		left, right := made(seed, 5, 0.5, 0), made(seed+50, 5, 0.5, 2)
		want, ok := pair.Compute(&left, &right, pair.Right)
		if !ok {
			t.Fatal("not paired")
		}
		shuffled := pair.Side{Coverage: left.Coverage, Worn: left.Worn, Temperature: left.Temperature}
		for _, i := range append(rng.Perm(pair.Epochs), rng.Perm(pair.Epochs)...) {
			shuffled.Put(i, pair.Epoch{MAD: rng.Float64()})
			shuffled.Put(i, left.Epoch(i))
		}
		if got, ok := pair.Compute(&shuffled, &right, pair.Right); !ok || !same(got, want) {
			t.Fatalf("%+v\nwant %+v", got, want)
		}
	}
}

// TestGolden: the same bytes on every processor.
func TestGolden(t *testing.T) {
	digest := sha256.New()
	for seed := range uint64(4) {
		left, right := made(seed, 5, 0.5, 0), made(seed+50, 5, 0.5, 2)
		row, ok := pair.Compute(&left, &right, pair.Right)
		if !ok {
			t.Fatal("not paired")
		}
		for _, v := range values(row) {
			binary.Write(digest, binary.LittleEndian, v)
		}
	}
	const golden = "e891e95e28dd55b2"
	if got := fmt.Sprintf("%x", digest.Sum(nil)[:8]); got != golden {
		t.Errorf("other bytes: %s, want %s", got, golden)
	}
	if got, want := pair.Algo(), "pair.v1@1.1.0+13402740"; got != want {
		t.Errorf("%s, want %s: numbers changed, and the version?", got, want)
	}
}

func TestNeedsBothSides(t *testing.T) {
	for name, change := range map[string]func(*pair.Side){
		"coverage": func(s *pair.Side) { s.Coverage = 0.79 },
		"worn":     func(s *pair.Side) { s.Worn = 1<<11 - 1 },
		"nothing":  func(s *pair.Side) { *s = pair.Side{Coverage: 1, Worn: 1<<15 - 1} },
	} {
		left, right := made(1, 2, 0.5, 0), made(3, 2, 0.5, 0)
		if _, ok := pair.Compute(&left, &right, pair.Right); !ok {
			t.Fatal("not paired")
		}
		change(&right)
		if _, ok := pair.Compute(&left, &right, pair.Right); ok {
			t.Errorf("%s: left against a right side that does not do", name)
		}
		if _, ok := pair.Compute(&right, &left, pair.Right); ok {
			t.Errorf("%s: and exchanged", name)
		}
	}
}

// TestLag: it is found on both sides of zero, and says that right is later.
func TestLag(t *testing.T) {
	for lag := -pair.MaxLag; lag <= pair.MaxLag; lag += 5 {
		left, right := made(1, 2, 0.9, 0), made(3, 2, 0.9, lag)
		row, _ := pair.Compute(&left, &right, pair.Right)
		if row.Lag != float64(lag) || row.LagR < 0.9 {
			t.Errorf("lag %v at %v, want %d", row.Lag, row.LagR, lag)
		}
	}
}

// TestStill: sides without spread have no correlation, and no lag.
func TestStill(t *testing.T) {
	s := pair.Side{Coverage: 1, Worn: 1<<15 - 1, Temperature: math.NaN()}
	for i := range pair.Epochs {
		s.Put(i, pair.Epoch{})
	}
	row, ok := pair.Compute(&s, &s, pair.Left)
	if !ok {
		t.Fatal("not paired")
	}
	for _, v := range []float64{row.R, row.Lag, row.LagR, row.TempDiff, row.Asymmetry(), row.UseRatio(), row.MagnitudeRatio, row.RatioSpread, row.Bilateral} {
		if v == v {
			t.Errorf("%+v", row)
		}
	}
	if row.LogRatio() != 0 || row.ActiveFraction(0) != 0 || row.Movement != 0 {
		t.Errorf("%+v", row)
	}
}

// TestMagnitudes: Bailey's numbers by hand.
func TestMagnitudes(t *testing.T) {
	left, right := pair.Side{Coverage: 1, Worn: 1<<15 - 1}, pair.Side{Coverage: 1, Worn: 1<<15 - 1}
	none := math.NaN()
	left.Put(0, pair.Epoch{Apart: [5]float64{0.04, 0.01, 0.03, 0, none}})
	right.Put(0, pair.Epoch{Apart: [5]float64{0.02, 0.02, 0, 0.06, 0.5}})
	left.Put(1, pair.Epoch{Apart: [5]float64{0.5, 0.5, 0.5, 0.5, 0.5}}) // right has it not
	row, _ := pair.Compute(&left, &right, pair.Right)                   // non-dominant over dominant: left over right
	// Seconds that count: log 2, log inf cut to 7, log 0 cut to -7.
	if row.Movement != 3 || row.MagnitudeRatio != math.Ln2 || row.Bilateral != 0.06 || math.Abs(row.RatioSpread-7) > 1e-15 {
		t.Errorf("%+v", row)
	}
	if row, _ = pair.Compute(&left, &right, pair.Left); row.MagnitudeRatio != -math.Ln2 {
		t.Errorf("%+v", row)
	}
}

func TestNewEpoch(t *testing.T) {
	const second = int64(1e9)
	s := features.Samples{
		T: []int64{100 * second, 100*second + 5e8, 104*second + 999_999_999},
		X: []int32{3_000_000, 0, math.MinInt32}, Y: []int32{4_000_000, 0, math.MinInt32}, Z: []int32{0, 500_000, math.MinInt32},
	}
	e := pair.NewEpoch(100*second, s, 0.25)
	if e.MAD != 0.25 || e.Apart[0] != (4+0.5)/2 || e.Apart[1] == e.Apart[1] || math.Abs(e.Apart[4]-(math.Sqrt(3)*2147.483648-1)) > 1e-9 {
		t.Errorf("%+v", e)
	}
	if e.Gravity[0] >= 0 || math.Abs(float64(e.Gravity[2])+577_000) > 1000 {
		t.Errorf("gravity %v", e.Gravity)
	}
	s.T[2]--
	if o := pair.NewEpoch(100*second, s, 0.25); o.Digest == e.Digest {
		t.Error("another time, the same digest")
	}
	if o := pair.NewEpoch(0, features.Samples{}, math.NaN()); o.Gravity != [3]int32{} || o.Apart[0] == o.Apart[0] {
		t.Errorf("%+v", o)
	}
}

func BenchmarkCompute(b *testing.B) {
	left, right := made(1, 2, 0.9, 0), made(3, 2, 0.9, 1)
	b.ReportAllocs()
	for b.Loop() {
		pair.Compute(&left, &right, pair.Right)
	}
}
