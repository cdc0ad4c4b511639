package cluster_test

import (
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// The figures of INFO: who leads counts what it proposes, and every node what it applies.
func TestWorkIsCounted(t *testing.T) {
	g := trio(t)
	leader, follower := g.nodes[g.leader()].node, g.nodes[g.followers()[0]].node
	before := leader.Status().Work
	ask(t, leader, 1, "LOCK a o 60000", "LOCK b o 60000", "GET a")
	ask(t, follower, 1, "LOCK c o 60000")
	// The reply to the last may be there before it is counted.
	eventually(t, "calls that are counted", func() bool {
		after := leader.Status().Work
		return after.ProposedCalls >= before.ProposedCalls+4 && after.Proposed >= before.Proposed+2 && after.Leaders > 0
	})
	after := leader.Status().Work
	if after.ApplyTotal <= before.ApplyTotal || after.ApplyPeak < after.ApplyLast {
		t.Errorf("from %+v to %+v", before, after)
	}
	eventually(t, "newest entries", func() bool { return leader.Status().EntryVersion == fsm.EntryVersion })
	eventually(t, "entries at the follower", func() bool { return follower.Status().Entries >= after.Entries-before.Entries })
	if s := follower.Status(); s.Proposed != 0 || s.SnapshotIndex != 0 {
		t.Errorf("a follower has %+v", s.Work)
	}
	if err := follower.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if s := follower.Status(); s.SnapshotIndex == 0 || s.SnapshotIndex > s.Index {
		t.Errorf("snapshot of %d at %d", s.SnapshotIndex, s.Index)
	}
}
