// Raft's part of the port: the connections that hashicorp/raft's own transport uses.

package peer

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
)

// raftLayer gives raft's transport its connections.
type raftLayer struct {
	*queue
	net       *Network
	transport *raft.NetworkTransport
}

var _ raft.StreamLayer = (*raftLayer)(nil)

func newRaftLayer(n *Network) *raftLayer {
	l := &raftLayer{queue: newQueue(advertised(n.opt.Advertise)), net: n}
	l.transport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  l,
		MaxPool: n.opt.Tuning.MaxPool,
		Timeout: n.opt.Tuning.Timeout,
		Logger:  n.opt.RaftLogger,
		// One RPC after the other: with more, a follower that failed to write once is never replicated to again.
		MaxRPCsInFlight:         1,
		MsgpackUseNewTimeFormat: true,
	})
	return l
}

// advertised is a host and port that is not looked up: the name is what raft knows this node by.
type advertised string

func (advertised) Network() string { return "tcp" }

func (a advertised) String() string { return string(a) }

// Dial implements raft.StreamLayer. A connection of this node to itself, over which it tells itself to
// stand for election, needs no socket: it must work while the network does not.
func (l *raftLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	if string(address) == l.net.opt.Advertise {
		return l.loop()
	}
	ctx, cancel := context.WithTimeout(l.net.life, timeout)
	defer cancel()
	c, _, err := l.net.connect(ctx, string(address), cluster.ForRaft)
	if err != nil {
		return nil, err
	}
	return &renewing{
		layer: l, address: string(address), timeout: timeout, conn: c, under: c.under, used: time.Now(),
	}, nil
}

// loop makes a connection to oneself.
func (l *raftLayer) loop() (net.Conn, error) {
	a, b := net.Pipe()
	near, ok := l.net.conns.add(a, maxConns)
	if !ok {
		return nil, errClosed
	}
	far, ok := l.net.conns.add(b, maxConns)
	if !ok {
		near.drop()
		return nil, errClosed
	}
	l.put(far)
	return near, nil
}
