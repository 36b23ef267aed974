package mqtt

import (
	"context"
	"time"
)

// reserve gives a message its place in the order of acknowledgements and its
// share of the budget, waiting for both. While it waits nothing is read.
func (c *conn) reserve(s slot) (uint64, error) {
	if err := c.wait(c.ctx, c.srv.cfg.Window-1); err != nil {
		return 0, err
	}
	if err := c.srv.take(c.ctx, s.cost); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.push(s), nil
}

// unreserve takes back the last reservation: its message did not arrive.
func (c *conn) unreserve(cost int32) {
	c.mu.Lock()
	c.ring.tail--
	c.mu.Unlock()
	c.srv.give(cost)
}

// wait waits until at most n messages are in flight. Only the reader waits.
func (c *conn) wait(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		short := c.ring.len() <= n
		c.mu.Unlock()
		if short {
			return nil
		}
		select {
		case <-c.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// complete ends a message: acknowledged if ok, else with the connection. It must
// neither block nor write, for the log's client calls it. It reports whether it was
// the first answer.
func (c *conn) complete(seq uint64, read time.Time, ok bool) bool {
	c.mu.Lock()
	cost := c.ring.complete(seq, read, ok)
	popped, flush := false, false
	if !c.queued {
		popped = c.ring.popSilent()
		flush = !c.closed && c.ring.headDone()
		c.queued = flush
	}
	c.mu.Unlock()

	if cost == 0 {
		return false // answered before
	}
	c.srv.give(cost)
	if popped {
		c.signalRoom()
	}
	if flush {
		c.srv.queue.push(c)
	}
	if !ok {
		c.cancel(errNotStored)
	}
	return true
}

// flush writes what is acknowledged at the head in one call. acks and read are
// scratch.
func (c *conn) flush(acks []byte, read []time.Time) ([]byte, []time.Time) {
	c.mu.Lock()
	acks, read, n := c.ring.ready(acks, read)
	c.mu.Unlock()

	var err error
	if len(acks) > 0 {
		err = c.write(acks)
	}

	c.mu.Lock()
	c.ring.pop(n)
	c.closed = c.closed || err != nil
	again := !c.closed && c.ring.headDone()
	c.queued = again
	c.mu.Unlock()

	c.signalRoom()
	if err != nil {
		c.cancel(err)
		read = read[:0]
	}
	for now, i := time.Now(), 0; i < len(read); i++ {
		c.srv.handler.Acknowledged(now.Sub(read[i]))
	}
	if again {
		c.srv.queue.push(c) // behind the others
	}
	return acks, read
}

func (c *conn) signalRoom() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}
