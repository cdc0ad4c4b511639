// When to take a snapshot: after so many bytes of log, not entries, for an entry holds one command or a
// thousand. The log that a snapshot covers is dropped but for a tail.

package cluster

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// compactEvery is how often the size of the log is looked at.
const compactEvery = 250 * time.Millisecond

// leastKept is how many entries stay at least: more than a leader can have had that nobody else has.
const leastKept = 64

// compact takes snapshots until the node stops.
func (n *Node) compact() {
	defer n.wait.Done()
	tick := time.NewTicker(compactEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-tick.C:
		}
		if n.replica.logged.Load() < n.opts.SnapshotBytes {
			continue
		}
		if err := n.Snapshot(); err != nil {
			n.log.Warn("could not take a snapshot, the log grows until one succeeds", "error", err)
			select {
			case <-n.stop:
				return
			case <-time.After(10 * time.Second):
			}
		}
	}
}

// Snapshot writes the state to disk and drops the log that it covers.
func (n *Node) Snapshot() error {
	n.running.Store(true)
	defer n.running.Store(false)
	bytes, entries := n.replica.logged.Load(), n.replica.entries.Load()
	if entries > 0 {
		// The tail that stays is half of what triggers a snapshot: a node that was away for a moment
		// catches up from it.
		keep := uint64(max(leastKept, (n.opts.SnapshotBytes/2)/max(1, bytes/entries)))
		rc := raft.ReloadableConfig{
			TrailingLogs: keep, SnapshotInterval: never, SnapshotThreshold: neverEntries,
			HeartbeatTimeout: n.opts.Heartbeat, ElectionTimeout: n.opts.Heartbeat,
		}
		if err := n.raft.ReloadConfig(rc); err != nil {
			return err
		}
	}
	begun := time.Now()
	err := n.store.take(func() error { return n.raft.Snapshot().Error() })
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil {
		// The count began anew when the copy was taken, but the log is as long as before.
		n.replica.logged.Add(bytes)
		n.replica.entries.Add(entries)
		return err
	}
	n.last.Store(time.Now().Unix())
	n.log.Info("snapshot taken", "took", time.Since(begun).Round(time.Millisecond))
	return nil
}
