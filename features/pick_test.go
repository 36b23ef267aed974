package features

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPick: the values of ranks are those of the sorted values, however they lie.
func TestPick(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, draw := range map[string]func(i int) uint64{
		"one value":      func(int) uint64 { return 7 },
		"two values":     func(int) uint64 { return rng.Uint64N(2) * math.MaxUint64 },
		"ascending":      func(i int) uint64 { return uint64(i) },
		"descending":     func(i int) uint64 { return math.MaxUint64 - uint64(i) },
		"coarse":         func(int) uint64 { return rng.Uint64N(256) * 15_625 },
		"wide":           func(int) uint64 { return rng.Uint64() },
		"at every scale": func(int) uint64 { return rng.Uint64() >> rng.IntN(64) },
		"still, with one knock": func(i int) uint64 {
			if i == 5 {
				return 1 << 62
			}
			return 1_000_000 + rng.Uint64N(4000)
		},
	} {
		for _, n := range []int{1, 2, few, few + 1, 300, 3000, 6000} {
			v := make([]uint64, n)
			for i := range v {
				v[i] = draw(i)
			}
			ranks := make([]int, 10)
			for i := range ranks {
				ranks[i] = rng.IntN(n)
			}
			slices.Sort(ranks)
			comparePick(t, name, v, ranks)
		}
	}
}

func comparePick(t *testing.T, name string, v []uint64, ranks []int) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(v))
	out := make([]uint64, len(ranks))
	pick(v, make([]uint64, len(v)), 0, ranks, out)
	for i, r := range ranks {
		if out[i] != sorted[r] {
			t.Fatalf("%s: of %d values that of rank %d is %d, want %d", name, len(v), r, out[i], sorted[r])
		}
	}
}

// TestPickFrom: the same of values along an axis, up to the ends of what they can be.
func TestPickFrom(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, bits := range []int{0, 1, 5, 9, 10, 20, 31, 32} {
		v := make([]int32, 3000)
		for i := range v {
			v[i] = int32(math.MinInt32 + int64(rng.Uint64N(1<<bits)))
		}
		sorted := slices.Sorted(slices.Values(v))
		ranks := []int{0, 1, 150, 151, 1500, 1501, 1501, 2998, 2999}
		out := make([]uint64, len(ranks))
		pickFrom(v, sorted[0], sorted[len(v)-1], make([]uint64, len(v)), make([]uint64, len(v)), 0, ranks, out)
		for i, r := range ranks {
			if got := int32(int64(sorted[0]) + int64(out[i])); got != sorted[r] {
				t.Fatalf("of values of %d bits that of rank %d is %d, want %d", bits, r, got, sorted[r])
			}
		}
	}
}

func FuzzPick(f *testing.F) {
	f.Add([]byte("a few values that are used again and again, with a common beginning"), uint8(200), uint16(3))
	f.Fuzz(func(t *testing.T, bytes []byte, repeat uint8, rank uint16) {
		var v []uint64
		for range int(repeat) {
			for p := bytes; len(p) >= 8; p = p[8:] {
				v = append(v, binary.LittleEndian.Uint64(p)+uint64(len(v)%3))
			}
		}
		if len(v) == 0 || len(v) > 1<<16 {
			return
		}
		r := int(rank) % len(v)
		comparePick(t, "fuzz", v, []int{r / 2, r, r, len(v) - 1})
	})
}
