// The nodes that the contract is tried with, in each kind of network, and what tests say about them.

package peer_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/cluster/peer"
)

// limit is how long anything here may take before the test fails; what is fast in truth is.
const limit = 10 * time.Second

// world is where nodes are started.
type world interface {
	// listen starts a node that serves nothing yet, on an address that is new or was given by a stopped one.
	listen(t testing.TB, name, address string) (n cluster.Network, at string)
}

// node is one started node.
type node struct {
	cluster.Network
	h       *handler
	address string
}

func start(t testing.TB, w world, name, address string) *node {
	t.Helper()
	n, at := w.listen(t, name, address)
	x := &node{Network: n, address: at, h: &handler{
		me: cluster.Identity{Node: name, Disk: "disk of " + name, Incarnation: 7, Address: at, Version: 1},
	}}
	x.h.forward = func(_ cluster.Identity, s cluster.Stream) error { return echo(s) }
	t.Cleanup(func() { x.Close() })
	x.Serve(x.h)
	return x
}

// handler is a node that does what a test says.
type handler struct {
	me      cluster.Identity
	refuse  atomic.Pointer[string]
	forward func(cluster.Identity, cluster.Stream) error
	ask     func(context.Context, cluster.Identity, string, []byte) ([]byte, error)
	met     atomic.Pointer[cluster.Identity]
	why     atomic.Int32
}

func (h *handler) Identity() cluster.Identity { return h.me }

func (h *handler) Admit(other cluster.Identity, why cluster.Purpose) error {
	h.met.Store(&other)
	h.why.Store(int32(why))
	if text := h.refuse.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

func (h *handler) Forward(from cluster.Identity, s cluster.Stream) error { return h.forward(from, s) }

func (h *handler) Ask(ctx context.Context, from cluster.Identity, op string, q []byte) ([]byte, error) {
	return h.ask(ctx, from, op, q)
}

func echo(s cluster.Stream) error {
	for {
		frame, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(frame); err != nil {
			return err
		}
	}
}

type memory struct{ net *memnet.Net }

func (m memory) listen(_ testing.TB, name, _ string) (cluster.Network, string) {
	return m.net.Node(name), name
}

type sockets struct{ tls *authority }

func (s sockets) listen(t testing.TB, name, address string) (cluster.Network, string) {
	opt := peer.Options{Log: logTo(t)}
	if s.tls != nil {
		opt.TLS = s.tls.issue(t, name)
	}
	n := listen(t, address, opt)
	return n, n.at
}

// listening is a peer.Network and where it listens.
type listening struct {
	*peer.Network
	at string
}

// listen opens the port at address, or anywhere if there is none.
func listen(t testing.TB, address string, opt peer.Options) listening {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	opt.Listener, opt.Advertise = l, l.Addr().String()
	n, err := peer.Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return listening{n, opt.Advertise}
}

func context10(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func mustOpen(t testing.TB, from, to *node) cluster.Stream {
	t.Helper()
	s, it, err := from.Open(context10(t), to.address)
	if err != nil {
		t.Fatal(err)
	}
	if it != to.h.me {
		t.Fatalf("%s answered as %+v", to.h.me.Node, it)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustEcho(t testing.TB, s cluster.Stream, text string) {
	t.Helper()
	if err := s.Send([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Recv(); err != nil || string(got) != text {
		t.Fatalf("%.40q came back as %.40q, %v", text, got, err)
	}
}

// soon returns what f returns, and fails the test if it does not return.
func soon[T any](t *testing.T, what string, f func() T) T {
	t.Helper()
	c := make(chan T, 1)
	go func() { c <- f() }()
	return receive(t, what, c)
}

func receive[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(limit):
		t.Fatalf("%s: nothing happened", what)
	}
	return v
}

func wantRefusal(t *testing.T, err error, by cluster.Identity, text string) {
	t.Helper()
	var r *cluster.Refusal
	if !errors.As(err, &r) || r.By != by || !strings.Contains(r.Text, text) {
		t.Errorf("the error is %#v, want a refusal by %s that says %q", err, by.Node, text)
	}
}

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}
