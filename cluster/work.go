// Figures for people: how much work the entries are, and what this node has seen. They are counted where the
// work is done, without a lock, and read by INFO, metrics and alarms.

package cluster

import (
	"sync/atomic"
	"time"
)

// Work is a part of Status.
type Work struct {
	Leaders       uint64        // leaders that this node has seen come since its start
	Entries       uint64        // entries of commands applied since its start
	ApplyTotal    time.Duration // the time that they took, together
	ApplyLast     time.Duration
	ApplyPeak     time.Duration
	SlowApplies   uint64        // entries that took longer than SlowApply
	SlowLast      time.Duration // the last one of them
	Proposed      uint64        // entries of this node as leader, since its start
	ProposedCalls uint64        // commands and reads in them, empty entries counted too
	Forwarded     int           // calls of other nodes that wait here to be put into an entry
	EntryVersion  int           // that this node writes as leader
	SnapshotIndex uint64        // the last entry in the newest snapshot that this node took or was given
	DriftPPM      int           // how wrong an oscillator may be
	ClockSlowPPM  int           // by which the cluster clock runs slow on purpose
}

// SlowApply is how long an entry may take before it counts as slow: everything waits meanwhile.
const SlowApply = 100 * time.Millisecond

// counters are what Work is made of.
type counters struct {
	leaders, entries, slow, proposed, calls atomic.Uint64
	total, last, peak, slowLast             atomic.Int64 // nanoseconds
	snapshot                                atomic.Uint64
}

// applied counts an entry; b is nil where another node proposed it. One goroutine calls it.
func (c *counters) applied(took time.Duration, b *batch) {
	c.entries.Add(1)
	c.total.Add(int64(took))
	c.last.Store(int64(took))
	c.peak.Store(max(c.peak.Load(), int64(took)))
	if took > SlowApply {
		c.slow.Add(1)
		c.slowLast.Store(int64(took))
	}
	if b != nil {
		c.proposed.Add(1)
		c.calls.Add(uint64(len(b.calls)))
	}
}

// work returns the figures as of now.
func (n *Node) work() Work {
	c := &n.replica.work
	n.remotes.mu.Lock()
	forwarded := len(n.remotes.queue)
	n.remotes.mu.Unlock()
	return Work{
		Leaders: c.leaders.Load(), Entries: c.entries.Load(),
		ApplyTotal: time.Duration(c.total.Load()), ApplyLast: time.Duration(c.last.Load()),
		ApplyPeak: time.Duration(c.peak.Load()), SlowApplies: c.slow.Load(),
		SlowLast: time.Duration(c.slowLast.Load()),
		Proposed: c.proposed.Load(), ProposedCalls: c.calls.Load(), Forwarded: forwarded,
		EntryVersion: int(n.entryVersion()), SnapshotIndex: c.snapshot.Load(),
		DriftPPM: n.opts.DriftPPM, ClockSlowPPM: int(n.clock.slowness),
	}
}
