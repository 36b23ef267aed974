package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Server takes what devices publish. Make one with New.
type Server struct {
	cfg     Config
	tls     *tls.Config
	handler Handler
	log     *slog.Logger

	handshakes chan struct{}
	budget     *semaphore.Weighted
	inFlight   atomic.Int64 // bytes taken of the budget
	publishes  atomic.Int64 // messages that took them
	live       atomic.Int64
	queue      *flushQueue
	conns      sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*conn
}

// Why a connection's context is cancelled.
var (
	errShutdown  = errors.New("the server is stopping")
	errTakeover  = errors.New("another connection with the same client id")
	errNotStored = errors.New("a message could not be stored")
)

// New checks the configuration and makes a server that does nothing yet.
func New(cfg Config, h Handler, log *slog.Logger) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:        cfg,
		handler:    h,
		log:        log,
		handshakes: make(chan struct{}, cfg.Handshakes),
		budget:     semaphore.NewWeighted(cfg.Budget),
		queue:      newFlushQueue(),
		sessions:   make(map[string]*conn),
	}
	s.tls = s.serverTLS(cfg.TLS)
	return s, nil
}

// Connections is the number of connections whose CONNECT was accepted.
func (s *Server) Connections() int { return int(s.live.Load()) }

// InFlight is the number of bytes handed over and not yet completed.
func (s *Server) InFlight() int64 { return s.inFlight.Load() }

// Publishes is the number of messages handed over and not yet completed.
func (s *Server) Publishes() int64 { return s.publishes.Load() }

// Serve accepts connections until ctx is done, then stops reading, waits up to
// Grace for what is in flight, sends its acknowledgements, closes everything and
// returns nil. It closes the listener. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	// Not a child of ctx: at shutdown its cause must be errShutdown.
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(errShutdown)
	defer context.AfterFunc(ctx, func() { stop(errShutdown) })()
	defer context.AfterFunc(base, func() { ln.Close() })()

	var flushers sync.WaitGroup
	for range s.cfg.Flushers {
		flushers.Go(s.flush)
	}
	err := s.accept(base, ln)
	stop(errShutdown)
	s.conns.Wait()
	s.queue.close()
	flushers.Wait()
	return err
}

func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	for {
		raw, err := ln.Accept()
		switch {
		case err == nil:
			s.conns.Go(func() { s.handshake(ctx, raw) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		default: // out of descriptors, or the peer was gone already
			s.log.Warn("accept", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// register makes c the session of its client id. An earlier one is ended first,
// with its will, so that the log has things in their order.
func (s *Server) register(c *conn) error {
	timeout := time.After(s.cfg.ConnectTimeout)
	for {
		s.mu.Lock()
		old := s.sessions[c.session]
		if old == nil {
			s.sessions[c.session] = c
			s.mu.Unlock()
			s.live.Add(1)
			return nil
		}
		s.mu.Unlock()
		old.cancel(errTakeover)
		select {
		case <-old.done:
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-timeout:
			return errors.New("the earlier connection with this client id does not end")
		}
	}
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[c.session] == c {
		delete(s.sessions, c.session)
		s.live.Add(-1)
	}
}

// take takes n bytes of the budget, waiting for them if need be.
func (s *Server) take(ctx context.Context, n int32) error {
	if err := s.budget.Acquire(ctx, int64(n)); err != nil {
		return err
	}
	s.inFlight.Add(int64(n))
	s.publishes.Add(1)
	return nil
}

func (s *Server) give(n int32) {
	s.inFlight.Add(-int64(n))
	s.publishes.Add(-1)
	s.budget.Release(int64(n))
}
