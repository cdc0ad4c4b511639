// What only the real port has: strangers, addresses, limits, an end that leaves nothing behind.

package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/peer"
)

// transcript is a log that a test reads.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // gets something after each line, if it has room
}

func newTranscript() (*transcript, *slog.Logger) {
	l := &transcript{more: make(chan struct{}, 1)}
	return l, slog.New(slog.NewTextHandler(l, nil))
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits until the log has said something.
func (l *transcript) wait(t *testing.T, what string) {
	t.Helper()
	timeout := time.After(limit)
	for !strings.Contains(l.String(), what) {
		select {
		case <-l.more:
		case <-timeout:
			t.Fatalf("the log does not say %q, but:\n%s", what, l)
		}
	}
}

func serve(t *testing.T, opt peer.Options) *node {
	t.Helper()
	n := listen(t, "", opt)
	x := &node{Network: n, address: n.at, h: &handler{me: cluster.Identity{Node: "x", Address: n.at}}}
	x.h.forward = func(_ cluster.Identity, s cluster.Stream) error { return echo(s) }
	x.Serve(x.h)
	return x
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(limit))
	return c
}

// closedWithin tells whether the other side closes c without a word.
func closedWithin(c net.Conn, d time.Duration) error {
	begin := time.Now()
	var one [1]byte
	n, err := c.Read(one[:])
	var timeout net.Error
	switch {
	case n > 0:
		return fmt.Errorf("it said %q", one[0])
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("it was not closed")
	case time.Since(begin) > d:
		return fmt.Errorf("it was closed after %v", time.Since(begin))
	}
	return nil
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	log, logger := newTranscript()
	x := serve(t, peer.Options{Log: logger})
	for range 20 {
		for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n", "\x16\x03\x01", "L\x00"} {
			c := dial(t, x.address)
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			if err := closedWithin(c, time.Second); err != nil {
				t.Errorf("after %q: %v", text, err)
			}
		}
	}
	log.wait(t, `L\\x00`)
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("80 strangers of 4 kinds gave %d lines:\n%s", n, log)
	}
	mustEcho(t, mustOpen(t, serve(t, peer.Options{}), x), "still here")
}

func TestProbesAreQuiet(t *testing.T) {
	t.Parallel()
	log, logger := newTranscript()
	x, y := serve(t, peer.Options{Log: logger}), serve(t, peer.Options{})
	for range 10 {
		if err := y.Probe(context10(t), x.address); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, x.address)
	if _, err := io.WriteString(c, "?"); err != nil {
		t.Fatal(err)
	}
	log.wait(t, `\"?\"`)
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("the log has more than the stranger:\n%s", log)
	}
}

func TestSlowHello(t *testing.T) {
	t.Parallel()
	log, logger := newTranscript()
	x := serve(t, peer.Options{Log: logger})
	c := dial(t, x.address)
	if _, err := io.WriteString(c, "LOCKD\x01"); err != nil {
		t.Fatal(err)
	}
	if err := closedWithin(c, 4*time.Second); err != nil {
		t.Error(err)
	}
	log.wait(t, "timeout")
}

// TestFlood opens more connections than may be in hello at a time, and says nothing on any.
func TestFlood(t *testing.T) {
	t.Parallel()
	log, logger := newTranscript()
	x := serve(t, peer.Options{Log: logger})
	const most = 256 // maxGreeting
	var all []net.Conn
	for range most + 20 {
		all = append(all, dial(t, x.address))
	}
	log.wait(t, "do not say who they are")
	closed := make(chan error, len(all))
	for _, c := range all {
		go func() { closed <- closedWithin(c, 5*time.Second) }()
	}
	for range all {
		if err := receive(t, "the end of a silent connection", closed); err != nil {
			t.Fatal(err)
		}
	}
	mustEcho(t, mustOpen(t, serve(t, peer.Options{}), x), "after the flood")
}

// TestSilentAcceptor connects to something that listens and never answers.
func TestSilentAcceptor(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x := serve(t, peer.Options{})
	begin := time.Now()
	_, _, err = x.Open(context10(t), l.Addr().String())
	if err == nil || errors.Is(err, cluster.ErrNotListening) {
		t.Errorf("Open at something silent: %v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin = time.Now()
	if _, _, err = x.Open(ctx, l.Addr().String()); err == nil {
		t.Error("Open at something silent")
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("Open with a deadline of 100 ms took %v", d)
	}
}

func TestRefusalsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	log, logger := newTranscript()
	x, y := serve(t, peer.Options{Log: logger}), serve(t, peer.Options{})
	text := "not of this cluster"
	x.h.refuse.Store(&text)
	for range 20 {
		_, _, err := y.Ask(context10(t), x.address, "op", nil)
		wantRefusal(t, err, x.h.me, text)
	}
	log.wait(t, text)
	if n := strings.Count(log.String(), text); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
}

// TestUnknownPurpose asks for something that a later version may know.
func TestUnknownPurpose(t *testing.T) {
	t.Parallel()
	x := serve(t, peer.Options{})
	c := dial(t, x.address)
	if _, err := io.WriteString(c, "LOCKD\x01Z\x00\x00\x00\x02{}"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), "does not know connections of kind") {
		t.Errorf("the answer is %q, %v", answer, err)
	}
	if x.h.met.Load() != nil {
		t.Error("the handler was asked")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	x := serve(t, peer.Options{})
	truly := x.address
	y := serve(t, peer.Options{Resolve: func(address string) string {
		if address == "node-x:16380" {
			return truly
		}
		return address
	}})
	go answerRaft(t, x)
	x.address = "node-x:16380"
	mustEcho(t, mustOpen(t, y, x), "by name")
	if err := appendTo(y, x); err != nil {
		t.Error(err)
	}
	if err := y.Probe(context10(t), "no-such-host.invalid:1"); err == nil || errors.Is(err, cluster.ErrNotListening) {
		t.Errorf("a name that is not known: %v", err)
	}
}

func TestTooLongFrames(t *testing.T) {
	t.Parallel()
	opt := peer.Options{Tuning: peer.Tuning{FrameBytes: 1000}}
	x, y := serve(t, opt), serve(t, opt)
	x.h.ask = func(_ context.Context, _ cluster.Identity, _ string, q []byte) ([]byte, error) {
		return append(q, q...), nil
	}
	s := mustOpen(t, y, x)
	if err := s.Send(make([]byte, 1001)); err == nil {
		t.Error("a frame beyond the limit was sent")
	}
	mustEcho(t, s, strings.Repeat("x", 1000))
	if _, _, err := y.Ask(context10(t), x.address, "op", make([]byte, 1001)); err == nil {
		t.Error("a question beyond the limit was asked")
	}
	if _, _, err := y.Ask(context10(t), x.address, strings.Repeat("o", 255), make([]byte, 500)); err != nil {
		t.Errorf("a question within the limit: %v", err)
	}
	_, _, err := y.Ask(context10(t), x.address, "op", make([]byte, 1000))
	wantRefusal(t, err, x.h.me, "2000 bytes")
}

// TestDeadLink lets a link fall silent, without any end of the connection: gRPC's pings find out. The
// machine's own limits cannot be tried with a connection that has no wire.
func TestDeadLink(t *testing.T) {
	t.Parallel()
	x := serve(t, peer.Options{})
	var mu sync.Mutex
	var last *deafConn
	y := serve(t, peer.Options{Dial: func(ctx context.Context, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		mu.Lock()
		defer mu.Unlock()
		last = &deafConn{Conn: c}
		return last, err
	}})
	ended := make(chan error, 1)
	x.h.forward = func(_ cluster.Identity, s cluster.Stream) error {
		err := echo(s)
		ended <- err
		return err
	}
	mustEcho(t, mustOpen(t, y, x), "x")
	mu.Lock()
	last.cut.Lock() // for good
	mu.Unlock()
	if err := receive(t, "the end of a stream over a dead link", ended); err == nil {
		t.Error("Forward did not notice a dead link")
	}
}

// deafConn stops to send at some moment.
type deafConn struct {
	net.Conn
	cut sync.RWMutex
}

func (c *deafConn) Write(p []byte) (int, error) {
	if !c.cut.TryRLock() {
		return len(p), nil // the wire is cut, and nobody says so
	}
	defer c.cut.RUnlock()
	return c.Conn.Write(p)
}

// TestNothingStays closes nodes in the middle of everything, and looks for goroutines that live on.
func TestNothingStays(t *testing.T) {
	for range 3 {
		x, y := serve(t, peer.Options{}), serve(t, peer.Options{})
		x.h.ask = func(ctx context.Context, _ cluster.Identity, _ string, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				select {
				case rpc := <-x.Transport().Consumer():
					rpc.Respond(&raft.AppendEntriesResponse{Success: true, LastLog: 2}, nil)
				case <-ctx.Done():
				}
			}
		}()
		if err := appendTo(y, x); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, y, x)
		mustEcho(t, s, "x")
		var asked sync.WaitGroup
		asked.Go(func() { _, _, _ = y.Ask(t.Context(), x.address, "wait", nil) })
		dial(t, x.address)
		begin := time.Now()
		x.Close()
		asked.Wait()
		s.Close()
		y.Close()
		cancel()
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("closing took %v", d)
		}
	}
	ours := regexp.MustCompile(`lockd/cluster/peer\.|google.golang.org/grpc|hashicorp/raft\.`)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var all strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, stack := range strings.Split(all.String(), "\n\n") {
			if ours.MatchString(stack) {
				left = append(left, stack)
			}
		}
		switch {
		case len(left) == 0:
			return
		case time.Since(begin) > limit:
			t.Fatalf("%d goroutines stay:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}
