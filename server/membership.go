// This file shows the members of the cluster to the commands that are about them.

package server

import (
	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/session"
)

// membership is the cluster as RAFT.* sees and changes it.
type membership struct{ *cluster.Node }

// Nodes returns the members in the order of their ids.
func (g membership) Nodes() []session.GroupNode {
	var nodes []session.GroupNode
	for _, m := range g.Members() {
		nodes = append(nodes, session.GroupNode{
			Peer: peerOf(m), Address: m.Address, Disk: m.Disk, Version: m.Version, NoVote: m.NoVote,
		})
	}
	return nodes
}

// Raft returns figures about this node's log.
func (g membership) Raft() session.RaftFigures {
	f := g.Figures()
	return session.RaftFigures{
		Cluster: f.Cluster, Address: f.Address, Term: f.Term, Applied: f.Applied,
		Snapshot: f.Snapshot, EntryVersion: f.EntryVersion, NewestEntry: f.NewestEntry,
	}
}
