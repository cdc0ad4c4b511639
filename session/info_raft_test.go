package session

import (
	"testing"
	"time"
)

// What INFO says of the log, the members and the clock.
func TestInfoOfTheGroup(t *testing.T) {
	b, f := startGroup(t)
	f.change("n3", func(p *Peer) { p.Up, p.Voter, p.Index = false, false, 2 })
	b.node.mu.Lock()
	b.node.status.CommitIndex = 42
	b.node.status.Work = Work{
		Leaders: 3, Entries: 4, ApplyTotal: 10 * time.Microsecond, ApplyLast: time.Millisecond, ApplyPeak: time.Second,
		Proposed: 2, ProposedCalls: 7, Forwarded: 5, EntryVersion: 2, SnapshotIndex: 41, DriftPPM: 500, ClockSlowPPM: 1000,
	}
	b.node.mu.Unlock()
	info := fields(b.dial().text("INFO raft clock"))
	for name, want := range map[string]string{
		"raft_elections_seen": "3", "raft_entries_applied": "4", "raft_apply_usec_avg": "2.5",
		"raft_apply_usec_last": "1000", "raft_apply_usec_peak": "1000000", "raft_entries_proposed": "2",
		"raft_calls_per_entry": "3.50", "raft_forwarded_queued": "5", "raft_entry_version": "2",
		"raft_last_snapshot_index": "41", "clock_drift_ppm": "500", "clock_slow_ppm": "1000", "raft_members": "3",
		"raft_member0": "id=n1,address=10.0.0.1:6380,voter=1,leader=1,self=1,up=1,index=40,lag=2,heard_ms=0",
		"raft_member1": "id=n2,address=10.0.0.2:6381,voter=1,leader=0,self=0,up=1,index=40,lag=2,heard_ms=1500",
	} {
		if info[name] != want {
			t.Errorf("%s is %q, want %q", name, info[name], want)
		}
	}
	f.change("n3", func(p *Peer) { p.Index = 1000 }) // it knows more than this node
	const third = "id=n3,address=10.0.0.3:6382,voter=0,leader=0,self=0,up=0,index=1000,lag=0,heard_ms=0"
	if got := fields(b.dial().text("INFO raft"))["raft_member2"]; got != third {
		t.Errorf("got %s", got)
	}
}
