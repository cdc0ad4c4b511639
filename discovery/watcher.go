// Package discovery shows the group to Redis clients in the two ways in which they know how to follow a
// leader: as Redis Sentinels that watch a master and its replicas (Sentinel), and as a Redis Cluster of one
// shard whose slots all belong to the leader (Cluster). Both are views of the same Topology, on ports of
// their own: clients change their ways when a data port answers SENTINEL or CLUSTER.
//
// Nothing that is promised rests on these views. Every node takes every command and hands it to the leader,
// so a client with an outdated view is served all the same, only by one hop more.
package discovery

import (
	"crypto/sha1"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/session"
)

// lookEvery is how often a Watcher looks at the group without being told of a change: whether a node is up is
// no change of the group.
const lookEvery = time.Second

// Watcher keeps an eye on the group for the views. Its methods may be called from any goroutine.
type Watcher struct {
	topology session.Topology
	own      session.ClientAddress
	started  time.Time
	latest   atomic.Pointer[snapshot]

	mu     sync.Mutex // held while a snapshot is made and shown to those who want each of them, in order
	shown  []func(before, after *snapshot)
	stop   chan struct{}
	closed chan struct{}
}

// Watch begins to follow a group. own is the address of this node, which the group may not have heard of yet.
func Watch(topology session.Topology, own session.ClientAddress) *Watcher {
	w := &Watcher{
		topology: topology, own: own, started: time.Now(), stop: make(chan struct{}), closed: make(chan struct{}),
	}
	w.latest.Store(&snapshot{since: w.started})
	w.look()
	go w.run()
	return w
}

// Close ends the watching. The views go on with what was seen last.
func (w *Watcher) Close() {
	close(w.stop)
	<-w.closed
}

func (w *Watcher) run() {
	defer close(w.closed)
	changes, stop := w.topology.Watch()
	defer stop()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		w.look()
		select {
		case <-changes:
		case <-ticker.C:
		case <-w.stop:
			return
		}
	}
}

// onChange has f called with each snapshot and the one before it. f must not block.
func (w *Watcher) onChange(f func(before, after *snapshot)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown = append(w.shown, f)
}

// look makes a snapshot of this moment.
func (w *Watcher) look() *snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.latest.Load()
	after := before.next(w.topology.Peers(), w.own, time.Now())
	w.latest.Store(after)
	for _, f := range w.shown {
		f(before, after)
	}
	return after
}

// snapshot is the group at one moment. It does not change.
type snapshot struct {
	peers  []session.Peer
	self   session.Peer
	leader session.Peer // without an ID while there is none
	last   session.Peer // the leader, or else the last one that was seen; without an ID if there never was one
	since  time.Time    // when that began: to lead, or to be without a leader
	epoch  uint64       // how many changes of the leader were seen
}

// next is the snapshot after s.
func (s *snapshot) next(peers []session.Peer, own session.ClientAddress, now time.Time) *snapshot {
	n := &snapshot{peers: peers, last: s.last, since: s.since, epoch: s.epoch}
	for i := range peers {
		p := &peers[i]
		if p.Self {
			p.ClientAddress = own
			n.self = *p
		}
		if p.Leader {
			n.leader, n.last = *p, *p
		}
	}
	if n.leader.ID != s.leader.ID {
		n.since = now
		n.epoch++
	}
	return n
}

// find returns the member with an id.
func (s *snapshot) find(id string) (session.Peer, bool) {
	for _, p := range s.peers {
		if p.ID == id {
			return p, true
		}
	}
	return session.Peer{}, false
}

// without returns the members but for one.
func (s *snapshot) without(id string) []session.Peer {
	var list []session.Peer
	for _, p := range s.peers {
		if p.ID != id {
			list = append(list, p)
		}
	}
	return list
}

// voters returns how many members have a vote, and how many of those are up.
func (s *snapshot) voters() (all, up int) {
	for _, p := range s.peers {
		if p.Voter {
			all++
			if p.Up {
				up++
			}
		}
	}
	return all, up
}

// identifier makes of a node's name the 40 hexadecimal digits that Redis names everything by. what tells
// apart the several things that a node is.
func identifier(what, node string) string {
	sum := sha1.Sum([]byte(what + "/" + node))
	return hex.EncodeToString(sum[:])
}
