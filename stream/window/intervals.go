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

// Has reports whether seq is in the set.
func (s Intervals) Has(seq uint64) bool {
	i, _ := s.find(seq)
	return i < len(s) && s[i].From <= seq
}

// find is the first interval that ends after seq.
func (s Intervals) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(s, seq, func(iv Interval, v uint64) int {
		if iv.To <= v {
			return -1
		}
		return 1
	})
}

// Add puts [from, to) into the set.
func (s *Intervals) Add(from, to uint64) {
	if from >= to {
		return
	}
	i := 0
	for i < len(*s) && (*s)[i].To < from {
		i++
	}
	j := i
	for j < len(*s) && (*s)[j].From <= to {
		from, to = min(from, (*s)[j].From), max(to, (*s)[j].To)
		j++
	}
	*s = slices.Replace(*s, i, j, Interval{From: from, To: to})
}

// Remove takes [from, to) out of the set.
func (s *Intervals) Remove(from, to uint64) {
	if from >= to {
		return
	}
	var out Intervals
	for _, iv := range *s {
		if iv.From < min(iv.To, from) {
			out = append(out, Interval{From: iv.From, To: min(iv.To, from)})
		}
		if max(iv.From, to) < iv.To {
			out = append(out, Interval{From: max(iv.From, to), To: iv.To})
		}
	}
	*s = out
}

// Next is the first member at or after seq.
func (s Intervals) Next(seq uint64) (uint64, bool) {
	i, _ := s.find(seq)
	if i == len(s) {
		return 0, false
	}
	return max(seq, s[i].From), true
}

// End is the first sequence at or after seq that is not a member.
func (s Intervals) End(seq uint64) uint64 {
	i, _ := s.find(seq)
	if i < len(s) && s[i].From <= seq {
		return s[i].To
	}
	return seq
}
