package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencies counts times in microseconds, in buckets at most 3 % wide.
type latencies struct {
	buckets [32 * 30]atomic.Uint32
}

func (l *latencies) add(d time.Duration) {
	v := uint64(max(0, d.Microseconds()))
	shift := max(0, bits.Len64(v)-6)
	l.buckets[min(len(l.buckets)-1, shift*32+int(v>>shift))].Add(1)
}

// quantile is the middle of the bucket below which a share q of the times lies.
func (l *latencies) quantile(q float64) time.Duration {
	var total, below uint64
	for i := range l.buckets {
		total += uint64(l.buckets[i].Load())
	}
	for i := range l.buckets {
		below += uint64(l.buckets[i].Load())
		if total > 0 && float64(below) >= q*float64(total) {
			shift := max(0, i/32-1)
			from := uint64(i-shift*32) << shift
			return time.Duration(from+(1<<shift)/2) * time.Microsecond
		}
	}
	return 0
}
