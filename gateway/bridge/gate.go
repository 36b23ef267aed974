package bridge

import (
	"cmp"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// gate is the connection to the broker. It is not read while the budget is in
// flight; acknowledgements go out all the same.
type gate struct {
	net.Conn
	flight *flight
	budget int64
	grace  time.Duration
	stop   context.Context // done: what still comes is thrown away, to come again
	open   context.Context // until Close
	close  context.CancelFunc
	eof    chan struct{} // closed when a read has failed
	failed func()
}

func newGate(nc net.Conn, b *Bridge, stop context.Context) *gate {
	g := &gate{Conn: nc, flight: b.flight, budget: b.cfg.Budget, grace: b.cfg.Grace, stop: stop, eof: make(chan struct{})}
	g.open, g.close = context.WithCancel(context.Background())
	g.failed = sync.OnceFunc(func() { close(g.eof) })
	return g
}

func (g *gate) Read(p []byte) (n int, err error) {
	if g.stop.Err() == nil {
		if g.flight.until(g.open, g.budget-1) != nil {
			return 0, net.ErrClosed
		}
		n, err = g.Conn.Read(p)
	} else {
		_, err = io.Copy(io.Discard, g.Conn)
		err = cmp.Or(err, io.EOF)
	}
	if err != nil {
		g.failed()
	}
	return n, err
}

// Close after stop lets the broker hang up first: with bytes unread the kernel would
// reset the connection, and the broker might lose the last acknowledgements.
func (g *gate) Close() error {
	g.close()
	if g.stop.Err() != nil {
		select {
		case <-g.eof:
		case <-time.After(g.grace):
		}
	}
	return g.Conn.Close()
}
