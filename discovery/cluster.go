package discovery

// The view of the group as a Redis Cluster: the same commands as on the data port, run by the same hub, but
// for CLUSTER, which describes the group, and for commands on keys that come to a node which does not lead:
// these are redirected, so that clients learn who leads.
//
// While there is no leader a Redis Cluster refuses commands, and clients come back with them, some a few
// times and some not at all. lockd need not refuse: what a node accepts is done by the next leader, exactly
// once, and usually within a fraction of a second. So for a while each node shows itself as the master and
// takes what comes. Only when that while is over it says that the cluster is down.

import (
	"fmt"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// patience is for how long commands are taken without a leader: longer than any election that ends well.
const patience = 3 * time.Second

// Cluster is the view as a node of a Redis Cluster. Use it with session.Hub.As and session.ModeCluster.
type Cluster struct {
	group    *Watcher
	patience time.Duration
}

var _ session.View = (*Cluster)(nil)

// NewCluster returns the view of the group that w follows.
func NewCluster(w *Watcher) *Cluster { return &Cluster{group: w, patience: patience} }

// Instead answers what a node of a Redis Cluster answers in its own way.
func (v *Cluster) Instead(
	c *commands.Conn, cmd *commands.Command, words resp.Command,
) (reply resp.Value, answered bool) {
	a := commands.Args(words)
	switch cmd.Name {
	case "asking":
		return resp.OK(), true // no slot ever moves, so there is nothing to ask for
	case "select":
		if n, ok := a.Int(1); ok && n != 0 {
			return resp.Error("ERR SELECT is not allowed in cluster mode"), true
		}
	case "move":
		return resp.Error("ERR MOVE is not allowed in cluster mode"), true
	case "swapdb":
		return resp.Error("ERR SWAPDB is not allowed in cluster mode"), true
	}
	if group, sub, _ := cutName(cmd.FullName()); group == "cluster" {
		return v.describe(sub, a), true
	}
	return v.redirect(c, cmd, words)
}

// redirect sends commands on keys to the leader, unless the connection is content with what this node has.
func (v *Cluster) redirect(
	c *commands.Conn, cmd *commands.Command, words resp.Command,
) (reply resp.Value, answered bool) {
	g := v.group.latest.Load()
	if g.self.Leader || c.ReadOnly && cmd.Has(commands.ReadOnly) {
		return resp.Value{}, false
	}
	down := v.down(g)
	master := g.master()
	if master.Self && !down {
		return resp.Value{}, false
	}
	keys := cmd.KeyPlaces(words)
	switch {
	case len(keys) == 0:
		return resp.Value{}, false
	case down:
		return resp.Error("CLUSTERDOWN The cluster is down"), true
	}
	return resp.Error(fmt.Sprintf("MOVED %d %s",
		keySlot(words[keys[0]]), hostPort(master.Host, master.ClusterViewPort))), true
}

// down tells whether there has been no leader for too long.
func (v *Cluster) down(g *snapshot) bool {
	return g.leader.ID == "" && time.Since(g.since) > v.patience
}

// master is who the view says has all slots: the leader, or this node, which hands on whatever it is sent,
// while there is no leader or the leader does not show itself as a node of a Redis Cluster.
func (s *snapshot) master() session.Peer {
	if s.leader.ClusterViewPort != 0 {
		return s.leader
	}
	return s.self
}
