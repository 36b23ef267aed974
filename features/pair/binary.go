package pair

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The binary form of a Side holds what makes it and its rows do not: a version, the mean
// temperature, a bit for each epoch that is there (the least significant is the first),
// and those epochs in order. Numbers are little-endian and keep every bit, so that what is
// computed from them does. An epoch that is not there takes no room; a whole quarter of an
// hour is 12,272 bytes.
const (
	sideVersion = 1
	sideHead    = 1 + 8 + (Epochs+7)/8
	epochBytes  = 8 + 8*seconds + 3*4 + 8
)

// Append appends the binary form, which has neither coverage nor what was worn.
func (s *Side) Append(b []byte) []byte {
	b = append(b, sideVersion)
	b = appendFloat(b, s.Temperature)
	var there [(Epochs + 7) / 8]byte
	for i, has := range s.has {
		if has {
			there[i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, there[:]...)
	for i := range s.epochs {
		if s.has[i] {
			b = s.epochs[i].append(b)
		}
	}
	return b
}

func (e *Epoch) append(b []byte) []byte {
	b = appendFloat(b, e.MAD)
	for _, v := range e.Apart {
		b = appendFloat(b, v)
	}
	for _, v := range e.Gravity {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(b, e.Digest)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// ParseSide reads the binary form. Exactly what Append writes is taken.
func ParseSide(b []byte) (*Side, error) {
	if len(b) < sideHead || b[0] != sideVersion {
		return nil, errors.New("parse side: it is none of version 1")
	}
	s := &Side{Temperature: float(b[1:])}
	there, b := b[9:sideHead], b[sideHead:]
	for i := range 8 * len(there) {
		if there[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		if i >= Epochs || len(b) < epochBytes {
			return nil, fmt.Errorf("parse side: epoch %d is announced and not there", i)
		}
		s.Put(i, parseEpoch(b))
		if !s.has[i] {
			return nil, fmt.Errorf("parse side: epoch %d has no samples", i)
		}
		b = b[epochBytes:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("parse side: %d bytes too many", len(b))
	}
	return s, nil
}

func parseEpoch(b []byte) Epoch {
	e := Epoch{MAD: float(b)}
	b = b[8:]
	for k := range e.Apart {
		e.Apart[k], b = float(b), b[8:]
	}
	for k := range e.Gravity {
		e.Gravity[k], b = int32(binary.LittleEndian.Uint32(b)), b[4:]
	}
	e.Digest = binary.LittleEndian.Uint64(b)
	return e
}

func float(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
