package pair

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// someSide has about a share of its epochs.
func someSide(r *rand.Rand, share float64) *Side {
	s := &Side{Coverage: 1, Worn: 1<<15 - 1, Temperature: 30 + r.Float64()}
	for i := range Epochs {
		if r.Float64() >= share {
			continue
		}
		e := Epoch{MAD: r.ExpFloat64() / 30, Digest: r.Uint64()}
		for k := range e.Apart {
			e.Apart[k] = r.ExpFloat64() / 30
		}
		if i%17 == 0 {
			e.Apart[i%seconds] = math.NaN()
		}
		for k := range e.Gravity {
			e.Gravity[k] = r.Int32N(2_000_001) - 1_000_000
		}
		s.Put(i, e)
	}
	return s
}

// TestBinary: a side that went through its binary form says the same, bit by bit, and
// what is not there takes no room.
func TestBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		share float64
		bytes int // 0: depends
	}{{1, 12_272}, {0.9, 0}, {0.3, 0}, {0, 32}} {
		left, right := someSide(r, c.share), someSide(r, c.share)
		b := left.Append([]byte("x"))[1:]
		if c.bytes != 0 && len(b) != c.bytes {
			t.Errorf("share %g: %d bytes, want %d", c.share, len(b), c.bytes)
		}
		got, err := ParseSide(b)
		if err != nil {
			t.Fatalf("share %g: %v", c.share, err)
		}
		got.Coverage, got.Worn = left.Coverage, left.Worn
		if again := got.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("share %g: written again it differs", c.share)
		}
		want, ok := Compute(left, right, Left)
		row, ok2 := Compute(got, right, Left)
		if ok != ok2 {
			t.Fatalf("share %g: comparable %t, was %t", c.share, ok2, ok)
		}
		for _, f := range Features {
			if g, w := f.Value(&row), f.Value(&want); math.Float64bits(g) != math.Float64bits(w) {
				t.Errorf("share %g: %s is %v, was %v", c.share, f.ID, g, w)
			}
		}
	}
}

// FuzzParseSide: foreign bytes are refused or are what would have been written.
func FuzzParseSide(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	f.Add([]byte{})
	f.Add((&Side{Temperature: math.NaN()}).Append(nil))
	f.Add(someSide(r, 0.05).Append(nil))
	f.Add(someSide(r, 1).Append(nil)[:1000])
	beyond := (&Side{}).Append(nil)
	beyond[sideHead-1] = 0x80
	f.Add(append(beyond, make([]byte, epochBytes)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSide(b)
		if err != nil {
			return
		}
		if again := s.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x was read and is written as %x", b, again)
		}
	})
}
