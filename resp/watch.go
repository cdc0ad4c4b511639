package resp

// This file notices a peer that leaves while its command is parked. The connection's goroutine is busy
// waiting then, so for that time, and only then, another one reads the socket. What it reads belongs to
// later commands and is kept, up to a bound; beyond it the peer is left to TCP. The read is ended by a
// deadline in the past, which plain and TLS connections both survive.

import (
	"errors"
	"os"
	"time"
)

const (
	watchFirst = 512      // bytes a watch starts with: most peers say nothing while they wait
	watchMost  = 64 << 10 // bytes it reads ahead at most
)

// watch is one watching of a parked connection.
type watch struct {
	gone  chan struct{} // closed when the peer is gone
	done  chan struct{} // closed when run has returned
	ahead []byte
	err   error
}

// Watch flushes the replies so far and watches the socket until stop is called, which must happen before
// Serve returns and on the same goroutine. gone is closed when the peer leaves or the connection is
// killed. What the peer sends meanwhile is kept for the next batch.
func (c *Conn) Watch() (gone <-chan struct{}, stop func()) {
	if c.in.watch != nil {
		c.unwatch(c.in.watch)
	}
	_ = c.Flush()
	w := &watch{gone: make(chan struct{}), done: make(chan struct{})}
	c.in.watch = w
	if c.in.armed {
		c.in.armed = false
		_ = c.sock.SetReadDeadline(time.Time{})
	}
	go w.run(c)
	return w.gone, func() { c.unwatch(w) }
}

// run reads ahead until it is interrupted, the bound is reached or the peer is gone.
func (w *watch) run(c *Conn) {
	defer close(w.done)
	w.ahead = make([]byte, 0, watchFirst)
	for len(w.ahead) < watchMost {
		if have := len(w.ahead); have == cap(w.ahead) {
			w.ahead = append(make([]byte, 0, 4*have), w.ahead...)
		}
		have := len(w.ahead)
		n, err := c.sock.Read(w.ahead[have:cap(w.ahead)])
		w.ahead = w.ahead[:have+n]
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			w.err = err
			close(w.gone)
		}
		return
	}
}

// unwatch ends w, if it still watches, and hands what it read to the next batch. A peer that is gone is
// not served any further.
func (c *Conn) unwatch(w *watch) {
	in := &c.in
	if in.watch != w {
		return
	}
	in.watch = nil
	_ = c.sock.SetReadDeadline(time.Unix(1, 0))
	<-w.done
	_ = c.sock.SetReadDeadline(time.Time{})
	in.err = w.err
	if n := len(w.ahead); n > 0 {
		if in.ws == nil {
			in.ws = c.srv.pool.take(0)
		}
		in.ws.in = append(in.ws.in, w.ahead...)
		c.received.Add(uint64(n))
		c.srv.counts.input.Add(uint64(n))
	}
}
