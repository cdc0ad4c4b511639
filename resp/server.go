package resp

// This file runs redcon on guarded listeners. redcon accepts, gives each connection its goroutine and keeps
// the list of them; what is read and who is accepted is decided here. Each listener
// gets a redcon server of its own, all share one Server's limits and counters.

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

	"github.com/tidwall/redcon"
)

// closeWait bounds how long Close waits for handlers.
const closeWait = 5 * time.Second

// Server serves connections from any number of listeners.
type Server struct {
	handler    Handler
	limits     Limits
	log        *slog.Logger
	pool       workspaces
	counts     counters
	maxClients atomic.Int64
	idle       atomic.Int64 // IdleTimeout
	lingering  atomic.Int64 // refused connections that still get their answer
	warned     atomic.Int64 // second of the last warning about a cross-protocol attack
	refusing   atomic.Pointer[func(net.Addr) (Value, bool)]

	life   context.Context // ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex
	lns    map[net.Listener]struct{} // under mu
}

// NewServer returns a server that hands commands to h. A limit that is not positive gets its default,
// but for those of which Limits says that 0 switches them off. log may be nil.
func NewServer(h Handler, limits Limits, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{handler: h, limits: limits.orDefault(), log: log, lns: map[net.Listener]struct{}{}}
	s.life, s.cancel = context.WithCancel(context.Background())
	s.maxClients.Store(int64(s.limits.MaxClients))
	s.idle.Store(int64(s.limits.IdleTimeout))
	return s
}

// SetMaxClients changes Limits.MaxClients for connections to come.
func (s *Server) SetMaxClients(n int) { s.maxClients.Store(int64(n)) }

// SetIdleTimeout changes Limits.IdleTimeout for reads to come; 0 is for ever.
func (s *Server) SetIdleTimeout(d time.Duration) { s.idle.Store(int64(d)) }

// SetRefuse lets f judge each accepted connection: if it returns true, its Value is written and the
// connection closed before any handler hears of it (protected mode). f runs on the listener's goroutine.
func (s *Server) SetRefuse(f func(remote net.Addr) (Value, bool)) { s.refusing.Store(&f) }

// Serve accepts connections until Close, or until ln is closed. It may run for several listeners at once.
func (s *Server) Serve(ln net.Listener) error { return s.ServeAs(ln, nil, s.handler) }

// ServeTLS is Serve with TLS. Handshakes have a deadline and do not hold up each other.
func (s *Server) ServeTLS(ln net.Listener, cfg *tls.Config) error {
	return s.ServeAs(ln, cfg, s.handler)
}

// ServeAs is Serve for a listener with a handler of its own, and with TLS unless cfg is nil. Such a port
// shares the server's limits and counters.
func (s *Server) ServeAs(ln net.Listener, cfg *tls.Config, h Handler) error {
	plain := listener{Listener: ln, s: s, handler: h}
	if cfg == nil {
		return s.serve(ln, &plain)
	}
	plain.silent = true
	l := &tlsListener{listener: plain, config: cfg, ready: make(chan net.Conn), done: make(chan struct{})}
	go l.run()
	return s.serve(ln, l)
}

func (s *Server) serve(ln, guarded net.Listener) error {
	s.mu.Lock()
	s.lns[ln] = struct{}{}
	s.mu.Unlock()
	defer func() {
		_ = ln.Close()
		s.mu.Lock()
		delete(s.lns, ln)
		s.mu.Unlock()
	}()
	if s.life.Err() != nil {
		return net.ErrClosed
	}
	return redcon.Serve(guarded, nothing, nil, nil)
}

// nothing is redcon's handler, which is never called: a guard hands it no bytes.
func nothing(redcon.Conn, redcon.Command) {}

// Close stops accepting, closes all connections and waits for their handlers, for a while.
func (s *Server) Close() error {
	s.cancel()
	s.mu.Lock()
	for ln := range s.lns {
		_ = ln.Close() // redcon closes the connections when its listener closes
	}
	s.mu.Unlock()
	for end := time.Now().Add(closeWait); s.counts.active.Load() > 0; {
		if time.Now().After(end) {
			return errors.New("resp: handlers still run after " + closeWait.String())
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// forget takes a connection out of the count.
func (s *Server) forget() { s.counts.active.Add(-1) }

// refusalText is a refusal as a reply; those that are ours alone say what the limit is.
func (c *Conn) refusalText(why reason) Value {
	text := refusals[why].text
	switch why {
	case badMark:
		return Error(fmt.Sprintf("ERR Protocol error: expected '$', got '%s'", []byte{c.in.parse.got}))
	case manyWords:
		return Error(fmt.Sprintf("%s (at most %d)", text, c.srv.limits.Args))
	case bigCommand:
		return Error(fmt.Sprintf("%s (at most %d bytes)", text, c.srv.limits.CommandBytes))
	}
	return Error(text)
}

// warnCrossProtocol logs what may be an attack, once a second at most: the log must not be one as well.
func (s *Server) warnCrossProtocol(c *Conn) {
	now := time.Now().Unix()
	if s.warned.Swap(now) == now {
		return
	}
	s.log.Warn("Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands. "+
		"This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise this "+
		"server. Connection aborted.", "client", c.remote)
}
