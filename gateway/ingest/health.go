package ingest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// StallAfter is how long the log may owe every answer.
const StallAfter = 5 * time.Second

// health says whether the log takes records.
type health struct {
	known   atomic.Bool  // the log has named its partitions
	pending atomic.Int64 // records without an answer
	since   atomic.Int64 // nanoseconds: last good answer, or when pending left zero
}

func (h *health) began(now time.Time) {
	if h.pending.Add(1) == 1 {
		h.since.Store(now.UnixNano())
	}
}

func (h *health) ended(now time.Time, ok bool) {
	if ok {
		h.since.Store(now.UnixNano())
	}
	h.pending.Add(-1)
}

func (h *health) check(now time.Time) error {
	if !h.known.Load() {
		return errors.New("no answer from Kafka yet: are the brokers of --kafka.brokers up and in reach?")
	}
	if n := h.pending.Load(); n > 0 {
		if d := now.Sub(time.Unix(0, h.since.Load())); d > StallAfter {
			return fmt.Errorf("no acknowledgement from Kafka for %s, %d records wait: "+
				"are the brokers of --kafka.brokers up, in reach, and enough in sync? It goes on by itself, and nothing is lost", d.Round(time.Second), n)
		}
	}
	return nil
}
