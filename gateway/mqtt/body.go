package mqtt

import (
	"io"
	"sync"
)

// Payloads of up to small or middle bytes are read into memory that is used again
// once their message is acknowledged: at full speed they would be most of what the
// collector has to do.
const (
	small  = 512
	middle = 4 << 10
)

var (
	smalls  = sync.Pool{New: func() any { return new([small]byte) }}
	middles = sync.Pool{New: func() any { return new([middle]byte) }}
)

// weight is the memory that a payload of n bytes takes.
func weight(n int) int {
	switch {
	case n <= small:
		return small
	case n <= middle:
		return middle
	}
	return n
}

// readPayload reads n bytes into memory that free takes back.
func readPayload(r io.Reader, n int) ([]byte, error) {
	var b []byte
	switch weight(n) {
	case small:
		b = smalls.Get().(*[small]byte)[:n]
	case middle:
		b = middles.Get().(*[middle]byte)[:n]
	default:
		b = make([]byte, n)
	}
	_, err := io.ReadFull(r, b)
	return b, err
}

// free gives back what readPayload made.
func free(b []byte) {
	switch cap(b) {
	case small:
		smalls.Put((*[small]byte)(b[:small]))
	case middle:
		middles.Put((*[middle]byte)(b[:middle]))
	}
}
