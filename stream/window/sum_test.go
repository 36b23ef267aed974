package window

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

// history is some minutes of one sensor: batches of any length that lack some of
// their kind, overlap, and change their configured rate.
func history(rng *rand.Rand, from, to int64) []*wire.SampleBatch {
	var batches []*wire.SampleBatch
	at := from
	for seq := uint64(0); at < to; seq++ {
		n := 1 + rng.IntN(90)
		rate := []uint32{4000, 4000, 4000, 5000}[rng.IntN(4)]
		b := &wire.SampleBatch{
			Boot: 1, Seq: seq, T0us: at / 1000, RateMHz: rate + uint32(rng.IntN(50)), NominalRateMHz: rate,
			Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: uint32(n),
		}
		for range 3 * n {
			b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(rng.IntN(256)-128))
		}
		b.TempT0us, b.TempRateMHz = b.T0us, 1000
		for range n / 4 {
			b.TempMdegC = append(b.TempMdegC, int32(30_000+rng.IntN(500)))
		}
		at = b.End()
		switch rng.IntN(8) {
		case 0:
			at += rng.Int64N(20e9)
		case 1:
			at -= rng.Int64N(3e9)
		}
		if rng.IntN(10) > 0 {
			batches = append(batches, b)
		}
	}
	return batches
}

// TestSumTakesOver: with what was begun and without it a sum has the same bytes,
// and the samples themselves where they are asked for.
func TestSumTakesOver(t *testing.T) {
	const from, to = int64(900e9), int64(2 * 900e9)
	taken := 0
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 9))
		batches := history(rng, from, to)
		own := func(k Key) (of []*wire.SampleBatch) {
			for _, b := range batches {
				last := max(b.End(), b.ReadingTime(len(b.TempMdegC)))
				if b.SampleTime(0) < k.End() && k.Start < last {
					of = append(of, b)
				}
			}
			return of
		}
		goingOn := Summer{SamplesAt: []time.Duration{time.Minute}}
		var begun Begun
		var keys []Key
		for _, length := range features.Lengths {
			for at := from; at < to; at += int64(length) {
				keys = append(keys, Key{Length: length, Start: at})
			}
		}
		slices.SortFunc(keys, Key.Compare)
		for _, k := range keys {
			if rng.IntN(40) == 0 {
				at := k.Start + rng.Int64N(int64(k.Length))
				begun.Forget(at, at)
			}
			if k.Length > features.EpochLength && slices.ContainsFunc(begun.parts[:], func(p *part) bool { return p != nil && p.key == k && p.upto == k.End() }) {
				taken++
			}
			got := goingOn.Sum(k, own(k), &begun)
			anew := Summer{SamplesAt: goingOn.SamplesAt}
			if want := anew.Sum(k, own(k), nil); !reflect.DeepEqual(got, want) {
				got.Samples, want.Samples = features.Samples{}, features.Samples{}
				t.Fatalf("seed %d, %v\ngoing on %+v\nanew     %+v", seed, k, got, want)
			}
			if has := got.Samples.T != nil; has != (k.Length == time.Minute && got.N > 0) || has && len(got.Samples.T) != int(got.N) {
				t.Fatalf("%v holds %d of %d samples", k, len(got.Samples.T), got.N)
			}
		}
	}
	if taken < 100 {
		t.Errorf("%d sums took over what was begun: too few to tell", taken)
	}
}
