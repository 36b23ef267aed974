package features

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestLine holds the rounding against exact fractions, ties among them.
func TestLine(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 50_000 {
		of := 1 + rng.Int64N(200_000_000)
		d := rng.Int64N(of + 1)
		a, b := rng.Int32N(32_000_000)-16_000_000, rng.Int32N(32_000_000)-16_000_000
		if rng.IntN(3) == 0 { // in steps of half a milli-g, at the middle
			of, d, a, b = 2*(of/2+1), of/2+1, a/500*500, a/500*500
		}
		exact := big.NewRat((int64(b)-int64(a))*d, of)
		exact.Add(exact, big.NewRat(int64(a), 1)).Mul(exact, big.NewRat(1, 1000))
		twice := new(big.Rat).Mul(exact, big.NewRat(2, 1))
		twice.Add(twice, big.NewRat(1, 1))
		q := new(big.Int).Div(twice.Num(), new(big.Int).Mul(twice.Denom(), big.NewInt(2))) // floor(exact + 1/2)
		if twice.IsInt() && twice.Num().Bit(0) == 0 && q.Bit(0) == 1 {
			q.Sub(q, big.NewInt(1))
		}
		if got, want := line(a, b, d, of), float64(q.Int64())/1000; got != want {
			t.Fatalf("%d/%d from %d to %d is %g, want %g", d, of, a, b, got, want)
		}
	}
}
