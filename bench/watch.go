//go:build linux

// The watchers of failover and exactly-once.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answerBy is how long a command may stay without a reply before it counts as lost.
const answerBy = 30 * time.Second

// caller sends one command after the other on one connection and says what came of each.
type caller struct {
	stop atomic.Bool
	done chan struct{}
	err  error // why it ended early
}

// call starts one. next gives the next command; reply gets its first line, without the end of line, and when
// it came; it returns false to end.
func call(addr string, next func() []byte, reply func(line string, at time.Time) bool) (*caller, error) {
	conn, err := net.DialTimeout("tcp", addr, askWithin)
	if err != nil {
		return nil, err
	}
	c := &caller{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer conn.Close()
		r := bufio.NewReader(conn)
		for !c.stop.Load() {
			_ = conn.SetDeadline(time.Now().Add(answerBy))
			_, err := conn.Write(next())
			line := ""
			if err == nil {
				line, err = r.ReadString('\n')
			}
			if err != nil {
				c.err = err
				return
			}
			if !reply(strings.TrimSpace(line), time.Now()) {
				return
			}
		}
	}()
	return c, nil
}

// end waits for the last reply.
func (c *caller) end() error {
	c.stop.Store(true)
	<-c.done
	return c.err
}

// lockWatch is some callers that take locks through one node.
type lockWatch struct {
	callers []*caller
	newest  atomic.Int64
	mu      sync.Mutex
	at      []time.Time
	errs    []string
}

// watchLocks starts n callers.
func watchLocks(s *server, n int) (watching, error) {
	w := &lockWatch{}
	for range n {
		pair := newLockPair(dialect{}, uint64(time.Now().UnixNano()))
		c, err := call(s.addr, func() []byte { pair.next(); return pair.acquire }, w.reply)
		if err != nil {
			return nil, err
		}
		w.callers = append(w.callers, c)
	}
	return w, nil
}

func (w *lockWatch) reply(line string, at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if line != "+OK" {
		w.errs = append(w.errs, line)
		return true
	}
	w.at = append(w.at, at)
	w.newest.Store(at.UnixNano())
	return true
}

func (w *lockWatch) last() time.Time { return time.Unix(0, w.newest.Load()) }

func (w *lockWatch) end() ([]time.Time, []string) {
	for _, c := range w.callers {
		if err := c.end(); err != nil {
			w.errs = append(w.errs, err.Error())
		}
	}
	slices.SortFunc(w.at, time.Time.Compare)
	return w.at, w.errs
}

// herd is a cluster of lockd with n callers on each surviving node.
func (g *group) herd(n int) *herd {
	h := &herd{
		name: "lockd",
		leader: func() (*server, error) {
			leader, err := g.leader()
			if err != nil {
				return nil, err
			}
			return leader.server, nil
		},
		watch: func(s *server) (watching, error) { return watchLocks(s, n) },
		settled: func(s *server) error {
			for _, n := range g.nodes {
				if err := g.caughtUp(n); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for _, n := range g.nodes {
		h.servers = append(h.servers, n.server)
	}
	return h
}

// attemptWithin is how long etcd's client waits before it sends again: its proposals are lost with the
// leader.
const attemptWithin = 50 * time.Millisecond

// childWatch is a watcher of another system, in a child process.
type childWatch struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
	text  chan []time.Time
	now   atomic.Int64
}

func (t *trio) herd() *herd {
	return &herd{
		name: t.name, leader: t.leader, servers: t.servers,
		watch:   func(s *server) (watching, error) { return t.watchChild(s) },
		settled: func(*server) error { return t.allReady() },
	}
}

// allReady waits until each server takes commands by itself.
func (t *trio) allReady() error {
	for _, s := range t.servers {
		if err := t.client("ready", s.addr).Run(); err != nil {
			return err
		}
	}
	return nil
}

func (t *trio) watchChild(s *server) (*childWatch, error) {
	w := &childWatch{
		cmd:  t.client("watch", s.addr, "-within", attemptWithin.String()),
		text: make(chan []time.Time, 1),
	}
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	w.stdin, w.lines = in, bufio.NewScanner(out)
	if !w.lines.Scan() || w.lines.Text() != "ready" {
		return nil, errors.Join(fmt.Errorf("the watcher of %s did not start", t.name), w.cmd.Wait())
	}
	go w.read()
	return w, nil
}

func (w *childWatch) read() {
	var at []time.Time
	for w.lines.Scan() {
		n, err := strconv.ParseInt(w.lines.Text(), 10, 64)
		if err == nil {
			at = append(at, time.Unix(0, n))
			w.now.Store(n)
		}
	}
	w.text <- at
}

func (w *childWatch) last() time.Time { return time.Unix(0, w.now.Load()) }

func (w *childWatch) end() ([]time.Time, []string) {
	_ = w.stdin.Close()
	at := <-w.text
	if err := w.cmd.Wait(); err != nil {
		return at, []string{err.Error()}
	}
	return at, nil
}
