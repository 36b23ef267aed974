package features

import (
	"math/bits"
	"slices"
)

// few values are sorted at once.
const few = 48

// pick finds the values of ascending ranks of v, the lowest being of rank base,
// without sorting more than they need: values go into bins by their leading bits,
// and only the bins that hold a rank are looked into. v is spent, and spare, of
// the same length, is memory. Equal values cost nothing more, and no order of the
// values is worse than another.
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
	if least == most {
		for i := range ranks {
			out[i] = least
		}
		return
	}
	const width = 10 // bits
	shift := max(bits.Len64(most-least)-width, 0)
	var ends [1 << width]int32
	for _, x := range v {
		ends[(x-least)>>shift&(1<<width-1)]++
	}
	sum := int32(0)
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	for _, x := range v {
		bin := &ends[(x-least)>>shift&(1<<width-1)]
		spare[*bin] = x
		*bin++
	}
	bin := 0
	for i := 0; i < len(ranks); {
		for base+int(ends[bin]) <= ranks[i] {
			bin++
		}
		from := int32(0)
		if bin > 0 {
			from = ends[bin-1]
		}
		to, next := ends[bin], i
		for next < len(ranks) && ranks[next] < base+int(to) {
			next++
		}
		pick(spare[from:to], v[from:to], base+int(from), ranks[i:next], out[i:next])
		i = next
	}
}
