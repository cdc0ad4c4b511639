// This file shows the members of the cluster to the parts that tell clients about them.

package server

import (
	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/session"
)

// topology is the cluster as clients see it.
type topology struct{ node *cluster.Node }

// Peers returns the members in the order of their ids.
func (t topology) Peers() []session.Peer {
	var peers []session.Peer
	for _, m := range t.node.Members() {
		peers = append(peers, peerOf(m))
	}
	return peers
}

// peerOf shows one member. A node that was just started may know who leads before it knows where clients
// reach that one; for clients there is no leader yet.
func peerOf(m cluster.Member) session.Peer {
	p := session.Peer{
		ID: m.ID, Leader: m.Leader && (m.Client != "" || m.Self), Self: m.Self, Voter: m.Voter, Up: m.Up,
		Index: m.Index, SinceHeard: m.SinceHeard,
	}
	if m.Client != "" {
		// What does not parse is of a newer version: the member is shown without an address.
		p.ClientAddress, _ = session.ParseClient(m.Client)
	}
	return p
}

// Watch tells of changes.
func (t topology) Watch() (changes <-chan struct{}, stop func()) { return t.node.Watch() }
