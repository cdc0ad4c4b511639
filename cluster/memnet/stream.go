// A stream between two nodes: two queues of frames under one lock. Each end has its own view of how the
// stream ended, because the news travels over the link like a frame does, and waits with the frames while
// it is cut.

package memnet

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// maxQueued is how many bytes of frames may be on their way in one direction; one frame always may.
const maxQueued = 1 << 20

// Why a stream does not go on.
var (
	errClosed = errors.New("the stream is closed")
	errEnded  = errors.New("the other side has ended the stream")
	errReset  = errors.New("the connection broke")
	errDied   = errors.New("the connection broke: the other side's process is gone")
)

// conn is a stream with both its ends: side 0 opened it, side 1 serves it.
type conn struct {
	net  *Net
	ends [2]*node

	mu      sync.Mutex
	changed sync.Cond
	queues  [2]queue // by the side that sends
	local   [2]error // why a side can do nothing more, nil while it can
}

// queue is one direction.
type queue struct {
	frames  []frame
	size    int   // bytes in frames
	stalled bool  // the link is cut: nothing comes out
	end     error // what comes out after the frames, nil while there may be more
}

// frame is one frame on its way.
type frame struct {
	data []byte
	due  time.Time // when it arrives; zero: at once
}

func newConn(n *Net, opener, server *node) *conn {
	c := &conn{net: n, ends: [2]*node{opener, server}}
	c.changed.L = &c.mu
	return c
}

// send puts a copy of data into the queue of a side once there is room.
func (c *conn) send(side int, data []byte) error {
	on := frame{data: bytes.Clone(data)}
	if w := c.net.weatherOf(c.ends[side].address, c.ends[1-side].address); w.Delay+w.Jitter > 0 {
		on.due = time.Now().Add(w.takes())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out, back := &c.queues[side], &c.queues[1-side]
	for {
		switch {
		case c.local[side] != nil:
			return c.local[side]
		case back.end != nil && !back.stalled:
			return errEnded
		case out.size == 0 || out.size+len(data) <= maxQueued:
			out.frames = append(out.frames, on)
			out.size += len(data)
			c.changed.Broadcast()
			return nil
		}
		c.changed.Wait()
	}
}

// recv takes the next frame that was sent to a side.
func (c *conn) recv(side int) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := &c.queues[1-side]
	for {
		switch {
		case c.local[side] != nil:
			return nil, c.local[side]
		case in.stalled:
		case len(in.frames) > 0 && in.late() > 0:
			time.AfterFunc(in.late(), c.wake)
		case len(in.frames) > 0:
			data := in.frames[0].data
			in.frames[0] = frame{}
			in.frames = in.frames[1:]
			in.size -= len(data)
			c.changed.Broadcast()
			return data, nil
		case in.end != nil:
			return nil, in.end
		}
		c.changed.Wait()
	}
}

// late is how long the first frame is still on its way: those behind it wait, however quick they were.
func (q *queue) late() time.Duration {
	if due := q.frames[0].due; !due.IsZero() {
		return time.Until(due)
	}
	return 0
}

func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

// leave ends the stream for one side at once, and for the other when end arrives there.
func (c *conn) leave(side int, end error) {
	c.mu.Lock()
	if c.local[side] == nil {
		c.local[side] = errClosed
	}
	if c.queues[side].end == nil {
		c.queues[side].end = end
	}
	done := c.local[1-side] != nil
	c.changed.Broadcast()
	c.mu.Unlock()
	if done {
		c.net.drop(c)
	}
}

// breakBoth ends the stream for both sides at once, without a word from either.
func (c *conn) breakBoth(why error) {
	c.mu.Lock()
	for side := range c.local {
		if c.local[side] == nil {
			c.local[side] = why
		}
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	c.net.drop(c)
}

// stall holds back, or lets go, what a side sends.
func (c *conn) stall(side int, stalled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues[side].stalled = stalled
	c.changed.Broadcast()
}

// opener and server are the two ends. They differ in what the other one gets to know from a Close: the one
// that serves ends the stream in good order.
type (
	opener struct{ *conn }
	server struct{ *conn }
)

var _, _ cluster.Stream = opener{}, server{}

func (s opener) Send(frame []byte) error { return s.send(0, frame) }

func (s opener) Recv() ([]byte, error) { return s.recv(0) }

func (s opener) Close() error {
	s.leave(0, errEnded)
	return nil
}

func (s server) Send(frame []byte) error { return s.send(1, frame) }

func (s server) Recv() ([]byte, error) { return s.recv(1) }

func (s server) Close() error {
	s.leave(1, io.EOF)
	return nil
}
