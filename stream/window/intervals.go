package window

import "slices"

// Interval is the half-open range of sequences [From, To).
type Interval struct {
	_        struct{} `cbor:",toarray"`
	From, To uint64
}

// Intervals is a set of sequences as sorted, disjoint, non-adjacent intervals.
// The zero value is empty.
type Intervals []Interval

// find is the first interval that ends after seq.
func (s Intervals) find(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s, seq, func(iv Interval, v uint64) int {
		if iv.To <= v {
			return -1
		}
		return 1
	})
	return i
}

// Has reports whether seq is in the set.
func (s Intervals) Has(seq uint64) bool {
	i := s.find(seq)
	return i < len(s) && s[i].From <= seq
}

// Top is one past the largest member, 0 of an empty set.
func (s Intervals) Top() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].To
}

// Add puts [from, to) into the set.
func (s *Intervals) Add(from, to uint64) {
	if from >= to {
		return
	}
	i := s.find(from)
	if i > 0 && (*s)[i-1].To == from {
		i--
	}
	j := i
	for j < len(*s) && (*s)[j].From <= to {
		from, to = min(from, (*s)[j].From), max(to, (*s)[j].To)
		j++
	}
	*s = slices.Replace(*s, i, j, Interval{From: from, To: to})
}

// Next is the first member at or after seq.
func (s Intervals) Next(seq uint64) (uint64, bool) {
	i := s.find(seq)
	if i == len(s) {
		return 0, false
	}
	return max(seq, s[i].From), true
}

// End is the first sequence at or after seq that is not a member.
func (s Intervals) End(seq uint64) uint64 {
	if i := s.find(seq); i < len(s) && s[i].From <= seq {
		return s[i].To
	}
	return seq
}

// Begin is the first sequence of the interval that holds seq, or seq.
func (s Intervals) Begin(seq uint64) uint64 {
	if i := s.find(seq); i < len(s) && s[i].From <= seq {
		return s[i].From
	}
	return seq
}
