// Package peer is the cluster port: the one port at which the other nodes of a cluster reach this one,
// over TCP and, beyond one machine, TLS. It keeps the contract of cluster.Network.
//
// Every connection begins in the same way (greet.go): a TLS handshake, then a hello in which both sides
// say who they are and what the connection is for, and each may refuse with a sentence for people. Only
// then does the connection get to what it is for: raft's own protocol (raft.go), or gRPC for commands and
// questions (grpc.go, forward.go, ask.go). So neither raft nor gRPC ever reads a byte from a stranger;
// raft's transport would believe it.
package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/divtxt/lockd/cluster"
)

// Limits of the port that nobody needs to set.
const (
	// connectLimit is how long a TCP connection may take to come about.
	connectLimit = 2 * time.Second
	// helloLimit is how long TLS and hello may take, on either side.
	helloLimit = 2 * time.Second
	// maxGreeting is how many accepted connections may be in TLS or hello at a time.
	maxGreeting = 256
	// maxConns is how many connections may be open for one more to be accepted. A node of seven has under fifty.
	maxConns = 1024
	// closeLimit is how long Close waits for handlers that do not notice that their streams ended.
	closeLimit = 2 * time.Second
)

// Options is what Listen needs.
type Options struct {
	// Listener is a TCP listener that is open already; Close closes it.
	Listener net.Listener
	// Advertise is the host:port at which others reach this port. Raft knows this node by it.
	Advertise string
	// TLS names the certificates; nil leaves all connections plain.
	TLS *TLS
	// Resolve maps an address that was asked for to the one to dial; nil dials what was asked for. Host names
	// are looked up at each dial in any case.
	Resolve func(address string) string
	// Dial replaces the way to make a TCP connection, for tests; nil is the usual one.
	Dial   func(ctx context.Context, address string) (net.Conn, error)
	Tuning Tuning
	// Log gets what people should know about: refusals, strangers, certificates. nil discards it.
	Log *slog.Logger
	// RaftLogger is for raft's transport. nil discards what it says.
	RaftLogger hclog.Logger
}

// Tuning is what can be set about connections. A zero value means the default.
type Tuning struct {
	Timeout    time.Duration // for an RPC of raft; 1 s
	MaxPool    int           // idle connections that raft keeps to each node; 3
	FrameBytes int           // the largest frame, question or answer; 16 MiB
}

func (t *Tuning) setDefaults() {
	if t.Timeout == 0 {
		t.Timeout = time.Second
	}
	if t.MaxPool == 0 {
		t.MaxPool = 3
	}
	if t.FrameBytes == 0 {
		t.FrameBytes = 16 << 20
	}
}

// Network is the cluster port of one node.
type Network struct {
	opt      Options
	certs    *certificates // nil without TLS
	log      *limitedLog
	raft     *raftLayer
	grpc     *grpc.Server
	greeted  *queue // connections for grpc
	greeting chan struct{}
	handler  atomic.Pointer[cluster.Handler]
	ready    chan struct{} // closed by the first Serve
	conns    connSet
	life     context.Context // ends with Close
	end      context.CancelFunc

	mu      sync.Mutex     // for Close not to wait while something more starts
	running sync.WaitGroup // goroutines that end with the connections
}

var _ cluster.Network = (*Network)(nil)

// Listen starts to answer on the listener. Its errors are about certificates, and name the file; the
// listener is still the caller's then.
func Listen(opt Options) (*Network, error) {
	opt.Tuning.setDefaults()
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.RaftLogger == nil {
		opt.RaftLogger = hclog.NewNullLogger()
	}
	var certs *certificates
	if opt.TLS != nil {
		var err error
		if certs, err = loadCertificates(*opt.TLS, opt.Log); err != nil {
			return nil, err
		}
	}
	n := &Network{
		opt:      opt,
		certs:    certs,
		log:      newLimitedLog(opt.Log),
		greeting: make(chan struct{}, maxGreeting),
		ready:    make(chan struct{}),
		greeted:  newQueue(opt.Listener.Addr()),
	}
	n.life, n.end = context.WithCancel(context.Background())
	n.raft = newRaftLayer(n)
	n.grpc = n.newServer()
	n.spawn(func() { _ = n.grpc.Serve(n.greeted) })
	n.spawn(n.accept)
	return n, nil
}

// spawn runs f in a goroutine that Close waits for, and tells whether it did: not after Close.
func (n *Network) spawn(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life.Err() != nil {
		return false
	}
	n.running.Go(f)
	return true
}

// Serve implements cluster.Network.
func (n *Network) Serve(h cluster.Handler) {
	if n.certs != nil {
		if err := n.certs.current().names(h.Identity().Node); err != nil {
			n.opt.Log.Error("the other nodes will refuse this node's certificate", "error", err)
		}
	}
	if n.handler.Swap(&h) == nil {
		close(n.ready)
	}
}

// awaitHandler returns the handler, once there is one.
func (n *Network) awaitHandler(ctx context.Context) (cluster.Handler, error) {
	select {
	case <-n.ready:
		return *n.handler.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.life.Done():
		return nil, errClosed
	}
}

// Transport implements cluster.Network.
func (n *Network) Transport() cluster.Transport { return n.raft.transport }

// Probe implements cluster.Network. It only connects: the other side sees a connection without a hello.
func (n *Network) Probe(ctx context.Context, address string) error {
	conn, err := n.dial(ctx, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// dial makes a TCP connection to the node at address.
func (n *Network) dial(ctx context.Context, address string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	target := address
	if n.opt.Resolve != nil {
		target = n.opt.Resolve(address)
	}
	dial := n.opt.Dial
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	raw, err := dial(ctx, target)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s: %w (%w)", address, cluster.ErrNotListening, err)
	case err != nil:
		return nil, fmt.Errorf("cannot connect to %s: %w", address, err)
	}
	conn, ok := n.conns.add(raw, math.MaxInt)
	if !ok {
		raw.Close()
		return nil, errClosed
	}
	return conn, nil
}

// Close implements cluster.Network. It is the same to the others as the end of this process.
func (n *Network) Close() error {
	n.mu.Lock()
	n.end()
	n.mu.Unlock()
	err := n.opt.Listener.Close()
	n.conns.closeAll()
	n.grpc.Stop()
	if e := n.raft.transport.Close(); err == nil {
		err = e
	}
	ended := make(chan struct{})
	go func() {
		n.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeLimit):
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil // closed twice
	}
	return err
}
