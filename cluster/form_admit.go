// Whom a member talks with. Raft believes every message that reaches it, so what must not take part is
// stopped here, at the hello, and told why: nodes of another cluster, disks that have forgotten their votes,
// copies of old disks, and nodes that were removed.

package cluster

import "fmt"

// admit judges the hello of another node, for ForRaft and ForForward; whom it refuses may still ask opForm
// and opJoin. look is what this node's state knows of the other; nil, or its not knowing, is no reason to
// refuse: a node that was just added hears from its leader before it knows who that is.
func admit(self Identity, m *Membership, other Identity, look known) error {
	var k standing
	if look != nil {
		k.disk, k.incarnation, k.removed, k.ok = look(other.Node)
	}
	if member, founder := m.find(other.Node); !k.ok && founder && !m.Joined {
		k.disk, k.ok = member.Disk, true
	}
	switch {
	case other.Cluster == "" && k.ok && k.disk != other.Disk && !k.removed:
		return fmt.Errorf("node %s has lost its data folder: cluster %s knows it with another (%s), and a node "+
			"that has forgotten its votes must not vote again; send RAFT.REMOVE %s to a living node, then start "+
			"it with --join %s", other.Node, m.Cluster, k.disk, other.Node, self.Address)
	case other.Cluster == "":
		return fmt.Errorf("node %s belongs to no cluster yet: to take it into cluster %s, start it with --join %s",
			other.Node, m.Cluster, self.Address)
	case other.Cluster != m.Cluster:
		return fmt.Errorf("node %s at %s belongs to cluster %s, and node %s at %s to cluster %s: an address leads "+
			"to the wrong node, or a data folder was exchanged; correct the addresses, or start the node that is "+
			"to change its cluster with an empty --dir and --join", other.Node, other.Address, other.Cluster,
			self.Node, self.Address, m.Cluster)
	case other.Node == self.Node && other.Disk != self.Disk:
		return fmt.Errorf("two nodes say that they are %s, at %s and at %s: stop the one that is the older copy "+
			"of the data folder, and start it again with an empty --dir, a --node-id of its own and --join",
			self.Node, self.Address, other.Address)
	}
	return k.admit(self, other)
}

// standing is what the cluster knows of a node.
type standing struct {
	disk        string
	incarnation uint64
	removed     bool
	ok          bool // it knows something
}

// admit judges a node of the same cluster.
//
// One with another disk is let in if its incarnation is higher than what is known: the cluster's name is
// given to an empty disk only by a leader that has let the old one go, together with a higher incarnation
// (Membership.IncarnationFloor). This node has then missed the change, and must be able to learn of it,
// perhaps from that very node.
func (k standing) admit(self, other Identity) error {
	switch {
	case !k.ok:
		return nil
	case k.removed:
		return fmt.Errorf("node %s was removed from cluster %s: to take it in again, start it with an empty --dir "+
			"and --join %s", other.Node, other.Cluster, self.Address)
	case k.disk == other.Disk && other.Incarnation < k.incarnation:
		return fmt.Errorf("the data folder of node %s is an older copy: it counts its start %d, and cluster %s "+
			"has seen start %d of it; what it acknowledged since is not in it, so it must not vote: send RAFT.REMOVE "+
			"%s to a living node, then start it with an empty --dir and --join %s", other.Node, other.Incarnation,
			other.Cluster, k.incarnation, other.Node, self.Address)
	case k.disk != other.Disk && other.Incarnation <= k.incarnation:
		return fmt.Errorf("node %s has another data folder (%s) than the one that cluster %s knows (%s), and not "+
			"a newer one: if its disk was replaced, send RAFT.REMOVE %s to a living node, then start it with an "+
			"empty --dir and --join %s", other.Node, other.Disk, other.Cluster, k.disk, other.Node, self.Address)
	}
	return nil
}
