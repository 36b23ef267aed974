package wear

import "github.com/wearstream/wearstream/features/internal/int128"

// moments are the sums of an interval, per axis, in micro-g.
type moments struct {
	n       int64
	sum     [3]int64
	squares [3]int128.Int
}

func (m *moments) add(s *second) {
	m.n += int64(s.n)
	for a := range 3 {
		m.sum[a] += s.sum[a]
		m.squares[a] = m.squares[a].Plus(uint64(s.squares[a]))
	}
}

func (m *moments) remove(s *second) {
	m.n -= int64(s.n)
	for a := range 3 {
		m.sum[a] -= s.sum[a]
		m.squares[a] = m.squares[a].Sub(int128.Of(s.squares[a]))
	}
}

// below reports whether the standard deviation (n-1) along an axis is below a
// threshold, without division or root:
//
//	sd < c  <=>  n S2 - S1^2 < c^2 n (n-1)
func (m *moments) below(axis int, threshold int64) bool {
	if m.n < 2 {
		return false
	}
	n, sum := int128.Of(m.n), int128.Of(m.sum[axis])
	limit := int128.Of(threshold * threshold).Mul(n).Mul(int128.Of(m.n - 1))
	return m.squares[axis].Mul(n).Sub(sum.Mul(sum)).Less(limit)
}

// axes counts the axes whose standard deviation is below a threshold.
func (m *moments) axes(threshold int64) int {
	count := 0
	for a := range 3 {
		if m.below(a, threshold) {
			count++
		}
	}
	return count
}

// spread is moments with the least and greatest value.
type spread struct {
	moments
	least, most [3]int32
	halves      int32 // half minutes that have data
}

func (s *spread) sample(v [3]int32) {
	if s.n == 0 {
		s.least, s.most = v, v
	}
	s.n++
	for a, value := range v {
		s.sum[a] += int64(value)
		s.squares[a] = s.squares[a].Plus(uint64(int64(value) * int64(value)))
		s.least[a] = min(s.least[a], value)
		s.most[a] = max(s.most[a], value)
	}
}

func (s *spread) merge(o *spread) {
	s.halves += o.halves
	if o.n == 0 {
		return
	}
	if s.n == 0 {
		s.least, s.most = o.least, o.most
	}
	s.n += o.n
	for a := range 3 {
		s.sum[a] += o.sum[a]
		s.squares[a] = s.squares[a].Add(o.squares[a])
		s.least[a] = min(s.least[a], o.least[a])
		s.most[a] = max(s.most[a], o.most[a])
	}
}

// still are the axes, as bits, whose standard deviation and range are both below
// their thresholds.
func (s *spread) still(sd, width int64) uint8 {
	var axes uint8
	for a := range 3 {
		if s.below(a, sd) && int64(s.most[a])-int64(s.least[a]) < width {
			axes |= 1 << a
		}
	}
	return axes
}
