package resp

// This file is the writing half of a connection. Replies collect in the workspace and go out together,
// once a batch; pushes from other goroutines collect in a queue of their own that a goroutine started for
// the purpose writes out, so nobody who pushes ever waits for a slow reader. Both write whole replies
// under one lock, so they never interleave.
//
// A push that is queued after a reply was given is written after that reply. While replies are pending,
// pushes therefore wait for their flush. Hold makes them wait for replies that are yet to come, and Settle
// writes them before those that come later: SUBSCRIBE is answered by pushes, and what is behind it in its
// pipeline is not answered before.
//
// redcon's Writer is not used to collect replies: it keeps up to 256 KiB for good and cannot be told to
// let go.

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flushAt    = 64 << 10 // replies pending that are written before the batch is done
	writeChunk = 64 << 10 // bytes that must be taken within WriteTimeout
)

// output is what a connection has to write.
type output struct {
	mu      sync.Mutex  // held while bytes go to the socket
	pending atomic.Bool // replies wait in the workspace, or are held
	held    bool        // see Hold; the connection's goroutine's own
	armed   time.Time   // when the write deadline was set last; under mu
	queue   queue
	sent    atomic.Uint64
}

// queue is the pushes not yet written.
type queue struct {
	mu     sync.Mutex
	b      []byte
	flying int  // bytes taken from b that are being written
	count  int  // pushes in b
	busy   bool // a goroutine is writing the queue

	settled chan struct{} // closed when its writer has begun so many more rounds; nil: nobody waits
	rounds  int
}

// Reply answers the next command. It writes to the socket only when much is pending; KindNone writes
// nothing at all.
func (c *Conn) Reply(v Value) {
	if v.kind == KindNone || c.dead.Load() {
		return
	}
	if c.in.ws == nil {
		c.in.ws = c.srv.pool.take(0)
	}
	ws := c.in.ws
	if len(ws.out) == 0 {
		c.out.pending.Store(true)
	}
	ws.out = Append(ws.out, v, c.Proto())
	if len(ws.out) > flushAt {
		_ = c.Flush()
	}
}

// Flush writes the replies given so far. An error means that the connection is lost.
func (c *Conn) Flush() error {
	var err error
	if ws := c.in.ws; ws != nil && len(ws.out) > 0 {
		err = c.write(ws.out)
		ws.out = ws.out[:0]
		if cap(ws.out) > 4*flushAt {
			ws.out = nil
		}
	} else if c.dead.Load() {
		err = net.ErrClosed
	}
	if c.out.pending.Load() && !c.out.held {
		c.out.pending.Store(false)
		// One round here, so that a connection whose replies are always pending gets its pushes too.
		if b := c.out.take(nil, false); b != nil {
			if c.write(b) != nil {
				c.out.queue.end()
			} else if b = c.out.take(b, true); b != nil {
				go c.drain(b)
			}
		}
	}
	return err
}

// Hold keeps pushes back until Release: those that come while a command runs are written after its reply.
func (c *Conn) Hold() {
	c.out.held = true
	c.out.pending.Store(true)
}

// Release ends that: pushes are written with the next Flush.
func (c *Conn) Release() { c.out.held = false }

// Settle writes the replies given so far, and then what was pushed so far.
func (c *Conn) Settle() {
	c.Release()
	if c.Flush() != nil {
		return // nobody reads
	}
	q := &c.out.queue
	q.mu.Lock()
	if q.busy && !c.dead.Load() {
		q.settled, q.rounds = make(chan struct{}), 1
		if len(q.b) > 0 {
			q.rounds = 2
		}
	}
	settled := q.settled
	q.mu.Unlock()
	if settled != nil {
		<-settled
	}
}

// Push writes v between replies. Any goroutine may call it; it never blocks. False says that the
// connection is dead, or was dropped now because its queue is full.
func (c *Conn) Push(v Value) bool {
	if c.dead.Load() {
		return false
	}
	q := &c.out.queue
	q.mu.Lock()
	waiting := len(q.b) + q.flying
	q.b = Append(q.b, v, c.Proto())
	q.count++
	// One push alone may be of any size: it is no larger than the command it came from.
	full := waiting > 0 && len(q.b)+q.flying > c.srv.limits.OutputBytes
	start := !full && !q.busy && !c.out.pending.Load()
	q.busy = q.busy || start
	q.mu.Unlock()
	if full {
		c.drop(slowReader)
		return false
	}
	if start {
		go c.drain(nil)
	}
	return true
}

// drain writes b and then the queue until it is empty, or until replies are pending, whose flush goes on with
// it. Whoever calls it has set busy.
func (c *Conn) drain(b []byte) {
	for {
		if len(b) > 0 && c.write(b) != nil {
			c.out.queue.end() // dead: what is still queued has no reader
			return
		}
		if b = c.out.take(b, true); b == nil {
			return
		}
	}
}

// round tells who waits in Settle that another piece was written. The caller holds mu.
func (q *queue) round(last bool) {
	if q.settled == nil {
		return
	}
	if q.rounds--; q.rounds == 0 || last {
		close(q.settled)
		q.settled = nil
	}
}

// end is the last round.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.round(true)
}

// take returns all that is queued and leaves busy set for the writer of it; mine says that the caller has
// set busy before. It returns nil when there is nothing to write, or somebody else who does. pending is
// looked at under the lock: a flush that ends now finds either the queue or its writer at work.
func (o *output) take(spare []byte, mine bool) []byte {
	q := &o.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy && !mine {
		return nil
	}
	q.flying = 0
	q.busy = len(q.b) > 0 && !o.pending.Load()
	q.round(!q.busy)
	if !q.busy {
		return nil
	}
	b := q.b
	q.b, q.count, q.flying = spare[:0], 0, len(b)
	if cap(q.b) > smallBuffer {
		q.b = nil
	}
	return b
}

// write sends b, in pieces that each have the full WriteTimeout: a slow reader is not a stalled one.
func (c *Conn) write(b []byte) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for len(b) > 0 {
		if c.dead.Load() {
			return net.ErrClosed
		}
		c.armWrite()
		n, err := c.sock.Write(b[:min(len(b), writeChunk)])
		c.out.sent.Add(uint64(n))
		c.srv.counts.output.Add(uint64(n))
		if err != nil {
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				c.drop(slowReader)
			}
			c.Kill()
			return err
		}
		b = b[n:]
	}
	return nil
}

// armWrite moves the write deadline when an eighth of it has passed. Setting it for every write would
// cost a tenth of the write itself.
func (c *Conn) armWrite() {
	limit := c.srv.limits.WriteTimeout
	if limit <= 0 {
		return
	}
	if now := time.Now(); now.Sub(c.out.armed) > limit/8 {
		c.out.armed = now
		_ = c.sock.SetWriteDeadline(now.Add(limit))
	}
}

// drop kills the connection and counts why.
func (c *Conn) drop(why reason) {
	if !c.dead.Load() {
		c.srv.counts.refuse(why)
		c.srv.log.Info("connection dropped", "client", c.remote, "reason", refusals[why].name)
	}
	c.Kill()
}

// closeWrite ends our half of the connection, where the transport has halves.
func (c *Conn) closeWrite() error {
	if half, ok := c.sock.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
