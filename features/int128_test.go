package features

import (
	"math/big"
	"testing"
)

func (a int128) big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(int64(a.hi)), 64)
	return v.Add(v, new(big.Int).SetUint64(a.lo))
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
		a, b := int128{uint64(ah), al}, int128{uint64(bh), bl}
		for _, c := range []struct {
			name string
			got  int128
			want *big.Int
		}{
			{"sum", a.add(b), new(big.Int).Add(a.big(), b.big())},
			{"difference", a.sub(b), new(big.Int).Sub(a.big(), b.big())},
			{"product", a.mul(b), new(big.Int).Mul(a.big(), b.big())},
			{"wide", wide(ah), big.NewInt(ah)},
		} {
			if c.got.big().Cmp(wrap(c.want)) != 0 {
				t.Errorf("%s of %v and %v = %v", c.name, a.big(), b.big(), c.got.big())
			}
		}
		if ah == -1<<63 {
			return // -2^127 and above have no negative
		}
		if want, _ := new(big.Float).SetInt(a.big()).Float64(); a.float64() != want {
			t.Errorf("float64 of %v = %v, want %v", a.big(), a.float64(), want)
		}
	})
}
