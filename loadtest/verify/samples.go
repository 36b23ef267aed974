package verify

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// run is the times of a batch's samples: as many at one spacing, without those
// that are missing.
type run struct {
	t0us    int64
	rate, n uint32
	missing []uint32 // ascending; a sample of exactly (0, 0, 0) is none
}

func newRun(b *wire.SampleBatch) run {
	r := run{t0us: b.T0us, rate: b.RateMHz, n: b.N}
	width := 6
	if b.Encoding == wire.Int32MicroG {
		width = 12
	}
	for i := range b.N {
		if zero(b.XYZ[int(i)*width:][:width]) {
			r.missing = append(r.missing, i)
		}
	}
	return r
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// time is that of sample i, ns (definitions, section 1).
func (r run) time(i int) int64 {
	return r.t0us*1000 + int64(uint64(i)*1_000_000_000_000/uint64(r.rate))
}

func (r run) first() int64 { return r.time(0) }
func (r run) last() int64  { return r.time(int(r.n) - 1) }

// from is the first sample at or after a time.
func (r run) from(at int64) int {
	return sort.Search(int(r.n), func(i int) bool { return r.time(i) >= at })
}

// shortest is the length of the shortest windows, ns, which the others are made of.
const shortest = int64(5 * time.Second)

// countSamples gives the number of distinct sample times of a sensor by shortest
// window. Runs that share no time with others are counted without looking at each
// sample. It sorts the runs.
func countSamples(runs []run, add func(start int64, n uint32)) {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Or(cmp.Compare(a.first(), b.first()), cmp.Compare(a.last(), b.last())) })
	for i := 0; i < len(runs); {
		last, j := runs[i].last(), i+1
		for ; j < len(runs) && runs[j].first() <= last; j++ {
			last = max(last, runs[j].last())
		}
		if j == i+1 && len(runs[i].missing) == 0 {
			runs[i].count(add)
		} else {
			countTimes(distinct(runs[i:j]), add)
		}
		i = j
	}
}

func (r run) count(add func(int64, uint32)) {
	for i := 0; i < int(r.n); {
		start := startOf(r.time(i), shortest)
		next := r.from(start + shortest)
		add(start, uint32(next-i))
		i = next
	}
}

// distinct are the sample times of runs that overlap.
func distinct(runs []run) []int64 {
	var times []int64
	for _, r := range runs {
		missing := r.missing
		for i := range int(r.n) {
			if len(missing) > 0 && missing[0] == uint32(i) {
				missing = missing[1:]
				continue
			}
			times = append(times, r.time(i))
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

func countTimes(times []int64, add func(int64, uint32)) {
	for i := 0; i < len(times); {
		start, j := startOf(times[i], shortest), i+1
		for j < len(times) && times[j] < start+shortest {
			j++
		}
		add(start, uint32(j-i))
		i = j
	}
}

// startOf is the beginning of the window that holds a time.
func startOf(at, length int64) int64 {
	start := at - at%length
	if start > at {
		start -= length
	}
	return start
}
