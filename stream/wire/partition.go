package wire

import "encoding/binary"

// PartitionOf is the partition of a key among n: murmur2, as the Kafka clients
// have it. It is written down here because it decides where state lives.
func PartitionOf(key string, n int32) int32 {
	return int32(murmur2([]byte(key))&0x7fffffff) % n
}

func murmur2(b []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

// FeaturesKey is what decides the partition of a sensor's rows: the participant,
// or the sensor while it is nobody's.
func FeaturesKey(participant, sensor string) string {
	if participant == "" {
		return "~" + sensor
	}
	return participant
}
