package features

import (
	"math"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRef is all of ref.v1 over four blocks, what is around them included.
func BenchmarkRef(b *testing.B) { benchmarkBlock(b, Ref) }

func BenchmarkOffline(b *testing.B) { benchmarkBlock(b, Offline) }

func benchmarkBlock(b *testing.B, set *Set) {
	const blocks, seconds, rate = 4, 4*900 + 700, 50
	s, r := wrist(seconds, rate)
	start := s.T[0] + 350*1_000_000_000
	block := NewBlock(set, milli(rate))
	windows := 0
	run := func() {
		block.Begin(start)
		for i := range blocks {
			if i > 0 {
				block.Next()
			}
			block.Extend(s, r, math.MaxInt64, func(*Result) { windows++ })
		}
	}
	run() // memory that is used again
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		run()
	}
	perSample(b, before, blocks*900*rate)
	if windows == 0 {
		b.Fatal("no windows")
	}
}

// perSample reports what a round of n samples took of the clock and of processors.
func perSample(b *testing.B, before time.Duration, n int) {
	cpu, all := cpuTime()-before, float64(b.N*n)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/all, "ns/sample")
	b.ReportMetric(float64(cpu.Nanoseconds())/all, "cpu-ns/sample")
}

// cpuTime is what the process has used of all processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
