// Connections of raft's pool that have died in it. Raft's transport keeps connections for later and finds out
// that one is dead by an RPC that fails. For a vote that is too late: a candidate whose one vote is lost
// that way waits for an election timeout, and the cluster with it. Such connections are the rule, not an
// exception, since the other side has just been restarted when they are needed most. So a connection that
// was not used for a while is looked at before the next RPC, and a dead one is replaced by a new one.

package peer

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// restLimit is how long a connection may rest without being looked at: a look is a system call.
const restLimit = 5 * time.Millisecond

// renewing is a connection that raft has dialed. Raft uses it for one RPC at a time: it writes, then reads.
type renewing struct {
	layer   *raftLayer
	address string
	timeout time.Duration
	used    time.Time // the last write; used by the writer

	mu       sync.Mutex
	conn     net.Conn
	under    *conn
	deadline time.Time
	closed   bool
}

func (r *renewing) current() net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn
}

// Write implements net.Conn.
func (r *renewing) Write(p []byte) (int, error) {
	now := time.Now()
	if now.Sub(r.used) > restLimit && !r.under.alive() {
		if err := r.renew(); err != nil {
			return 0, err
		}
	}
	r.used = now
	return r.current().Write(p)
}

// renew replaces the connection.
func (r *renewing) renew() error {
	ctx, cancel := context.WithTimeout(r.layer.net.life, r.timeout)
	defer cancel()
	c, _, err := r.layer.net.connect(ctx, r.address, cluster.ForRaft)
	if err != nil {
		return err
	}
	r.mu.Lock()
	old := r.conn
	if r.closed {
		old = c
	} else {
		r.conn, r.under = c, c.under
		err = c.SetDeadline(r.deadline)
	}
	r.mu.Unlock()
	_ = old.Close() // it is dead, or not wanted any more
	return err
}

// Read implements net.Conn.
func (r *renewing) Read(p []byte) (int, error) { return r.current().Read(p) }

// Close implements net.Conn.
func (r *renewing) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.conn.Close()
}

// SetDeadline implements net.Conn.
func (r *renewing) SetDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	return r.conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn. Raft's transport sets both deadlines at once; this is for the
// interface.
func (r *renewing) SetReadDeadline(t time.Time) error { return r.current().SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (r *renewing) SetWriteDeadline(t time.Time) error { return r.current().SetWriteDeadline(t) }

// LocalAddr implements net.Conn.
func (r *renewing) LocalAddr() net.Addr { return r.current().LocalAddr() }

// RemoteAddr implements net.Conn.
func (r *renewing) RemoteAddr() net.Addr { return r.current().RemoteAddr() }
