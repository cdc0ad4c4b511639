// Which version of entries a leader writes: one that all members understand, and never an older one than
// before (fsm/entry.go says what versions are).

package cluster

import (
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// entryVersion is the version of the entries that this node writes as leader.
func (n *Node) entryVersion() byte {
	return byte(max(n.version.Load(), uint32(n.replica.level()), fsm.EntryVersionFirst))
}

// lookAtVersions makes tend do what raiseVersion says, without waiting for its turn: a new cluster should not
// refuse what is new for its first moments.
func (n *Node) lookAtVersions() {
	select {
	case n.versions <- struct{}{}:
	default:
	}
}

// raiseVersion finds, on the leader, which version entries may have, and writes one of that version, as the
// first of it is what lets every node use what came with it.
func (n *Node) raiseVersion() {
	common := n.commonVersion()
	n.version.Store(uint32(common))
	if n.replica.level() < common {
		n.command(fsm.KindUnblock, "TIMEOUT") // of connection 0, which does not exist
	}
}

// awaitVersion waits, for a short time, until the state has the version that all members know.
func (n *Node) awaitVersion() {
	for end := time.Now().Add(time.Second); n.replica.level() < n.commonVersion() && time.Now().Before(end); {
		select {
		case <-n.stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
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
