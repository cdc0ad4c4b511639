// A node's way to the others: the methods of cluster.Network, in the order in which cluster/peer does the
// same with sockets: reach the machine, greet each other, talk.

package memnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/divtxt/lockd/cluster"
)

// errStopped is what a node's own calls return once it was stopped.
var errStopped = errors.New("this node's network is closed")

// node is one start of a node.
type node struct {
	net       *Net
	address   string
	transport *transport
	life      context.Context // ends when the node dies
	die       context.CancelFunc
	ready     chan struct{} // closed by the first Serve

	mu        sync.Mutex
	handler   cluster.Handler
	raftPeers map[*node]bool // whom raft has greeted; another start is another node
}

var _ cluster.Network = (*node)(nil)

func newNode(n *Net, address string) *node {
	x := &node{net: n, address: address, ready: make(chan struct{}), raftPeers: map[*node]bool{}}
	x.life, x.die = context.WithCancel(context.Background())
	x.transport = newTransport(x)
	return x
}

// Serve implements cluster.Network.
func (x *node) Serve(h cluster.Handler) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.handler == nil {
		close(x.ready)
	}
	x.handler = h
}

// Transport implements cluster.Network.
func (x *node) Transport() cluster.Transport { return x.transport }

// Open implements cluster.Network.
func (x *node) Open(ctx context.Context, address string) (cluster.Stream, cluster.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, GreetLimit)
	defer cancel()
	other, err := x.reach(ctx, address)
	if err != nil {
		return nil, cluster.Identity{}, err
	}
	me, it, err := x.greet(ctx, other, cluster.ForForward)
	if err != nil {
		return nil, it, err
	}
	c := newConn(x.net, x, other)
	if !x.net.add(c) {
		return nil, it, fmt.Errorf("%s: %w", address, errDied)
	}
	go func() {
		end := io.EOF
		if err := other.currentHandler().Forward(me, server{c}); err != nil {
			end = &cluster.Refusal{By: it, Text: err.Error()}
		}
		c.leave(1, end)
	}()
	return opener{c}, it, nil
}

// Ask implements cluster.Network.
func (x *node) Ask(ctx context.Context, address, op string, question []byte) (
	[]byte, cluster.Identity, error,
) {
	connecting, cancel := context.WithTimeout(ctx, GreetLimit)
	defer cancel()
	other, err := x.reach(connecting, address)
	if err != nil {
		return nil, cluster.Identity{}, err
	}
	me, it, err := x.greet(connecting, other, cluster.ForAsk)
	if err != nil {
		return nil, it, err
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	type reply struct {
		answer []byte
		err    error
	}
	replies := make(chan reply, 1)
	question = bytes.Clone(question)
	go func() {
		answer, err := other.currentHandler().Ask(asking, me, op, question)
		replies <- reply{bytes.Clone(answer), err}
	}()
	select {
	case r := <-replies:
		if err := x.crossing(ctx, address, x.address); err != nil {
			return nil, it, err
		}
		if r.err != nil {
			return nil, it, &cluster.Refusal{By: it, Text: r.err.Error()}
		}
		return r.answer, it, nil
	case <-other.life.Done():
		return nil, it, fmt.Errorf("%s: %w", address, errDied)
	case <-x.life.Done():
		return nil, it, errStopped
	case <-ctx.Done():
		return nil, it, fmt.Errorf("no answer from %s: %w", address, ctx.Err())
	}
}

// Probe implements cluster.Network.
func (x *node) Probe(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, GreetLimit)
	defer cancel()
	_, err := x.reach(ctx, address)
	return err
}

// Close implements cluster.Network. It is also the node's death: both close all connections.
func (x *node) Close() error {
	x.die()
	for _, c := range x.net.remove(x) {
		for side := range c.ends {
			if c.ends[side] == x {
				c.leave(side, errDied)
			}
		}
	}
	return x.transport.Close()
}

// reach waits until the links from here to address and back are whole, and returns the node that runs there.
func (x *node) reach(ctx context.Context, address string) (*node, error) {
	if err := x.crossing(ctx, x.address, address); err != nil {
		return nil, err
	}
	if err := x.crossing(ctx, address, x.address); err != nil {
		return nil, err
	}
	return x.find(address)
}

// find returns the node that runs at address.
func (x *node) find(address string) (*node, error) {
	other := x.net.running(address)
	if other == nil {
		return nil, fmt.Errorf("%s: %w", address, cluster.ErrNotListening)
	}
	return other, nil
}

// crossing waits while a link is cut.
func (x *node) crossing(ctx context.Context, from, to string) error {
	for {
		isCut, changed := x.net.cut(from, to)
		if x.life.Err() != nil {
			return errStopped
		}
		if !isCut {
			return nil
		}
		select {
		case <-changed:
		case <-x.life.Done():
		case <-ctx.Done():
			return fmt.Errorf("from %s to %s: %w", from, to, ctx.Err())
		}
	}
}

// greet makes both nodes admit each other, the one that was called first, and returns their identities.
func (x *node) greet(ctx context.Context, other *node, why cluster.Purpose) (
	me, it cluster.Identity, err error,
) {
	for _, n := range []*node{x, other} {
		select {
		case <-n.ready:
		case <-n.life.Done():
			return me, it, fmt.Errorf("%s: %w", n.address, errDied)
		case <-ctx.Done():
			return me, it, fmt.Errorf("%s does not answer: %w", n.address, ctx.Err())
		}
	}
	mine, others := x.currentHandler(), other.currentHandler()
	me = mine.Identity()
	refused := others.Admit(me, why)
	it = others.Identity()
	if refused != nil {
		return me, it, &cluster.Refusal{By: it, Text: refused.Error()}
	}
	if err := mine.Admit(it, why); err != nil {
		return me, it, &cluster.Refusal{By: me, Text: err.Error()}
	}
	return me, it, nil
}

// currentHandler returns the handler of the last Serve.
func (x *node) currentHandler() cluster.Handler {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.handler
}
