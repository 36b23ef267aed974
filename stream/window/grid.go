package window

import (
	"cmp"
	"time"
)

// Key names a window of one sensor: the half-open interval [Start, Start+Length),
// in nanoseconds since 1970; on the Unix-epoch grid, except where somebody asks for
// windows from the first sample of a recording on.
type Key struct {
	_      struct{} `cbor:",toarray"`
	Length time.Duration
	Start  int64
}

// End is where the window ends.
func (k Key) End() int64 { return k.Start + int64(k.Length) }

// Compare orders windows as they become due: by end, then by length.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.End(), o.End()), cmp.Compare(k.Length, o.Length))
}

// At is the window of that length that holds time t.
func At(length time.Duration, t int64) Key {
	l := int64(length)
	start := t - t%l
	if start > t { // t before 1970
		start -= l
	}
	return Key{Length: length, Start: start}
}

// AtFrom is the same where windows begin at multiples of their length from origin.
func AtFrom(origin int64, length time.Duration, t int64) Key {
	k := At(length, t-origin)
	k.Start += origin
	return k
}

// Touching yields the windows of that length that hold a time in [from, to].
func Touching(length time.Duration, from, to int64, yield func(Key)) {
	for k := At(length, from); k.Start <= to; k.Start += int64(length) {
		yield(k)
	}
}
