// This file shows the parts of a node to each other in the words that each of them asked for.

package server

import (
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// stallLimit is the age of a call to the disk at which the node stops: by then nobody is served any more,
// and a supervisor or another node can do better.
const stallLimit = 3 * time.Second

// snapshotRate bounds the bytes a second that a snapshot writes: beside a faster one the log's syncs wait for
// the disk, and the commands for the processor.
const snapshotRate = 32 << 20

// nodeView is the node as connections see it.
type nodeView struct {
	*cluster.Node
	store *storage.Store
}

// Status puts together what the node and its disk tell.
func (v *nodeView) Status() session.Status {
	n, sync := v.Node.Status(), v.store.SyncTimes()
	free, _ := v.store.Free()
	return session.Status{
		Stats: n.Stats,
		Member: session.Member{
			Node: n.Origin.Node, Incarnation: n.Origin.Incarnation, DiskID: v.store.DiskID(),
			Role: n.Role, Leader: n.Leader,
		},
		Progress: session.Progress{
			CommitIndex: n.CommitIndex, LastIndex: n.LastIndex, Queued: n.Queued,
			Freezes: n.Freezes, Frozen: n.Frozen,
		},
		Work: session.Work{
			Leaders: n.Leaders, Entries: n.Entries, Proposed: n.Proposed, ProposedCalls: n.ProposedCalls,
			ApplyTotal: n.ApplyTotal, ApplyLast: n.ApplyLast, ApplyPeak: n.ApplyPeak,
			Forwarded: n.Forwarded, EntryVersion: n.EntryVersion, SnapshotIndex: n.SnapshotIndex,
			DriftPPM: n.DriftPPM, ClockSlowPPM: n.ClockSlowPPM,
		},
		Disk: session.Disk{
			LogBytes: n.LogBytes, LogEntries: n.LogEntries,
			Snapshotting: n.Snapshotting, LastSnapshot: n.LastSnapshot,
			SyncLast: sync.Last, SyncP50: sync.P50, SyncP99: sync.P99, DiskFree: free,
		},
	}
}

// settingsView is the settings as CONFIG sees them.
type settingsView struct{ *Settings }

// SetPairs changes settings, all or none.
func (v settingsView) SetPairs(pairs []string) error {
	var changes []Change
	for i := 0; i+1 < len(pairs); i += 2 {
		changes = append(changes, Change{pairs[i], pairs[i+1]})
	}
	return v.SetAll(changes...)
}

// policy is what connections ask for all the time.
func (c *Config) policy() session.Policy {
	p := session.Policy{
		MaxKeyBytes: int(c.Limits.MaxKeyBytes), EnableFlush: c.Security.EnableFlush,
		Debug: c.Security.EnableDebugCommand, DefaultDB: c.Network.DefaultDB,
		SlowlogThan: c.Timing.SlowlogThan, SlowlogLen: c.Timing.SlowlogMaxLen,
		CommandTimeout: c.Timing.CommandTimeout,
		MaxClients:     c.Limits.MaxClients, LatencyAbove: c.Timing.LatencyThreshold,
		MaxMemory: c.Limits.MemoryBound(), Notify: c.Pushes.Events, MaxTracked: c.Pushes.MaxTracked,
	}
	if c.Security.RequirePass != "" {
		p.Password = c.Security.RequirePass.Matches
	}
	return p
}

func (c *Config) wireLimits() resp.Limits {
	l := resp.DefaultLimits()
	l.CommandBytes = int(c.Limits.MaxCommandBytes)
	l.Args = c.Limits.MaxArgs
	l.InlineBytes = int(c.Limits.MaxInlineBytes)
	l.PreAuthArgs = c.Limits.PreauthArgs
	l.PreAuthBytes = int(c.Limits.PreauthBytes)
	l.PreAuthTimeout = c.Limits.PreauthTimeout
	l.MaxClients = c.Limits.MaxClients
	l.OutputBytes = int(c.Queues.OutputBytes)
	l.WriteTimeout = c.Limits.WriteTimeout
	l.IdleTimeout = c.Limits.IdleTimeout
	l.KeepAlive = c.Limits.TCPKeepAlive
	return l
}

// first is the address that is shown where there is room for one.
func (l *Listeners) first() string {
	for _, ln := range append(l.Plain, l.TLS...) {
		return ln.Addr().String()
	}
	return ""
}
