//go:build linux

// The load generator: one thread, epoll, one command outstanding on each connection. It shares two cores
// with the server it measures, so it makes no goroutine per connection, allocates nothing while it runs,
// and costs the same whichever server it talks to.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"time"
)

// link is one connection.
type link struct {
	fd      int
	pair    *lockPair
	holds   bool      // the lock was taken, the release comes next
	busy    bool      // a command is outstanding
	since   time.Time // when it was sent, or should have been
	due     time.Time // when the next one is, for a paced link
	partial []byte    // of a reply
}

// client drives links against one server, or against several that are one cluster.
type client struct {
	links  []*link
	byFD   map[int]*link
	epoll  int
	pace   time.Duration                    // between the commands of a link, 0: as soon as the reply is there
	accept func(l *link, reply []byte) bool // nil: +OK and :1 are expected
	failed int                              // replies other than those expected
	wrong  string                           // the first of them
	buf    []byte
	events []syscall.EpollEvent
}

// dialClient connects n links, each already greeted so that the server has it set up. They are spread evenly
// over the endpoint's addresses.
func dialClient(e endpoint, n int, pace time.Duration) (*client, error) {
	c := &client{
		byFD: map[int]*link{}, pace: pace, buf: make([]byte, 64<<10),
		events: make([]syscall.EpollEvent, 512),
	}
	var err error
	if c.epoll, err = syscall.EpollCreate1(0); err != nil {
		return nil, err
	}
	for i := range n {
		l, err := dialLink(e.addrs[i%len(e.addrs)], e.words(i))
		if err != nil {
			c.close()
			return nil, err
		}
		c.links = append(c.links, l)
		c.byFD[l.fd] = l
		ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(l.fd)}
		if err := syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, l.fd, &ev); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func dialLink(addr string, pair *lockPair) (*link, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return nil, err
	}
	var answer [7]byte
	if _, err := conn.Read(answer[:]); err != nil {
		return nil, err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{fd: -1, pair: pair}
	if ctl := raw.Control(func(fd uintptr) { l.fd, err = syscall.Dup(int(fd)) }); ctl != nil || err != nil {
		return nil, errors.Join(ctl, err)
	}
	return l, syscall.SetNonblock(l.fd, true)
}

func (c *client) close() {
	for _, l := range c.links {
		_ = syscall.Close(l.fd)
	}
	_ = syscall.Close(c.epoll)
}

// run sends for the given time and records each latency by when it ended.
func (c *client) run(during time.Duration, record func(at time.Time, d time.Duration)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := time.Now()
	end := now.Add(during)
	for i, l := range c.links {
		l.due = now.Add(c.pace * time.Duration(i) / time.Duration(len(c.links)))
		if c.pace == 0 {
			if err := c.send(l, now); err != nil {
				return err
			}
		}
	}
	for open := true; open || c.outstanding(); {
		open = now.Before(end)
		if now.After(end.Add(answerWithin)) {
			return errors.New("a reply did not come")
		}
		wait := 100 * time.Millisecond
		if c.pace > 0 && open {
			var err error
			if wait, err = c.sendDue(now); err != nil {
				return err
			}
		}
		n, err := c.wait(wait)
		if err != nil {
			return err
		}
		now = time.Now()
		for i := range n {
			if err := c.receive(c.byFD[int(c.events[i].Fd)], now, now.Before(end), record); err != nil {
				return err
			}
		}
	}
	return nil
}

// answerWithin is how long the last replies are waited for.
const answerWithin = 20 * time.Second

func (c *client) outstanding() bool {
	for _, l := range c.links {
		if l.busy {
			return true
		}
	}
	return false
}

// wait polls first without telling Go's scheduler, which costs less than a blocking call.
func (c *client) wait(timeout time.Duration) (int, error) {
	if n := c.poll(); n > 0 {
		return n, nil
	}
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	n, err := syscall.EpollWait(c.epoll, c.events, ms)
	if errors.Is(err, syscall.EINTR) {
		return 0, nil
	}
	return n, err
}

// sendDue sends what is due on paced links and returns how long it is until the next one. A command that
// is late because the reply before it was late counts from when it should have been sent: otherwise a
// stall would be seen by one command of each link only.
func (c *client) sendDue(now time.Time) (time.Duration, error) {
	next := 100 * time.Millisecond
	for _, l := range c.links {
		if l.busy {
			continue
		}
		if left := l.due.Sub(now); left > 0 {
			next = min(next, left)
			continue
		}
		if err := c.send(l, now); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// send sends the link's next command.
func (c *client) send(l *link, since time.Time) error {
	b := l.pair.release
	if !l.holds {
		l.pair.next()
		b = l.pair.acquire
	}
	l.since, l.busy = since, true
	if n, err := write(l.fd, b); err != nil || n != len(b) {
		return fmt.Errorf("wrote %d of %d bytes: %w", n, len(b), err)
	}
	return nil
}

// receive reads what came on a link and, where that was the reply, goes on.
func (c *client) receive(l *link, now time.Time, more bool, record func(time.Time, time.Duration)) error {
	n, err := read(l.fd, c.buf)
	if errors.Is(err, syscall.EAGAIN) {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("the server closed the connection")
	}
	reply := c.buf[:n]
	if len(l.partial) > 0 || reply[n-1] != '\n' {
		l.partial = append(l.partial, reply...)
		if reply[n-1] != '\n' {
			return nil
		}
		reply = l.partial
	}
	c.judge(l, reply)
	l.partial = l.partial[:0]
	l.busy, l.holds = false, !l.holds
	record(now, now.Sub(l.since))
	if c.pace == 0 && more {
		return c.send(l, now)
	}
	l.due = l.due.Add(c.pace)
	if c.pace > 0 && more && l.due.Before(now) {
		return c.send(l, l.due)
	}
	return nil
}

// judge counts a reply that is not the expected one.
func (c *client) judge(l *link, reply []byte) {
	accept := c.accept
	if accept == nil {
		accept = acceptPair
	}
	if !accept(l, reply) {
		if c.failed++; c.wrong == "" {
			c.wrong = string(bytes.TrimSpace(reply))
		}
	}
}

// acceptPair accepts the replies to a lockPair.
func acceptPair(l *link, reply []byte) bool {
	if l.holds {
		return string(reply) == ":1\r\n"
	}
	return string(reply) == "+OK\r\n"
}
