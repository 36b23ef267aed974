package window

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// hour is one of 4 Hz in batches of 10 s, named from seq on, of other samples by name.
func hour(boot, seq uint64, start int64) (batches []*wire.SampleBatch) {
	for i := range uint64(360) {
		b := &wire.SampleBatch{
			Boot: boot, Seq: seq + i, T0us: start/1000 + int64(i)*10_000_000, RateMHz: 4000, NominalRateMHz: 4000,
			Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: 40,
		}
		for v := range uint16(3 * 40) {
			b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, v+uint16(seq+i)%64+1)
		}
		batches = append(batches, b)
	}
	return batches
}

// sums are those of all windows of some blocks, however the batches come.
func sums(start int64, blocks int, batches []*wire.SampleBatch) (all []Summed) {
	SortBatches(batches)
	var s Summer
	for i := range int64(blocks) {
		s.Windows(start+i*int64(features.BlockLength), batches, func(got *Summed, _ []*wire.SampleBatch) { all = append(all, *got) })
	}
	return all
}

// TestRecordedTwice: a clock that is set back by an hour is told of every window of the
// hour that was recorded twice, though no batch of it follows the other by name, and of no
// other; times that another boot has as well say nothing of a clock.
func TestRecordedTwice(t *testing.T) {
	const start, long = int64(7200e9), int64(3600e9)
	once, windows := hour(1, 0, start), 4*(180+15+1)
	for _, c := range []struct {
		name  string
		again []*wire.SampleBatch
		jump  bool
	}{
		{"in one boot", hour(1, 360, start), true},
		{"half a sample later", hour(1, 360, start+125e6), true},
		{"in another boot", hour(2, 0, start), false},
		{"in another boot, which goes on", hour(2, 360, start), false},
		{"after it", hour(1, 360, start+long), false},
	} {
		batches := slices.Concat(once, c.again)
		want := sums(start, 4, batches)
		for _, s := range want {
			if s.Jump != c.jump {
				t.Fatalf("%s: clock set in %v is %t", c.name, s.Key, s.Jump)
			}
			if flags := s.flags()&wire.FlagClock != 0; flags != c.jump {
				t.Fatalf("%s: flags of %v are %d", c.name, s.Key, s.flags())
			}
		}
		if len(want) != windows {
			t.Errorf("%s: %d windows, want %d", c.name, len(want), windows)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
		if got := sums(start, 4, batches); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: in another order the sums are others", c.name)
		}
	}
}
