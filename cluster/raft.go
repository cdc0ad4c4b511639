// Setting up hashicorp/raft. Each setting that differs from its default has its reason here.

package cluster

import (
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

const (
	never        = 365 * 24 * time.Hour
	neverEntries = math.MaxInt64
)

func (n *Node) raftConfig() *raft.Config {
	o := &n.opts
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(o.NodeID)
	conf.HeartbeatTimeout = o.Heartbeat
	conf.ElectionTimeout = o.Heartbeat
	conf.LeaderLeaseTimeout = o.Heartbeat * 3 / 4
	conf.CommitTimeout = 10 * time.Millisecond
	conf.MaxAppendEntries = 8 // entries are up to 256 KiB: more would not arrive before a deadline
	conf.SnapshotInterval = never
	conf.SnapshotThreshold = neverEntries // compact.go decides, by bytes
	conf.TrailingLogs = 1024
	conf.NotifyCh = n.notices
	conf.ShutdownOnRemove = false // the node says so itself, and stops serving
	if o.RaftLogger != nil {
		conf.Logger = &raftLog{Logger: o.RaftLogger}
	}
	return conf
}

func (n *Node) startRaft() error {
	o := &n.opts
	conf := n.raftConfig()
	cache, err := raft.NewLogCache(o.LogCache, o.Log)
	if err != nil {
		return err
	}
	if err := dropContradicted(o.Log, o.Snapshots); err != nil {
		return fmt.Errorf("a log that contradicts the newest snapshot: %w", err)
	}
	incoming := newCoveredTransport(n, n.newTransport())
	n.transport = incoming
	exists, err := raft.HasExistingState(o.Log, o.Stable, o.Snapshots)
	if err != nil {
		return fmt.Errorf("raft state: %w", err)
	}
	founders := n.founders()
	if !exists && len(founders.Servers) > 0 {
		if err := raft.BootstrapCluster(conf, o.Log, o.Stable, o.Snapshots, n.transport, founders); err != nil {
			return fmt.Errorf("first start: %w", err)
		}
	}
	n.store = newSnapshotStore(o.Snapshots, func() uint64 { return n.raft.AppliedIndex() })
	n.raft, err = raft.NewRaft(conf, n.replica, cache, o.Stable, n.store, n.transport)
	if err != nil {
		return fmt.Errorf("raft: %w", err)
	}
	close(n.changes.begun)
	n.wait.Add(1)
	go incoming.run()
	return nil
}

// newTransport is the network's, or one that leads nowhere for a node that will stay alone.
func (n *Node) newTransport() Transport {
	if n.opts.Network != nil {
		n.opts.Network.Serve(n)
		return n.opts.Network.Transport()
	}
	address, transport := raft.NewInmemTransport(raft.ServerAddress(n.opts.Address))
	transport.Connect(address, transport)
	return transport
}

// founders is the configuration that every node of a new cluster begins with; it is empty for a node that
// joins, which learns the configuration from the leader.
func (n *Node) founders() (c raft.Configuration) {
	if n.membership.Joined {
		return c
	}
	for _, m := range n.membership.Members {
		c.Servers = append(c.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Address),
		})
	}
	return c
}

// alone tells whether this node is the only voter.
func (n *Node) alone() bool {
	servers := n.configuration().Servers
	return len(servers) == 1 && servers[0].ID == raft.ServerID(n.opts.NodeID)
}
