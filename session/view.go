// A node shows itself on several ports: as it is on the data port, and to clients that know how to follow a
// leader, as a Redis Sentinel or as a node of a Redis Cluster (package discovery). The connections of all
// these ports are the same kind of thing, and run commands of a table in the same way; what a port does
// differently is its View.

package session

import (
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// The modes of a port, as HELLO and INFO tell them. Clients go by these words.
const (
	standalone   = "standalone"
	ModeCluster  = "cluster"
	ModeSentinel = "sentinel"
)

// View is what a port does differently.
type View interface {
	// Instead answers a command in place of its entry in the table; answered is false where that is to run.
	// The command exists, has as many words as it needs, and the connection may send it.
	Instead(c *commands.Conn, cmd *commands.Command, words resp.Command) (reply resp.Value, answered bool)
}

// As returns the hub as a port of another mode serves it. view may be nil.
func (h *Hub) As(mode string, view View) resp.Handler { return &viewPort{h, mode, view} }

// viewPort is a Hub whose connections know where they came in.
type viewPort struct {
	*Hub
	mode string
	view View
}

// Open is called for each accepted connection of the port.
func (p *viewPort) Open(rc *resp.Conn) { p.open(rc, p.mode, p.view) }

// instead asks the connection's port whether it answers a command by itself, and does what it says.
func (h *Hub) instead(c *conn, cmd *commands.Command, words resp.Command) bool {
	if c.view == nil {
		return false
	}
	v, answered := c.view.Instead(&c.Conn, cmd, words)
	switch {
	case !answered:
		return false
	case v.IsError():
		h.stats.rejected(cmd, v)
	default:
		h.stats.done(cmd, v, 0)
	}
	c.slots = append(c.slots, slot{call: -1, value: v})
	return true
}

// firstDB is the database that a connection starts in. A Redis Cluster has only one.
func (p *Policy) firstDB(mode string) int {
	if mode == ModeCluster {
		return 0
	}
	return p.DefaultDB
}
