package bridge

import (
	"context"
	"sync"
	"sync/atomic"
)

// flight counts what is taken from the broker and not yet settled.
type flight struct {
	mu    sync.Mutex
	less  sync.Cond
	bytes int64

	messages atomic.Int64 // for the metrics
}

func newFlight() *flight {
	f := new(flight)
	f.less.L = &f.mu
	return f
}

// add takes a message of n bytes, or gives one of -n back.
func (f *flight) add(n int64) {
	f.mu.Lock()
	f.bytes += n
	f.mu.Unlock()
	if n > 0 {
		f.messages.Add(1)
	} else {
		f.messages.Add(-1)
		f.less.Broadcast()
	}
}

func (f *flight) now() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// until waits until at most n bytes are in flight.
func (f *flight) until(ctx context.Context, n int64) error {
	if f.now() <= n {
		return nil
	}
	defer context.AfterFunc(ctx, func() {
		f.mu.Lock() // not between the test and the wait below
		defer f.mu.Unlock()
		f.less.Broadcast()
	})()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.bytes > n {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f.less.Wait()
	}
	return nil
}
