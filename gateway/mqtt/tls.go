package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// identity is who a connection is, by its certificate.
type identity struct {
	thing  string
	serial string // lower-case hex without leading zeros
}

var errUnknown = errors.New("unknown certificate")

func identify(cs tls.ConnectionState) (identity, error) {
	if len(cs.VerifiedChains) == 0 || len(cs.PeerCertificates) == 0 {
		return identity{}, fmt.Errorf("%w: it is not verified", errUnknown)
	}
	leaf := cs.PeerCertificates[0]
	if !wire.ValidName(leaf.Subject.CommonName) {
		return identity{}, fmt.Errorf("%w: its common name %q is not a thing's name", errUnknown, leaf.Subject.CommonName)
	}
	return identity{leaf.Subject.CommonName, leaf.SerialNumber.Text(16)}, nil
}

// heldKey is the context key of a *bool: whether the handshake has its place.
type heldKey struct{}

// serverTLS makes the configuration of the device port from the caller's.
func (s *Server) serverTLS(base *tls.Config) *tls.Config {
	t := base.Clone()
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.ClientAuth = tls.RequireAndVerifyClientCert
	// Not VerifyPeerCertificate, which is not called when a session is resumed.
	t.VerifyConnection = func(cs tls.ConnectionState) error {
		if _, err := identify(cs); err != nil {
			return err
		}
		if base.VerifyConnection != nil {
			if err := base.VerifyConnection(cs); err != nil {
				return fmt.Errorf("%w: %w", errUnknown, err)
			}
		}
		return nil
	}
	// A handshake takes its place only once the client has spoken, so that idle
	// sockets take none.
	t.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		held, _ := hello.Context().Value(heldKey{}).(*bool)
		select {
		case s.handshakes <- struct{}{}:
			*held = true
			return nil, nil
		case <-hello.Context().Done():
			return nil, hello.Context().Err()
		}
	}
	return t
}

// handshake makes a connection of a socket, or counts why not.
func (s *Server) handshake(ctx context.Context, raw net.Conn) {
	due := time.Now().Add(s.cfg.ConnectTimeout)
	nc := tls.Server(raw, s.tls)
	held := false
	hctx, cancel := context.WithDeadline(context.WithValue(ctx, heldKey{}, &held), due)
	err := nc.HandshakeContext(hctx)
	cancel()
	if held {
		<-s.handshakes
	}
	if err != nil {
		s.refuseTLS(err)
		linger(raw)
		return
	}
	id, _ := identify(nc.ConnectionState()) // VerifyConnection has seen to it
	c := newConn(ctx, s, nc, raw, id, due)
	// A goroutine of its own: this one's stack has grown with the handshake.
	s.conns.Go(c.run)
}

func (s *Server) refuseTLS(err error) {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, context.Canceled):
		return // a port check, or our own shutdown
	case unverified, errors.Is(err, errUnknown):
		s.handler.Connected(wire.ReasonUnknown)
	default:
		s.handler.Connected(wire.ReasonTLS)
	}
	s.log.Debug("handshake refused", "err", err)
}

// linger closes a socket in a way that lets the peer read what was last written:
// closing with unread input would make the kernel throw it away.
func linger(nc net.Conn) {
	if w, ok := nc.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		nc.SetReadDeadline(time.Now().Add(time.Second))
		io.CopyN(io.Discard, nc, maxControl)
	}
	nc.Close()
}
