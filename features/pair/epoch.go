package pair

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"github.com/wearstream/wearstream/features"
)

const (
	// Length is that of the windows that are paired.
	Length = 15 * time.Minute
	// Epochs is how many epochs a window has.
	Epochs = int(Length / features.EpochLength)

	seconds = int(features.EpochLength / time.Second) // of an epoch
	perG    = 1_000_000
)

// Epoch is what pairing needs to know of 5 s of one wrist.
type Epoch struct {
	MAD     float64          // g, of core.v1; NaN: less than half is covered
	Apart   [seconds]float64 // mean of |r - 1 g| over each second, g; NaN: no samples
	Gravity [3]int32         // direction of the mean acceleration, millionths; zeros: none
	Digest  uint64           // of times and samples
}

// NewEpoch takes the samples of an epoch that begins at start, and its mad.
func NewEpoch(start int64, s features.Samples, mad float64) Epoch {
	bytes := make([]byte, 0, 20*len(s.T))
	for i, at := range s.T {
		bytes = binary.LittleEndian.AppendUint64(bytes, uint64(at))
		bytes = binary.LittleEndian.AppendUint32(bytes, uint32(s.X[i]))
		bytes = binary.LittleEndian.AppendUint32(bytes, uint32(s.Y[i]))
		bytes = binary.LittleEndian.AppendUint32(bytes, uint32(s.Z[i]))
	}
	sum := sha256.Sum256(bytes)
	return NewEpochOf(start, s, mad, binary.BigEndian.Uint64(sum[:]))
}

// NewEpochOf takes the digest, too, from who has it: the first 8 bytes, big-endian, of the
// SHA-256 over (t_ns, x, y, z) of the samples, little-endian int64 and int32.
func NewEpochOf(start int64, s features.Samples, mad float64, digest uint64) Epoch {
	e := Epoch{MAD: mad, Digest: digest}
	var sums [3]int64
	var apart [seconds]float64
	var n [seconds]int
	for i, at := range s.T {
		x, y, z := int64(s.X[i]), int64(s.Y[i]), int64(s.Z[i])
		sums[0] += x
		sums[1] += y
		sums[2] += z
		k := (at - start) / int64(time.Second)
		// Three squares of int32 overflow int64 but not uint64.
		r := math.Sqrt(float64(uint64(x*x) + uint64(y*y) + uint64(z*z)))
		apart[k] += math.Abs(r - perG)
		n[k]++
	}
	for k := range e.Apart {
		e.Apart[k] = math.NaN()
		if n[k] > 0 {
			e.Apart[k] = apart[k] / float64(n[k]*perG)
		}
	}
	if v, ok := unit(sums); ok {
		for k := range v {
			e.Gravity[k] = int32(math.RoundToEven(float64(v[k] * 1e6)))
		}
	}
	return e
}

// unit is the direction of a sum of vectors; nothing has none.
func unit(sum [3]int64) (v [3]float64, ok bool) {
	x, y, z := float64(sum[0]), float64(sum[1]), float64(sum[2])
	size := math.Sqrt(float64(x*x) + float64(y*y) + float64(z*z))
	if size == 0 {
		return v, false
	}
	return [3]float64{x / size, y / size, z / size}, true
}
