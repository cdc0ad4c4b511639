package resp

// This file decides who gets in. Accept errors are waited out (out of file descriptors, say) instead of
// being retried in a loop as redcon does; refused peers get their answer off the listener's goroutine; TLS
// handshakes run beside it, under a deadline and within the number of clients allowed, so that a peer who
// connects and says nothing holds up nobody.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	firstPause  = 5 * time.Millisecond // after an accept error; doubles up to
	lastPause   = time.Second
	mostLingers = 64 // refused peers that are told why at the same time
)

// listener is what redcon accepts from.
type listener struct {
	net.Listener
	s       *Server
	handler Handler
	silent  bool // a refusal before the TLS handshake cannot be read
}

// Accept returns the next connection that is let in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.admit()
		if err != nil {
			return nil, err
		}
		if !l.s.refuses(raw, raw) {
			return &guard{Conn: raw, c: newConn(l.s, l.handler, socket{Conn: raw, raw: raw})}, nil
		}
	}
}

// admit accepts and counts; the error it returns is the end of the listener.
func (l *listener) admit() (net.Conn, error) {
	pause := firstPause
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || l.s.life.Err() != nil {
				return nil, net.ErrClosed
			}
			l.s.log.Error("cannot accept connections", "error", err, "retry", pause)
			select {
			case <-time.After(pause):
			case <-l.s.life.Done():
			}
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		// Counted from here on, handshake included: a peer that never finishes one holds a slot too.
		l.s.counts.accepted.Add(1)
		if l.s.counts.active.Add(1) > l.s.maxClients.Load() {
			answer := Error(refusals[tooManyClients].text)
			if l.silent {
				answer = None()
			}
			l.s.reject(raw, raw, tooManyClients, answer)
			continue
		}
		if tcp, ok := raw.(*net.TCPConn); ok && l.s.limits.KeepAlive > 0 {
			every := l.s.limits.KeepAlive
			_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every / 3, Count: 3})
		}
		return raw, nil
	}
}

// refuses asks SetRefuse's judge.
func (s *Server) refuses(conn, raw net.Conn) bool {
	judge := s.refusing.Load()
	if judge == nil || *judge == nil {
		return false
	}
	answer, refused := (*judge)(conn.RemoteAddr())
	if refused {
		s.reject(conn, raw, refusedAddress, answer)
	}
	return refused
}

// reject answers and closes a connection that no handler has heard of. The peer may be slow and may be
// one of thousands, so the answer has little time, and few get one at the same time.
func (s *Server) reject(conn, raw net.Conn, why reason, answer Value) {
	s.counts.refuse(why)
	s.forget()
	if s.lingering.Add(1) > mostLingers {
		s.lingering.Add(-1)
		_ = raw.Close()
		return
	}
	go func() {
		defer s.lingering.Add(-1)
		defer raw.Close()
		_ = conn.SetDeadline(time.Now().Add(lingerTime))
		if _, err := conn.Write(Append(nil, answer, 2)); err != nil {
			return
		}
		if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, conn, lingerMax)
		}
	}()
}

// tlsListener shakes hands before redcon sees a connection.
type tlsListener struct {
	listener
	config *tls.Config
	ready  chan net.Conn
	done   chan struct{} // closed when no more connections are accepted
}

// Accept returns the next connection that has shaken hands.
func (l *tlsListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// run accepts until the listener is closed.
func (l *tlsListener) run() {
	defer close(l.done)
	for {
		raw, err := l.admit()
		if err != nil {
			return
		}
		go l.handshake(raw)
	}
}

func (l *tlsListener) handshake(raw net.Conn) {
	// The context closes raw when its time is up, or when the server closes.
	ctx, cancel := context.WithTimeout(l.s.life, l.s.limits.TLSHandshakeTimeout)
	defer cancel()
	conn := tls.Server(raw, l.config)
	if err := shakeHands(ctx, conn); err != nil {
		l.s.counts.refuse(badHandshake)
		l.s.log.Debug("TLS handshake failed", "client", raw.RemoteAddr().String(), "error", err)
		_ = raw.Close()
		l.s.forget()
		return
	}
	if l.s.refuses(conn, raw) {
		return
	}
	g := &guard{Conn: conn, c: newConn(l.s, l.handler, socket{Conn: conn, raw: raw, tls: conn})}
	select {
	case l.ready <- g:
	case <-l.done:
		_ = raw.Close()
		l.s.forget()
	}
}

// shakeHands turns a panic into an error: the certificates are the peer's, and callbacks of the
// configuration look at them.
func shakeHands(ctx context.Context, conn *tls.Conn) (err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("panic in handshake: %v", e)
		}
	}()
	return conn.HandshakeContext(ctx)
}
