// INFO's sections about the group: Raft, and the cluster clock.

package session

import (
	"fmt"
	"time"
)

// Work is how much the log's entries are, and what the node has seen, since its start.
type Work struct {
	Leaders       uint64        // leaders that came
	Entries       uint64        // entries applied
	ApplyTotal    time.Duration // the time that they took, together
	ApplyLast     time.Duration
	ApplyPeak     time.Duration
	Proposed      uint64 // entries of this node as leader
	ProposedCalls uint64 // commands and reads in them
	Forwarded     int    // commands of other nodes that wait here to be put into an entry
	EntryVersion  int    // of entries that this node would write
	SnapshotIndex uint64 // the last entry in the newest snapshot here
	DriftPPM      int    // how wrong an oscillator may be, millionths
	ClockSlowPPM  int    // by which the cluster clock runs slow on purpose
}

func (h *Hub) infoRaft(p *infoPage) {
	n := &p.node
	g := h.group()
	p.line("raft_node", n.Node)
	p.line("raft_incarnation", n.Incarnation)
	p.line("raft_disk_id", n.DiskID)
	p.line("raft_role", n.Role)
	p.line("raft_leader", n.Leader)
	p.line("raft_term", n.Term)
	p.line("raft_last_index", n.LastIndex)
	p.line("raft_commit_index", n.CommitIndex)
	p.line("raft_applied_index", n.Index)
	p.line("raft_elections_seen", n.Leaders)
	p.line("raft_entry_version", n.EntryVersion)
	p.line("raft_queued_commands", n.Queued)
	p.line("raft_forwarded_queued", n.Forwarded)
	p.line("raft_entries_applied", n.Entries)
	p.line("raft_entries_proposed", n.Proposed)
	p.line("raft_calls_proposed", n.ProposedCalls)
	p.line("raft_calls_per_entry", fmt.Sprintf("%.2f", ratio(n.ProposedCalls, n.Proposed)))
	p.line("raft_apply_usec_avg", fmt.Sprintf("%.1f", ratio(uint64(n.ApplyTotal.Microseconds()), n.Entries)))
	p.line("raft_apply_usec_last", n.ApplyLast.Microseconds())
	p.line("raft_apply_usec_peak", n.ApplyPeak.Microseconds())
	p.line("raft_fsync_usec_last", n.SyncLast.Microseconds())
	p.line("raft_fsync_usec_p50", n.SyncP50.Microseconds())
	p.line("raft_fsync_usec_p99", n.SyncP99.Microseconds())
	p.line("raft_log_bytes_since_snapshot", n.LogBytes)
	p.line("raft_last_snapshot", n.LastSnapshot)
	p.line("raft_last_snapshot_index", n.SnapshotIndex)
	p.line("raft_disk_free", n.DiskFree)
	infoMembers(p, &g)
}

// infoMembers has a line for each member. lag is in entries, and as old as what this node was told.
func infoMembers(p *infoPage, g *group) {
	p.line("raft_members", len(g.peers))
	bit := map[bool]int{true: 1}
	for i, m := range g.peers {
		lag := p.node.CommitIndex - min(m.Index, p.node.CommitIndex)
		p.line(fmt.Sprintf("raft_member%d", i), fmt.Sprintf(
			"id=%s,address=%s:%d,voter=%d,leader=%d,self=%d,up=%d,index=%d,lag=%d,heard_ms=%d",
			m.ID, m.Host, m.Port, bit[m.Voter], bit[m.Leader], bit[m.Self], bit[m.Up], m.Index, lag,
			max(0, m.SinceHeard).Milliseconds()))
	}
}

// infoClock shows the cluster clock, by which locks expire; it has nothing to do with the date. While it is
// frozen no lock expires.
func infoClock(p *infoPage) {
	frozen := 0
	if p.node.Frozen {
		frozen = 1
	}
	p.line("clock_ms", int64(p.node.Clock))
	p.line("clock_frozen", frozen)
	p.line("clock_freezes", p.node.Freezes)
	p.line("clock_drift_ppm", p.node.DriftPPM)
	p.line("clock_slow_ppm", p.node.ClockSlowPPM)
}
