// The open connections, so that Close can close them all: raft's transport forgets to close its pool and
// what it has accepted. And the queue through which accepted connections come to raft and to gRPC, which
// both want a net.Listener.

package peer

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// errClosed is what calls return after Close.
var errClosed = errors.New("this node's cluster port is closed")

// connSet is the set of open connections.
type connSet struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// conn is a connection of the set; it leaves the set when it is closed.
type conn struct {
	net.Conn
	set  *connSet
	once sync.Once
}

// add takes a connection in, unless there are limit already or the set is closed.
func (s *connSet) add(raw net.Conn, limit int) (*conn, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.open) >= limit {
		return nil, false
	}
	if s.open == nil {
		s.open = map[*conn]struct{}{}
	}
	c := &conn{Conn: raw, set: s}
	s.open[c] = struct{}{}
	return c, true
}

// closeAll closes all connections, and keeps others from being added.
func (s *connSet) closeAll() {
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for c := range open {
		c.drop()
	}
}

// Close implements net.Conn. It may be called more than once.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		c.set.mu.Lock()
		delete(c.set.open, c)
		c.set.mu.Unlock()
		err = c.Conn.Close()
	})
	return err
}

// silenceLimit is how long a stream's data may stay unanswered. Raft's RPCs have limits of their own, and a
// snapshot may have to wait longer than that for a slow disk.
const silenceLimit = 3 * time.Second

// drop closes the connection where nobody can be told of an error.
func (c *conn) drop() { _ = c.Close() }

// watchFor makes the kernel notice within some seconds that the other machine is gone: on a connection
// without traffic by keepalive, on one with unanswered data by a limit for the answer, where the system
// has one.
func (c *conn) watchFor(why cluster.Purpose) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return // a test's
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: time.Second, Interval: time.Second, Count: 3,
	})
	if why != cluster.ForRaft {
		limitUnanswered(tcp, silenceLimit)
	}
}

// queue hands accepted connections over. It is a net.Listener.
type queue struct {
	conns chan net.Conn
	addr  net.Addr
	done  chan struct{}
	once  sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{conns: make(chan net.Conn), addr: addr, done: make(chan struct{})}
}

// put hands a connection over, and closes it if nobody takes it any more.
func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements net.Listener.
func (q *queue) Addr() net.Addr { return q.addr }
