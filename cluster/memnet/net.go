// Package memnet is a network in memory between nodes of one process, for tests and simulation. It keeps
// the contract of cluster.Network, and adds what a real network does only by accident: links can be cut,
// one way or both, and nodes die and come back.
//
// It opens no socket and no file, and waits only on channels, conditions and timers. So it works inside a
// bubble of testing/synctest, where time is virtual.
//
// A cut link is silent, as a cable that was pulled out: what was on its way arrives after it is healed,
// whoever waits for an answer waits until his time is over, and a stream breaks once the cut has lasted
// for SilenceLimit. A node that died is loud: its streams break at once and nothing listens at its
// address.
package memnet

import (
	"fmt"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// How long things take here. They are those of cluster/peer.
const (
	// SilenceLimit is how long a link may be cut before the streams across it break.
	SilenceLimit = 3 * time.Second
	// GreetLimit is how long connecting to a node may take, its wait for a handler included.
	GreetLimit = 2 * time.Second
	// RaftTimeout is how long an RPC of raft may take; a snapshot and a TimeoutNow have ten times that.
	RaftTimeout = time.Second
)

// Net is the network: the nodes that run, the links that are cut, the streams that are open.
type Net struct {
	mu      sync.Mutex
	nodes   map[string]*node
	cuts    map[link]*time.Timer // cut links, and what breaks their streams
	frozen  map[string]bool      // nodes that nothing leaves nor reaches
	weather map[link]Weather     // where it is not fine
	streams map[*conn]struct{}
	changed chan struct{} // closed and replaced when a cut is healed
}

// link is one direction between two addresses.
type link struct{ from, to string }

// New makes a network without nodes.
func New() *Net {
	return &Net{
		nodes:   map[string]*node{},
		cuts:    map[link]*time.Timer{},
		frozen:  map[string]bool{},
		weather: map[link]Weather{},
		streams: map[*conn]struct{}{},
		changed: make(chan struct{}),
	}
}

// Node starts a node at address, also one that was stopped before, and returns its way to the others. It
// panics if a node runs there already, which no test means.
func (n *Net) Node(address string) cluster.Network {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[address] != nil {
		panic(fmt.Sprintf("memnet: a node runs at %s already; stop it first", address))
	}
	x := newNode(n, address)
	n.nodes[address] = x
	return x
}

// Stop ends the node at address as kill -9 ends a process. Its cluster.Network is of no more use. Stopping
// what does not run does nothing.
func (n *Net) Stop(address string) {
	n.mu.Lock()
	x := n.nodes[address]
	n.mu.Unlock()
	if x != nil {
		_ = x.Close()
	}
}

// Cut cuts the link between a and b in both directions.
func (n *Net) Cut(a, b string) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay cuts what goes from one address to another. What comes back still arrives, but nobody gets an
// answer across such a link, nor opens a stream.
func (n *Net) CutOneWay(from, to string) {
	l := link{from, to}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cuts[l] != nil {
		return
	}
	n.cuts[l] = time.AfterFunc(SilenceLimit, func() { n.silence(l) })
	n.stall(l)
}

// Heal ends the cuts between a and b, of both directions.
func (n *Net) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range []link{{a, b}, {b, a}} {
		if timer := n.cuts[l]; timer != nil {
			timer.Stop()
			delete(n.cuts, l)
			n.stall(l)
		}
	}
	n.tell()
}

// Freeze holds back all that a node sends and all that is sent to it until Thaw, whatever is cut and healed
// meanwhile: the node of a process that is stopped. Its streams do not break, however long that takes.
func (n *Net) Freeze(address string) { n.freeze(address, true) }

// Thaw ends that.
func (n *Net) Thaw(address string) { n.freeze(address, false) }

func (n *Net) freeze(address string, frozen bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frozen[address] = frozen
	for c := range n.streams {
		for side := range c.ends {
			c.stall(side, n.held(link{c.ends[side].address, c.ends[1-side].address}))
		}
	}
	n.tell()
}

// tell wakes those who wait for a link. The caller has n.mu.
func (n *Net) tell() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// held tells whether nothing comes over a link. The caller has n.mu.
func (n *Net) held(l link) bool { return n.cuts[l] != nil || n.frozen[l.from] || n.frozen[l.to] }

// stall holds back what is on its way over a link, or lets it go, as the link is now. The caller has n.mu.
func (n *Net) stall(l link) {
	for c := range n.streams {
		for side := range c.ends {
			if c.ends[side].address == l.from && c.ends[1-side].address == l.to {
				c.stall(side, n.held(l))
			}
		}
	}
}

// silence breaks the streams across a link that is still cut.
func (n *Net) silence(l link) {
	n.mu.Lock()
	var broken []*conn
	if n.cuts[l] != nil {
		broken = n.between(l)
	}
	n.mu.Unlock()
	why := fmt.Errorf("nothing was heard across the link from %s to %s for %v", l.from, l.to, SilenceLimit)
	for _, c := range broken {
		c.breakBoth(why)
	}
}

// between returns the streams across a link, whichever end opened them. The caller has n.mu.
func (n *Net) between(l link) (streams []*conn) {
	for c := range n.streams {
		a, b := c.ends[0].address, c.ends[1].address
		if l == (link{a, b}) || l == (link{b, a}) {
			streams = append(streams, c)
		}
	}
	return streams
}

// cut tells whether a link is cut, and returns a channel that is closed when that may have changed.
func (n *Net) cut(from, to string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held(link{from, to}), n.changed
}

// running returns the node at address, nil if none runs.
func (n *Net) running(address string) *node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[address]
}

// add enters a stream, unless one of its ends has died in the meantime.
func (n *Net) add(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for side := range c.ends {
		if n.nodes[c.ends[side].address] != c.ends[side] {
			return false
		}
	}
	n.streams[c] = struct{}{}
	for side := range c.ends {
		c.stall(side, n.held(link{c.ends[side].address, c.ends[1-side].address}))
	}
	return true
}

// drop forgets a stream that both ends have left.
func (n *Net) drop(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, c)
}

// remove takes out a node that dies, and returns its streams.
func (n *Net) remove(x *node) []*conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[x.address] == x {
		delete(n.nodes, x.address)
	}
	var its []*conn
	for c := range n.streams {
		if c.ends[0] == x || c.ends[1] == x {
			its = append(its, c)
		}
	}
	return its
}
