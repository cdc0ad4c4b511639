package resp

// The test server: a handler with a few commands and ways to connect to it over real sockets.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// scripted is a Handler whose parts a test may replace.
type scripted struct {
	open    func(*Conn)
	serve   func(*Conn, []Command)
	closed  func(*Conn)
	mu      sync.Mutex
	batches [][]string // what Serve was given, each command's words quoted
}

func (h *scripted) Open(c *Conn) {
	if h.open != nil {
		h.open(c)
		return
	}
	c.SetTrusted(true)
}

func (h *scripted) Serve(c *Conn, pipeline []Command) {
	batch := make([]string, len(pipeline))
	for i, cmd := range pipeline {
		batch[i] = fmt.Sprintf("%q", [][]byte(cmd))
	}
	h.mu.Lock()
	h.batches = append(h.batches, batch)
	h.mu.Unlock()
	if h.serve != nil {
		h.serve(c, pipeline)
		return
	}
	for _, cmd := range pipeline {
		echo(c, cmd)
	}
}

func (h *scripted) Closed(c *Conn) {
	if h.closed != nil {
		h.closed(c)
	}
}

// commands returns all commands served so far, in order.
func (h *scripted) commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, b := range h.batches {
		all = append(all, b...)
	}
	return all
}

// echo answers QUIT by leaving, AUTH by trust and everything else by its words.
func echo(c *Conn, cmd Command) {
	switch strings.ToUpper(string(cmd[0])) {
	case "QUIT":
		c.Reply(OK())
		c.CloseAfterReply()
	case "AUTH":
		c.SetTrusted(true)
		c.Reply(OK())
	default:
		list := make([]Value, len(cmd))
		for i, w := range cmd {
			list[i] = Bulk(string(w))
		}
		c.Reply(Array(list...))
	}
}

// start serves h on a loopback port until the test ends.
func start(t testing.TB, h Handler, change func(*Limits)) (*Server, string) {
	t.Helper()
	limits := DefaultLimits()
	if change != nil {
		change(&limits)
	}
	s := NewServer(h, limits, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, ln.Addr().String()
}

// dial connects, with a deadline for the whole test.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// send writes all of s.
func send(t testing.TB, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r, got)
	if err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// expectEnd reads the end of the connection and nothing before it.
func expectEnd(t testing.TB, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); len(rest) > 0 || isTimeout(err) {
		t.Fatalf("read %q, %v; want the end", rest, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// framed is a command as clients send it.
func framed(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		b.WriteString("$" + strconv.Itoa(len(w)) + "\r\n" + w + "\r\n")
	}
	return b.String()
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestServeAnswersInOrder(t *testing.T) {
	_, addr := start(t, &scripted{}, nil)
	conn := dial(t, addr)
	var sent, want strings.Builder
	for i := range 5000 {
		cmd := framed("SET", "key", strconv.Itoa(i))
		sent.WriteString(cmd)
		want.WriteString(cmd)
	}
	go func() { _, _ = io.WriteString(conn, sent.String()) }()
	expect(t, bufio.NewReader(conn), want.String())
	send(t, conn, "quit\r\nping\r\n")
	expect(t, conn, "+OK\r\n")
}

// TestServeAs: listeners of one server may have handlers of their own, and share its limits.
func TestServeAs(t *testing.T) {
	other := &scripted{serve: func(c *Conn, pipeline []Command) {
		for range pipeline {
			c.Reply(Simple("OTHER"))
		}
	}}
	s, addr := start(t, &scripted{}, func(l *Limits) { l.MaxClients = 1 })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.ServeAs(ln, nil, other) }()
	a := dial(t, ln.Addr().String())
	send(t, a, "PING\r\n")
	expect(t, a, "+OTHER\r\n")
	expect(t, dial(t, addr), "-ERR max number of clients reached\r\n")
	a.Close()
	eventually(t, "the place is free", func() bool { return s.Stats().Connected == 0 })
	b := dial(t, addr)
	send(t, b, "PING\r\n")
	expect(t, b, "*1\r\n$4\r\nPING\r\n")
}
