package features

import (
	"math/bits"
	"slices"
)

// few values are sorted at once.
const few = 48

// pick finds the values of ascending ranks of v, the lowest being of rank base,
// without sorting more than they need. v is spent, and spare, of the same length, is
// memory.
func pick(v, spare []uint64, base int, ranks []int, out []uint64) {
	if len(v) <= few {
		slices.Sort(v)
		for i, r := range ranks {
			out[i] = v[r-base]
		}
		return
	}
	least, most := v[0], v[0]
	for _, x := range v {
		least, most = min(least, x), max(most, x)
	}
	pickFrom(v, least, most, spare, v, base, ranks, out)
	for i := range ranks {
		out[i] += least
	}
}

// pickFrom is pick of how much values are above the least of them. They go into bins by
// the leading bits of that, and only the bins that hold a rank are looked into. Equal
// values cost nothing more, and no order of the values is worse than another. spare and
// spent are memory of the length of v; v is not read any more when spent is written.
func pickFrom[T int32 | uint64](v []T, least, most T, spare, spent []uint64, base int, ranks []int, out []uint64) {
	if least == most {
		clear(out[:len(ranks)])
		return
	}
	const width = 10 // bits
	above := func(x T) uint64 { return uint64(int64(x) - int64(least)) }
	if len(v) <= few { // ranks of so few need not ascend
		spare = spare[:0]
		for _, x := range v {
			spare = append(spare, above(x))
		}
		slices.Sort(spare)
		for i, r := range ranks {
			out[i] = spare[r-base]
		}
		return
	}
	shift := max(bits.Len64(above(most))-width, 0)
	var ends [1 << width]int32
	for _, x := range v {
		ends[above(x)>>shift&(1<<width-1)]++
	}
	type bin struct{ rank, from, to int } // its lowest rank, and where it is in spare
	var bins [2 * len(shares)]bin
	const left = -1 << 31 // a bin that holds no rank
	n, i, rank, at := 0, 0, base, int32(0)
	for b, count := range ends {
		ends[b] = left
		if i < len(ranks) && ranks[i] < rank+int(count) {
			bins[n] = bin{rank, int(at), int(at + count)}
			n++
			ends[b] = at
			at += count
			for i < len(ranks) && ranks[i] < rank+int(count) {
				i++
			}
		}
		rank += int(count)
	}
	for _, x := range v {
		to := &ends[above(x)>>shift&(1<<width-1)]
		if *to >= 0 {
			spare[*to] = above(x)
			*to++
		}
	}
	for _, b := range bins[:n] {
		i := 0
		for i < len(ranks) && ranks[i] < b.rank+b.to-b.from {
			i++
		}
		pick(spare[b.from:b.to], spent[b.from:b.to], b.rank, ranks[:i], out[:i])
		ranks, out = ranks[i:], out[i:]
	}
}
