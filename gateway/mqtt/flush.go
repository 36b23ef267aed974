package mqtt

import (
	"sync"
	"time"
)

// flushQueue is the list of connections with acknowledgements to write. It is
// never full: a connection is in it once at most.
type flushQueue struct {
	mu         sync.Mutex
	more       sync.Cond
	head, tail *conn
	closed     bool
}

func newFlushQueue() *flushQueue {
	q := new(flushQueue)
	q.more.L = &q.mu
	return q
}

func (q *flushQueue) push(c *conn) {
	q.mu.Lock()
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
	q.mu.Unlock()
	q.more.Signal()
}

// pop waits for a connection; nil: the queue is closed.
func (q *flushQueue) pop() *conn {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head == nil {
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
	c := q.head
	if q.head, c.next = c.next, nil; q.head == nil {
		q.tail = nil
	}
	return c
}

func (q *flushQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.more.Broadcast()
}

// flush writes acknowledgements until the queue is closed. The callbacks that
// bring them must not write: one slow socket would hold back all others.
func (s *Server) flush() {
	var acks []byte
	var read []time.Time
	for c := s.queue.pop(); c != nil; c = s.queue.pop() {
		acks, read = c.flush(acks[:0], read[:0])
	}
}
