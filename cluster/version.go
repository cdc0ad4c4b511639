// Which version of entries a leader writes: one that all members understand, and never an older one than
// before (fsm/entry.go says what versions are).

package cluster

import (
	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// entryVersion is the version of the entries that this node writes as leader.
func (n *Node) entryVersion() byte {
	return byte(max(n.version.Load(), uint32(n.replica.level()), fsm.EntryVersionFirst))
}

// commonVersion is the newest version that all members understand, as they said when they last started. One
// that has said nothing yet knows the first.
func (n *Node) commonVersion() int {
	said := map[raft.ServerID]int{}
	for _, m := range n.replica.members() {
		said[raft.ServerID(m.Node)] = m.Version
	}
	common := n.opts.NewestEntry
	for _, s := range n.configuration().Servers {
		common = min(common, max(said[s.ID], fsm.EntryVersionFirst))
	}
	return common
}
