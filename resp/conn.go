package resp

// This file is a connection as the handler sees it. Reply, Flush, Watch and CloseAfterReply belong to the
// connection's own goroutine, the one Serve runs on, and take no lock for what only that goroutine
// touches; whatever another goroutine may call says so.

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Command is the words of one command, at least one. It is valid until Serve returns.
type Command [][]byte

// Handler answers commands. Serve runs on the connection's goroutine and may block for as long as it
// likes; nothing more of that connection is read meanwhile, unless it calls Conn.Watch. A panic in any of
// the three closes the connection and nothing else.
type Handler interface {
	// Open is called before anything is read. The connection is untrusted until SetTrusted.
	Open(c *Conn)
	// Serve answers whole commands in the order they came in, one Conn.Reply each.
	Serve(c *Conn, pipeline []Command)
	// Closed is called once for each Open, when the socket is closed. No lock is held.
	Closed(c *Conn)
}

// Conn is one client's connection.
type Conn struct {
	// Context is the handler's own; this package does not look at it.
	Context any

	srv     *Server
	handler Handler
	sock    socket
	remote  string
	in      intake
	out     output

	proto     atomic.Int32
	trusted   atomic.Bool
	unhurried atomic.Bool // exempt from IdleTimeout
	dead      atomic.Bool // socket closed
	traffic
	closing bool        // CloseAfterReply was called
	leaving atomic.Bool // Leave was called
	ended   bool        // end has run
}

// socket is the connection below; with TLS, raw is what lies under it. Closing raw never blocks.
type socket struct {
	net.Conn
	raw net.Conn
	tls *tls.Conn
}

// traffic is what other goroutines may read of a connection (CLIENT LIST).
type traffic struct {
	received, query, queryCap atomic.Uint64
}

func newConn(s *Server, h Handler, sock socket) *Conn {
	c := &Conn{srv: s, handler: h, sock: sock, remote: addrText(sock.RemoteAddr(), sock.LocalAddr())}
	c.in.parse.limits = &s.limits
	c.proto.Store(2)
	return c
}

// Proto returns the protocol replies are written in, 2 or 3. Any goroutine may call it.
func (c *Conn) Proto() int { return int(c.proto.Load()) }

// SetProto changes the protocol for the replies that follow.
func (c *Conn) SetProto(proto int) { c.proto.Store(int32(proto)) }

// SetTrusted says whether the peer has authenticated, or need not to. Until then commands have the
// limits for strangers, and are handed to Serve one at a time so that AUTH counts for the next.
func (c *Conn) SetTrusted(trusted bool) { c.trusted.Store(trusted) }

// SetPatient exempts the connection from IdleTimeout, as Redis exempts subscribers. Any goroutine may
// call it; it counts from the next read on.
func (c *Conn) SetPatient(patient bool) { c.unhurried.Store(patient) }

// RemoteAddr returns the peer's address as CLIENT LIST shows it.
func (c *Conn) RemoteAddr() string { return c.remote }

// LocalAddr returns our own address as CLIENT LIST shows it.
func (c *Conn) LocalAddr() string { return addrText(c.sock.LocalAddr(), nil) }

// TLS tells whether the connection is encrypted.
func (c *Conn) TLS() bool { return c.sock.tls != nil }

// TLSState returns the state of the finished handshake, the peer's certificates among it; ok is false
// without TLS.
func (c *Conn) TLSState() (state tls.ConnectionState, ok bool) {
	if c.sock.tls == nil {
		return state, false
	}
	return c.sock.tls.ConnectionState(), true
}

// CloseAfterReply closes the connection when Serve returns and its replies are written (QUIT). What the
// peer sent after this batch is dropped; to drop the rest of the batch, Serve looks at Closing.
func (c *Conn) CloseAfterReply() { c.closing = true }

// Closing tells whether CloseAfterReply was called.
func (c *Conn) Closing() bool { return c.closing }

// Leave ends the connection in good order: what was received is answered, nothing more is read. Any goroutine
// may call it. It does not end a command that is parked.
func (c *Conn) Leave() {
	c.leaving.Store(true)
	_ = c.sock.raw.SetReadDeadline(time.Unix(1, 0)) // wakes a read that waits
}

// Kill closes the socket at once. Any goroutine may call it; Closed follows on the connection's own.
func (c *Conn) Kill() {
	if c.dead.CompareAndSwap(false, true) {
		_ = c.sock.raw.Close()
	}
}

// addrText spells an address the way Redis does: a Unix socket by its path and port 0. The peer of a Unix
// socket has no name, so it goes by that of the listener.
func addrText(a, instead net.Addr) string {
	if a == nil {
		return ""
	}
	if u, ok := a.(*net.UnixAddr); ok {
		if l, ok := instead.(*net.UnixAddr); ok {
			u = l
		}
		return u.Name + ":0"
	}
	return a.String()
}

// open runs on the connection's goroutine, not on the listener's, which a slow handler would stop.
func (c *Conn) open() {
	c.in.opened = time.Now()
	defer c.rescue("open")
	c.handler.Open(c)
	_ = c.Flush()
}

// serve answers the batch that collect gathered.
func (c *Conn) serve() {
	defer c.rescue("serve")
	if ws := c.in.ws; ws != nil && len(ws.cmds) > 0 {
		c.handler.Serve(c, ws.cmds)
	}
	if c.out.pending.Load() {
		_ = c.Flush()
	}
}

// close tells the handler, once the socket is closed.
func (c *Conn) close() {
	defer c.srv.forget()
	defer c.rescue("closed")
	if !c.in.opened.IsZero() {
		c.handler.Closed(c)
	}
}

// rescue turns a panic of the handler into the end of this connection.
func (c *Conn) rescue(where string) {
	if e := recover(); e != nil {
		c.panicked(where, e)
	}
}

func (c *Conn) panicked(where string, e any) {
	c.srv.counts.refuse(panicked)
	c.srv.log.Error("panic while serving a connection", "where", where, "client", c.remote,
		"panic", fmt.Sprint(e), "stack", string(debug.Stack()))
	c.Kill()
}
