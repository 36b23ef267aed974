package int128

import (
	"math/big"
	"testing"
)

func (a Int) big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(int64(a.Hi)), 64)
	return v.Add(v, new(big.Int).SetUint64(a.Lo))
}

// wrap is v modulo 2^128, signed.
func wrap(v *big.Int) *big.Int {
	m := new(big.Int).Lsh(big.NewInt(1), 128)
	v.Mod(v, m)
	if v.Bit(127) == 1 {
		v.Sub(v, m)
	}
	return v
}

func FuzzInt128(f *testing.F) {
	f.Add(int64(0), uint64(1), int64(-1), uint64(1<<63))
	f.Add(int64(1)<<62, uint64(1<<53+1), int64(-1)<<63, uint64(0))
	f.Add(int64(1), uint64(1<<11), int64(1), uint64(1<<11+1))
	f.Fuzz(func(t *testing.T, ah int64, al uint64, bh int64, bl uint64) {
		a, b := Int{uint64(ah), al}, Int{uint64(bh), bl}
		for _, c := range []struct {
			name string
			got  Int
			want *big.Int
		}{
			{"sum", a.Add(b), new(big.Int).Add(a.big(), b.big())},
			{"difference", a.Sub(b), new(big.Int).Sub(a.big(), b.big())},
			{"product", a.Mul(b), new(big.Int).Mul(a.big(), b.big())},
			{"of", Of(ah), big.NewInt(ah)},
			{"plus", a.Plus(bl), new(big.Int).Add(a.big(), new(big.Int).SetUint64(bl))},
		} {
			if c.got.big().Cmp(wrap(c.want)) != 0 {
				t.Errorf("%s of %v and %v = %v", c.name, a.big(), b.big(), c.got.big())
			}
		}
		if want := a.big().Cmp(b.big()) < 0; a.Less(b) != want {
			t.Errorf("%v < %v is %v", a.big(), b.big(), a.Less(b))
		}
		if ah == -1<<63 {
			return // -2^127 and above have no negative
		}
		if want, _ := new(big.Float).SetInt(a.big()).Float64(); a.Float64() != want {
			t.Errorf("float64 of %v = %v, want %v", a.big(), a.Float64(), want)
		}
	})
}
