package window

import (
	"crypto/sha256"
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
		for range n {
			if rng.IntN(50) == 0 { // a missing one
				b.XYZ = append(b.XYZ, make([]byte, 6)...)
				continue
			}
			for range 3 {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(rng.IntN(256)-128))
			}
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

// TestWindowsEqualSums: samples that are merged once for a minute give the sums that each
// window gives alone.
func TestWindowsEqualSums(t *testing.T) {
	const start = int64(900e9)
	dup, clip := uint32(0), uint32(0)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 11))
		batches := history(rng, start-30e9, start+900e9+30e9)
		for seq := range uint64(5) { // times again, with other values
			again := *batches[rng.IntN(len(batches))]
			again.Boot, again.Seq, again.LSBPerG = 2, seq, 128
			batches = append(batches, &again)
		}
		lengths := []time.Duration{features.Lengths[rng.IntN(3)], time.Minute}
		windows := Summer{SamplesAt: lengths, Alone: true}
		next := Key{}
		windows.Windows(start, batches, func(got *Summed, told []*wire.SampleBatch) {
			anew := Summer{SamplesAt: lengths}
			own := batchesIn(batches, got.Key)
			want := anew.Sum(got.Key, own, nil)
			if got.Length == features.EpochLength {
				alone := sha256.Sum256(appendSamples(nil, new(Merger).Merge(got.Key, own).Samples))
				want.Alone = binary.BigEndian.Uint64(alone[:])
			}
			if len(want.Readings.T) == 0 {
				want.Readings = got.Readings // none, or nil
				if len(got.Readings.T) != 0 {
					t.Fatalf("seed %d, %v has readings: %v", seed, got.Key, got.Readings)
				}
			}
			if next.Compare(got.Key) >= 0 || !reflect.DeepEqual(got.Sum, want) || len(told) < len(own) {
				got.Samples, want.Samples = features.Samples{}, features.Samples{}
				t.Fatalf("seed %d, %v after %v\ntogether %+v\nalone    %+v", seed, got.Key, next, got.Sum, want)
			}
			next = got.Key
			dup, clip = dup+want.Dup, clip+want.Clip
		})
		if next != (Key{Length: features.BlockLength, Start: start}) {
			t.Fatalf("seed %d: the last window is %v", seed, next)
		}
	}
	if dup == 0 || clip == 0 {
		t.Errorf("%d repeats, %d clipped: too few to tell", dup, clip)
	}
}

// batchesIn are those that may hold a time of a window.
func batchesIn(batches []*wire.SampleBatch, k Key) (of []*wire.SampleBatch) {
	for _, b := range batches {
		if s := SpanOf(b); s.From < k.End() && k.Start <= s.To {
			of = append(of, b)
		}
	}
	return of
}
