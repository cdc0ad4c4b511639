// Setting up hashicorp/raft. Each setting that differs from its default has its reason here.

package cluster

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	never        = 365 * 24 * time.Hour
	neverEntries = math.MaxInt64
	// aloneHeartbeat is the election timeout of a group of one: nobody else could become leader, so all it
	// does is to delay the start.
	aloneHeartbeat = 50 * time.Millisecond
)

func (n *Node) startRaft() error {
	o := &n.opts
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(o.NodeID)
	conf.HeartbeatTimeout = aloneHeartbeat
	conf.ElectionTimeout = aloneHeartbeat
	conf.LeaderLeaseTimeout = aloneHeartbeat * 4 / 5
	conf.CommitTimeout = 10 * time.Millisecond
	conf.MaxAppendEntries = 8 // entries are up to 256 KiB: more would not arrive before a deadline
	conf.SnapshotInterval = never
	conf.SnapshotThreshold = neverEntries // compact.go decides, by bytes
	conf.TrailingLogs = 1024
	conf.NotifyCh = n.leading
	if o.RaftLogger != nil {
		conf.Logger = calm{o.RaftLogger}
	}
	cache, err := raft.NewLogCache(o.LogCache, o.Log)
	if err != nil {
		return err
	}
	address, transport := raft.NewInmemTransport(raft.ServerAddress(o.NodeID))
	exists, err := raft.HasExistingState(o.Log, o.Stable, o.Snapshots)
	if err != nil {
		return fmt.Errorf("raft state: %w", err)
	}
	if !exists {
		alone := raft.Configuration{Servers: []raft.Server{{ID: conf.LocalID, Address: address}}}
		if err := raft.BootstrapCluster(conf, o.Log, o.Stable, o.Snapshots, transport, alone); err != nil {
			return fmt.Errorf("first start: %w", err)
		}
	}
	n.raft, err = raft.NewRaft(conf, n.replica, cache, o.Stable, o.Snapshots, transport)
	if err != nil {
		return fmt.Errorf("raft: %w", err)
	}
	return nil
}

// calm logs the first election of a group of one as what it is: no reason for a warning.
type calm struct{ hclog.Logger }

// Warn passes on all other warnings.
func (c calm) Warn(msg string, args ...any) {
	if strings.HasPrefix(msg, "heartbeat timeout reached") {
		c.Debug(msg, args...)
		return
	}
	c.Logger.Warn(msg, args...)
}
