package resp

// This file is the guard: what stands between a socket and redcon. redcon bounds nothing (29 bytes panic
// its parser, tiny reads overflow its stack, one long line costs seconds), so it never sees a byte that a
// client sent. The guard is the net.Conn redcon reads from; within that Read, on the connection's one
// goroutine, it reads the socket, collects every whole command there is, and has the handler serve them. So a
// batch may be larger than redcon's 4 KiB buffer (one Raft round for a thousand commands rather than for a
// hundred), and commands are not copied or parsed twice.
//
// Read returns only when the connection ends, with an error: that makes it the one place where a connection
// ends, outside redcon's locks. (It used to return a constant command for each batch, and redcon's handler
// served that; parsing it made up half of all memory allocated, and a twentieth of the server's work.)

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"time"
)

const (
	hotReads   = 8           // full reads are expected for so many reads after the last one
	hotWait    = time.Second // and the large buffer kept for so long without a byte
	lingerTime = 500 * time.Millisecond
	lingerMax  = 4 << 20 // bytes read and thrown away so that a refusal reaches its reader
)

// guard is the net.Conn that redcon gets.
type guard struct {
	net.Conn
	c *Conn
}

// intake is the reading half of a connection. Only the connection's goroutine touches it.
type intake struct {
	ws      *workspace // nil while there is nothing to work on
	start   int        // first byte in ws.in that is in no batch yet
	parse   parser
	refused reason // framing was broken after the batch handed out last
	err     error  // the socket's
	hot     int    // > 0: expect full reads
	armed   bool   // the socket has a read deadline
	opened  time.Time
	since   time.Time // when waiting for bytes began; zero until a deadline depends on it
	watch   *watch    // a command is parked
}

// Read serves the connection until it ends. It never returns a byte.
func (g *guard) Read(p []byte) (n int, err error) {
	c := g.c
	defer func() {
		if e := recover(); e != nil {
			c.panicked("guard", e)
			n, err = 0, c.end(nil)
		}
	}()
	if c.in.opened.IsZero() {
		c.open()
		c.settle()
	}
	for {
		if c.closing || c.in.err != nil || c.in.refused != fine || c.dead.Load() {
			return 0, c.end(p)
		}
		if c.collect() {
			c.serve()
			c.settle()
			// The next command is not there yet, as the reply was written a moment ago: to ask now would cost
			// a read that finds nothing and a wait for the poller. Let others run first.
			runtime.Gosched()
			continue
		}
		if c.in.refused == fine {
			if c.leaving.Load() {
				return 0, c.end(p)
			}
			c.in.err = c.fill(p)
		}
	}
}

// Write has nothing to write for redcon: replies go their own way (Conn.Flush).
func (g *guard) Write(p []byte) (int, error) { return len(p), nil }

// Close is called by redcon, under its lock when the listener closes.
func (g *guard) Close() error {
	g.c.Kill()
	return nil
}

// settle forgets the batch that was served, and gives the workspace back when nothing is left in it.
func (c *Conn) settle() {
	in := &c.in
	if in.watch != nil {
		c.unwatch(in.watch)
	}
	if in.ws == nil {
		return
	}
	in.ws.reset()
	c.shrink()
	c.measure()
}

// shrink gives back a workspace larger than what is left in it deserves: all of it when that is nothing.
// Without this, a big command followed by the first byte of another would hold its buffer for ever.
func (c *Conn) shrink() {
	in := &c.in
	left, fits := in.ws.in[in.start:], smallBuffer
	if in.hot > 0 {
		fits = largeBuffer
	}
	switch {
	case len(left) == 0 && (in.hot == 0 || cap(in.ws.in) > largeBuffer):
		in.start = 0
		c.release()
	case len(left) == 0:
		in.ws.in, in.start = in.ws.in[:0], 0
	case len(left) <= smallBuffer/2 && cap(in.ws.in) > fits:
		less := c.srv.pool.take(fits)
		less.in = append(less.in[:0], left...)
		c.srv.pool.give(in.ws)
		in.ws, in.start = less, 0
	}
}

// release gives the workspace back.
func (c *Conn) release() {
	if c.in.ws != nil {
		c.srv.pool.give(c.in.ws)
		c.in.ws = nil
	}
	if cap(c.in.parse.words) > 64 {
		c.in.parse.words = nil
	}
}

// collect gathers the whole commands received and tells whether there are any. Before the connection is
// trusted it takes one at a time, for that one may be the AUTH that changes the limits of the next.
func (c *Conn) collect() bool {
	in := &c.in
	if in.ws == nil {
		return false
	}
	trusted, most := c.trusted.Load(), 1
	if trusted {
		most = c.srv.limits.PipelineCommands
	}
	ws, from := in.ws, in.start
	for in.start < len(ws.in) && len(ws.cmds) < most {
		if len(ws.cmds) > 0 && in.start-from >= c.srv.limits.PipelineBytes {
			break
		}
		b := ws.in[in.start:]
		n, why := in.parse.next(b, trusted)
		if why != fine {
			in.refused = why
			break
		}
		if n == 0 {
			break
		}
		in.start += n
		if len(in.parse.words) == 0 {
			continue
		}
		if first := in.parse.words[0]; isCrossProtocol(b[first.from:first.to]) {
			in.refused = crossProtocol
			break
		}
		ws.add(b, in.parse.words)
	}
	return len(ws.cmds) > 0
}

// isCrossProtocol knows the first words of what a browser sends when a web page makes it talk to us.
func isCrossProtocol(word []byte) bool {
	switch len(word) {
	case len("post"):
		return bytes.EqualFold(word, []byte("post"))
	case len("host:"):
		return bytes.EqualFold(word, []byte("host:"))
	}
	return false
}

// fill reads the socket once. A connection without a workspace reads into scratch, redcon's own buffer,
// and borrows a workspace only when something came.
func (c *Conn) fill(scratch []byte) error {
	in := &c.in
	var n int
	var err error
	c.armRead()
	if c.leaving.Load() {
		return nil // said after armRead: Leave may have set its deadline before
	}
	if in.ws == nil {
		n, err = c.sock.Read(scratch)
		if n > 0 {
			in.ws = c.srv.pool.take(n)
			in.ws.in = append(in.ws.in[:0], scratch[:n]...)
		}
		c.heat(n, len(scratch))
	} else {
		c.makeRoom()
		have := len(in.ws.in)
		room := in.ws.in[have:cap(in.ws.in)]
		n, err = c.sock.Read(room)
		in.ws.in = in.ws.in[:have+n]
		c.heat(n, len(room))
	}
	if n > 0 {
		in.since = time.Time{}
		c.received.Add(uint64(n))
		c.srv.counts.input.Add(uint64(n))
		c.measure()
		// Bytes first: an error with them comes again at the next read.
		return nil
	}
	return c.readError(err)
}

// makeRoom moves what is unanswered to the front, and gets a larger buffer when that is not enough. It
// doubles by what was received, not by what was announced: an announcement is free, bytes are not.
func (c *Conn) makeRoom() {
	in := &c.in
	ws := in.ws
	// What moves is the beginning of one command, and it moves once: afterwards it is at the front.
	if in.start > 0 {
		ws.in = ws.in[:copy(ws.in, ws.in[in.start:])]
		in.start = 0
	}
	if in.hot > 0 && cap(ws.in) < largeBuffer || len(ws.in) == cap(ws.in) && cap(ws.in) == smallBuffer {
		large := c.srv.pool.take(largeBuffer)
		large.in = append(large.in[:0], ws.in...)
		in.ws = large
		c.srv.pool.give(ws)
	} else if len(ws.in) == cap(ws.in) {
		grown := make([]byte, len(ws.in), 2*cap(ws.in))
		copy(grown, ws.in)
		ws.in = grown
	}
}

// heat learns from a read whether the next one deserves the large buffer: the socket held more than fitted.
func (c *Conn) heat(n, room int) {
	if n == room {
		c.in.hot = hotReads
	} else if c.in.hot > 0 && n < smallBuffer {
		c.in.hot--
	}
}

// armRead sets the read deadline that is due first, and none if none is: setting one costs as much as
// parsing a few commands.
func (c *Conn) armRead() {
	in := &c.in
	idle, late := c.patience()
	hot := in.hot > 0 && in.ws != nil
	if idle == 0 && late == 0 && !hot {
		if in.armed {
			in.armed = false
			_ = c.sock.SetReadDeadline(time.Time{})
		}
		return
	}
	now := time.Now()
	if in.since.IsZero() {
		in.since = now
	}
	due := now.Add(hotWait)
	if !hot {
		due = now.Add(1 << 62)
	}
	if end := in.since.Add(idle); idle > 0 && end.Before(due) {
		due = end
	}
	if end := in.opened.Add(late); late > 0 && end.Before(due) {
		due = end
	}
	in.armed = true
	_ = c.sock.SetReadDeadline(due)
}

// patience returns the two waits that end a connection, 0 for one that does not apply.
func (c *Conn) patience() (idle, late time.Duration) {
	if !c.unhurried.Load() {
		idle = time.Duration(c.srv.idle.Load())
	}
	if !c.trusted.Load() {
		late = c.srv.limits.PreAuthTimeout
	}
	return idle, late
}

// readError tells what a failed read means. The deadline may have been that of a hot connection, which
// only cools, or of a timeout that does not apply any more: then it returns nil and the read is repeated.
func (c *Conn) readError(err error) error {
	if err == nil {
		return nil // a reader may return nothing; ask again
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	in := &c.in
	idle, late := c.patience()
	switch {
	case late > 0 && time.Since(in.opened) >= late:
		c.srv.counts.refuse(authTooLate)
		return err
	case idle > 0 && time.Since(in.since) >= idle:
		c.srv.counts.refuse(idleTooLong)
		return err
	}
	in.hot = 0
	if in.ws != nil {
		c.shrink()
		c.measure()
	}
	return nil
}

// end is the one place where a connection ends; it returns what Read returns.
func (c *Conn) end(scratch []byte) error {
	if c.ended {
		return io.EOF
	}
	c.ended = true
	if c.in.refused != fine && !c.dead.Load() {
		c.refuse(scratch)
	}
	if !c.dead.Load() && c.sock.tls != nil {
		_ = c.sock.tls.CloseWrite() // says good-bye, so that the peer can tell an end from a cut
	}
	c.Kill()
	c.release()
	c.close()
	return io.EOF
}

// refuse tells the peer why it is sent away. Closing a socket that holds unread bytes resets the
// connection and may destroy the answer on its way, so the rest is read and thrown away for a moment.
func (c *Conn) refuse(scratch []byte) {
	why := c.in.refused
	c.srv.counts.refuse(why)
	if why == crossProtocol {
		c.srv.warnCrossProtocol(c)
		return
	}
	c.srv.log.Debug("protocol error", "client", c.remote, "reason", refusals[why].name)
	c.Reply(c.refusalText(why))
	if c.Flush() != nil || c.closeWrite() != nil {
		return
	}
	_ = c.sock.SetReadDeadline(time.Now().Add(lingerTime))
	for total := 0; total < lingerMax && len(scratch) > 0; {
		n, err := c.sock.Read(scratch)
		if err != nil {
			return
		}
		total += n
	}
}
